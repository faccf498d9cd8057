"""When to ask a certificate authority: early enough before the end, and never too often.

Pure arithmetic on times that are passed in.

Source: RFC 9773 (ARI: the authority says when), RFC 8555 section 6.6 (rate limits); Let's Encrypt's
limits: 5 failed checks for a name, an account and an hour.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

RENEW_AT: Final = 2 / 3
"""Which part of its life a certificate is used before it is renewed, where nobody says."""

RETRIES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))
"""How long to wait after the first, second … failure; the last one goes on for ever.

The first four fall into one hour, which is what Let's Encrypt lets a name fail.
"""


@dataclass(frozen=True)
class Attempts:
    """What failed since the last certificate: how often, why last, and when to try again."""

    failures: int = 0
    code: str = ""
    next_at: datetime | None = None

    def may_try(self, now: datetime) -> bool:
        """Tell whether the pause after the last failure is over."""
        return self.next_at is None or now >= self.next_at

    def failed(self, code: str, now: datetime, not_before: datetime | None = None) -> "Attempts":
        """Count one more failure; `not_before` is what the authority said, if it did."""
        pause = RETRIES[min(self.failures, len(RETRIES) - 1)]
        next_at = max(now + pause, not_before or now)
        return Attempts(self.failures + 1, code, next_at)


def renewal_time(begins: datetime, ends: datetime, asked: datetime | None = None) -> datetime:
    """Say when to renew: when the authority asks for it, else after two thirds of the lifetime.

    The authority may ask for earlier (it will revoke the certificate), never for later than the
    end.
    """
    planned = begins + (ends - begins) * RENEW_AT
    return planned if asked is None else min(asked, ends)
