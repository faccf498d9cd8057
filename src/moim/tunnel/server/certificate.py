"""The front door's own TLS: a certificate from files, read again when it has been renewed."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from moim.tunnel.errors import TunnelError


@dataclass
class Certificate:
    """A chain and its key. `context` stays one object: connections that stand are not touched."""

    cert: Path
    key: Path
    context: ssl.SSLContext = field(init=False)
    _seen: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # The door speaks HTTP/1.1; a browser that hopes for HTTP/2 asks here.
        self.context.set_alpn_protocols(["http/1.1"])
        try:
            self.refresh()
        except (OSError, ssl.SSLError) as error:
            raise TunnelError(
                "tunnel_certificate_invalid",
                f"{self.cert} and {self.key} cannot be used: {error.strerror or error}. "
                "Name a PEM file with the whole chain, and its key without a passphrase.",
            ) from None

    def refresh(self) -> bool:
        """Read the files if they have changed; true when they had. Raises: OSError, SSLError."""
        now = (self.cert.stat().st_mtime, self.key.stat().st_mtime)
        if now == self._seen:
            return False
        self.context.load_cert_chain(self.cert, self.key, password=_no_passphrase)
        self._seen = now
        return True


def _no_passphrase() -> str:
    return ""  # otherwise OpenSSL would ask at the terminal, and wait
