"""One's own certificate in files: served, and read again when they change."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from moim.https.certificate import Certificate, CertificateError
from moim.https.served import Served

LOOK_EVERY_S: Final = 5.0
SAY_ENDS_BEFORE: Final = timedelta(days=14)
SAY_EVERY: Final = timedelta(days=1)

log = structlog.get_logger(__name__)


@dataclass
class OwnFiles:
    """Two files (or one that holds both) that somebody else renews."""

    chain: Path
    key: Path
    served: Served

    @classmethod
    def load(cls, chain: Path, key: Path) -> "OwnFiles":
        """Read them at the start.

        Raises: CertificateError.
        """
        return cls(chain, key, Served.load(chain, key, datetime.now(UTC)))

    async def keep(self) -> None:
        """Look at the files for as long as the server runs; bad ones leave the old in use."""
        seen = self._state()
        said_at = datetime.min.replace(tzinfo=UTC)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now = datetime.now(UTC)
            state = await asyncio.to_thread(self._state)
            if state != seen:
                seen = state
                await self._read_again(now)
            if self.served.certificate.ends - now < SAY_ENDS_BEFORE and now - said_at > SAY_EVERY:
                said_at = now
                log.warning("certificate.ends_soon", ends=_day(self.served.certificate))

    async def _read_again(self, now: datetime) -> None:
        try:
            self.served.replace(await asyncio.to_thread(Served.load, self.chain, self.key, now))
        except CertificateError as error:
            # Half of a pair that is being replaced looks like this, too: the next change is read.
            log.warning(
                "certificate.kept_the_old", code=error.code, ends=_day(self.served.certificate)
            )
        else:
            log.info("certificate.replaced", ends=_day(self.served.certificate))

    def _state(self) -> tuple[object, ...]:
        """What changes when a file does; links (as certbot makes them) are followed."""
        return tuple(_signature(path) for path in (self.chain, self.key))


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino


def _day(certificate: Certificate) -> str:
    return certificate.ends.strftime("%Y-%m-%d")


def advice(certificate: Certificate, is_public: bool, say: Callable[[str], None]) -> None:
    """Say at the start what a browser will not like, although the certificate can be served."""
    if certificate.is_self_signed:
        say("This certificate vouches for itself: browsers warn, and phones may refuse it.")
    elif not is_public:
        say(
            "Browsers do not know who signed this certificate. If that is a public authority, its "
            "file lacks the certificates between (take fullchain.pem, not cert.pem)."
        )
