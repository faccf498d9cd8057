"""What keeps a tunnel from being there, in words for the person at the terminal.

    TunnelError            the end: trying again would change nothing
    └─ TunnelLost          the way there is broken: trying again may help

Codes: `tunnel_extra_missing`, `tunnel_place_invalid`, `tunnel_host_key_changed`,
`tunnel_host_key_unexpected`, `tunnel_key_refused`, `tunnel_key_invalid`, `tunnel_refused`,
`tunnel_replaced`, `tunnel_unused`, `tunnel_abused`, `tunnel_user_invalid`, `tunnel_url_invalid`,
`tunnel_certificate_invalid`, `tunnel_without_url`, `cloudflared_missing`; lost:
`tunnel_unreachable`, `tunnel_lost`.
"""


class TunnelError(Exception):
    """A tunnel that cannot be had, with what to do about it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class TunnelLost(TunnelError):
    """A tunnel that is not there now and may come back."""
