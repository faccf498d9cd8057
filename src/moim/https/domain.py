"""The certificate of a domain: got when it is missing, renewed in time, replaced without a break.

A failure never ends the server. The certificate in use goes on until its end, and the authority is
asked again after pauses that grow, over restarts, too.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from moim.https.acme_folder import AcmeFolder, asked_for
from moim.https.authority import Authority, Challenges
from moim.https.certificate import CertificateError, missing_names, parse
from moim.https.refusals import NotIssued
from moim.https.schedule import Attempts, renewal_time
from moim.https.served import Served, interim

LOOK_EVERY_S: Final = 60.0
INTERIM_FILE: Final = "interim.pem"
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

Say = Callable[[str], None]
log = structlog.get_logger(__name__)


@dataclass
class Domain:
    """The names of this server, the authority that signs for them, and what is shown meanwhile."""

    names: tuple[str, ...]
    folder: AcmeFolder
    authority: Authority
    say: Say
    served: Served
    waiting: bool
    """Whether there has been no certificate yet since the start."""
    attempts: Attempts
    answers: Challenges = field(default_factory=dict)
    _asked_for: datetime | None = None
    _ask_again: datetime = LONG_AGO

    @classmethod
    def load(
        cls, names: tuple[str, ...], folder: AcmeFolder, authority: Authority, say: Say
    ) -> "Domain":
        """Take the certificate that is kept, or one that nobody vouches for until there is one."""
        now = datetime.now(UTC)
        asked = asked_for(names, authority.email)
        kept = folder.certificate(now)
        if kept is None or missing_names(kept, names):
            served = interim(folder.path / INTERIM_FILE, names)
        else:
            served = Served.load(folder.certificate_file, folder.certificate_file, now)
        waiting = served.certificate.is_self_signed
        return cls(names, folder, authority, say, served, waiting, folder.attempts(asked))

    @property
    def is_public(self) -> bool:
        """Whether browsers trust what is shown now."""
        return not self.waiting and self.served.is_public

    async def keep(self) -> None:
        """Get and renew the certificate for as long as the server runs."""
        told = False
        while True:
            now = datetime.now(UTC)
            due_at = await self._due_at(now)
            if now < due_at:
                await _pause(due_at - now)
            elif not self.attempts.may_try(now):
                if self.waiting and not told:
                    self._tell_pause()
                told = True
                await _pause((self.attempts.next_at or now) - now)
            else:
                told = True
                await self._try()

    async def _due_at(self, now: datetime) -> datetime:
        if self.waiting:
            return now
        shown = self.served.certificate
        if now >= self._ask_again:
            await self._ask_when(now)
        return renewal_time(shown.begins, shown.ends, self._asked_for)

    async def _ask_when(self, now: datetime) -> None:
        """Hear from the authority when it wants the certificate to be renewed (ARI)."""
        try:
            leaf = self.served.certificate.leaf
            self._asked_for, self._ask_again = await self.authority.renewal_time(leaf)
        except NotIssued as error:
            log.debug("certificate.renewal_time_unknown", code=error.code)
            self._ask_again = now + timedelta(hours=1)

    async def _try(self) -> None:
        if self.waiting:
            self.say(f"Getting a certificate for {', '.join(self.names)} …")
        try:
            key, chain = await self.authority.issue(self.names, self.answers, self._progress)
            certificate = parse(chain, key, datetime.now(UTC))
            if missing := missing_names(certificate, self.names):
                raise NotIssued("acme_failed", f"The certificate is not for {', '.join(missing)}.")
            self.folder.keep_certificate(key, chain)
            kept = self.folder.certificate_file
            self.served.replace(Served.load(kept, kept, datetime.now(UTC)))
        except (NotIssued, CertificateError, OSError) as error:
            self._failed(error)
            return
        except Exception as error:
            # A supervisor's edge: a surprise counts as a failure, too, and is not asked again soon.
            log.exception("certificate.surprise")
            self._failed(error)
            return
        self.attempts = Attempts()
        self._keep_attempts()
        self._asked_for, self._ask_again = None, LONG_AGO
        ends = self.served.certificate.ends.strftime("%Y-%m-%d")
        log.info("certificate.replaced", ends=ends)
        if self.waiting:
            self.say(f"The certificate is here, until {ends}; moim renews it by itself.")
        self.waiting = False

    def _progress(self, words: str) -> None:
        if self.waiting:
            self.say(words)

    def _failed(self, error: Exception) -> None:
        surprise = "data_folder" if isinstance(error, OSError) else "acme_failed"
        code = getattr(error, "code", surprise)
        not_before = getattr(error, "not_before", None)
        self.attempts = self.attempts.failed(code, datetime.now(UTC), not_before)
        log.warning("certificate.not_issued", code=code, failures=self.attempts.failures)
        log.debug("certificate.refused", reason=getattr(error, "detail", str(error)))
        if self.waiting:
            self.say(str(error))
            self._tell_pause()
        try:
            self._keep_attempts()
        except OSError:
            log.warning("certificate.attempts_not_kept", exc_info=True)

    def _keep_attempts(self) -> None:
        self.folder.keep_attempts(self.attempts, asked_for(self.names, self.authority.email))

    def _tell_pause(self) -> None:
        at = self.attempts.next_at
        when = "soon" if at is None else f"at {at.astimezone():%H:%M:%S}"
        self.say(
            f"code {self.attempts.code}: no certificate yet, moim tries again {when}. Until then "
            "browsers warn."
        )


async def _pause(duration: timedelta) -> None:
    """Wait, but look at the clock again soon: a laptop that slept wakes up with another time."""
    await asyncio.sleep(min(max(duration.total_seconds(), 0.05), LOOK_EVERY_S))
