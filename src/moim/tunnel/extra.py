"""The extra that tunnels over SSH need, asked for before it is imported."""

from importlib.util import find_spec

from moim.tunnel.errors import TunnelError


def has_asyncssh() -> bool:
    """Whether the extra is installed."""
    return find_spec("asyncssh") is not None


def need_asyncssh() -> None:
    """Raises: `tunnel_extra_missing`."""
    if not has_asyncssh():
        raise TunnelError(
            "tunnel_extra_missing",
            "A tunnel over SSH needs one more package. Install it with "
            "`pip install 'moim[tunnel]'`, or use `--tunnel cloudflared`.",
        )
