"""How moim speaks HTTPS to the local network: by a certificate of the CA made in `moim.lan`.

To the internet it is `moim.front`.
"""

import asyncio
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from moim import lan
from moim.settings import Settings

CHECK_S: Final = 60


@dataclass
class LanFront:
    """The TLS context of the local network, kept valid while the server runs."""

    host: lan.LanHost
    context: ssl.SSLContext

    async def keep(self, settings: Settings) -> None:
        """Renew the certificate when the machine gets another address or time runs out."""
        while True:
            await asyncio.sleep(CHECK_S)
            try:
                self.host = await asyncio.to_thread(_renew, settings, self.context)
            except (OSError, ValueError):
                structlog.get_logger(__name__).warning("certificate.not_renewed", exc_info=True)


def _renew(settings: Settings, context: ssl.SSLContext) -> lan.LanHost:
    host = lan.this_host()
    folder = lan.lan_folder(settings.data_dir)
    context.load_cert_chain(lan.ensure_certificates(folder, host, datetime.now(UTC)).server)
    return host


def lan_front_of(settings: Settings) -> LanFront:
    """Make what new connections are shown; the CA is made when there is none yet."""
    host = lan.this_host()
    made = lan.ensure_certificates(lan.lan_folder(settings.data_dir), host, datetime.now(UTC))
    return LanFront(host, lan.server_context(made.server))
