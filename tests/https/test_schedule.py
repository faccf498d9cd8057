"""When a certificate is renewed, and how long moim waits after a failure."""

from datetime import UTC, datetime, timedelta

import pytest

from moim.https.schedule import RETRIES, Attempts, renewal_time

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lifetime", "after"),
    [(90 * DAY, 60 * DAY), (6 * DAY, 4 * DAY), (timedelta(hours=3), timedelta(hours=2))],
)
def test_it_is_renewed_after_two_thirds_of_its_life(lifetime: timedelta, after: timedelta) -> None:
    assert renewal_time(BEGINS, BEGINS + lifetime) == BEGINS + after


def test_the_authority_may_ask_for_another_time_but_not_for_later_than_the_end() -> None:
    ends = BEGINS + 90 * DAY
    for asked in (BEGINS + DAY, BEGINS + 70 * DAY):
        assert renewal_time(BEGINS, ends, asked) == asked
    assert renewal_time(BEGINS, ends, ends + DAY) == ends


def test_pauses_grow_with_each_failure_and_the_last_one_goes_on() -> None:
    attempts = Attempts()
    assert attempts.may_try(NOW)
    pauses = []
    for _ in range(len(RETRIES) + 2):
        attempts = attempts.failed("acme_dns", NOW)
        assert attempts.next_at is not None
        pauses.append(attempts.next_at - NOW)
        assert not attempts.may_try(attempts.next_at - timedelta(seconds=1))
        assert attempts.may_try(attempts.next_at)
    assert pauses == [*RETRIES, RETRIES[-1], RETRIES[-1]]
    assert attempts.failures == len(RETRIES) + 2


def test_no_hour_has_more_failures_than_lets_encrypt_allows() -> None:
    at, tried = timedelta(), []
    for pause in RETRIES:
        tried.append(at)
        at += pause
    for first in tried:
        assert sum(first <= one < first + timedelta(hours=1) for one in tried) <= 5


def test_an_authority_that_wants_a_longer_pause_gets_it() -> None:
    until = NOW + timedelta(hours=30)
    assert Attempts().failed("acme_rate_limited", NOW, until).next_at == until
    soon = NOW + timedelta(seconds=1)
    assert Attempts().failed("acme_rate_limited", NOW, soon).next_at == NOW + RETRIES[0]
