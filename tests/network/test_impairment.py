"""A bad network is as bad as it says, and equally bad each time."""

import itertools

import pytest

from tests.network.impairment import HEADER_BYTES, Conditions, Line

PACKETS = 20_000


def fates(conditions: Conditions, seed: int = 1, packets: int = PACKETS) -> list[float | None]:
    """A packet of 1000 bytes each millisecond: when it arrives, or None."""
    line = Line(conditions, seed)
    return [line.carry(1000, number / 1000) for number in range(packets)]


def delays_ms(conditions: Conditions) -> list[float]:
    return [
        at_s * 1000 - number for number, at_s in enumerate(fates(conditions)) if at_s is not None
    ]


def test_a_perfect_line_carries_everything_at_once() -> None:
    assert fates(Conditions(), packets=100) == [number / 1000 for number in range(100)]


@pytest.mark.parametrize("burst", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("loss", [0.02, 0.05, 0.2])
def test_as_much_is_lost_as_was_asked_for_and_in_bursts_of_that_length(
    loss: float, burst: float
) -> None:
    lost = [at_s is None for at_s in fates(Conditions(loss=loss, burst=burst))]
    assert sum(lost) / PACKETS == pytest.approx(loss, rel=0.25)
    runs = [len(list(run)) for gone, run in itertools.groupby(lost) if gone]
    # Without memory, runs happen by themselves.
    expected = burst if burst > 1 else 1 / (1 - loss)
    assert sum(runs) / len(runs) == pytest.approx(expected, rel=0.25)


def test_the_same_seed_has_the_same_fate_and_another_has_another() -> None:
    bad = Conditions(loss=0.1, burst=2, delay_ms=30, jitter_ms=20, reorder=0.1, rate_bps=9_000_000)
    assert fates(bad) == fates(bad)
    assert fates(bad) != fates(bad, seed=2)


def test_what_is_changed_in_one_thing_stays_the_same_in_the_others() -> None:
    plain = fates(Conditions(loss=0.1))
    slow = fates(Conditions(loss=0.1, delay_ms=50, jitter_ms=10))
    assert [at_s is None for at_s in plain] == [at_s is None for at_s in slow]


def test_delay_and_jitter_keep_the_order() -> None:
    found = delays_ms(Conditions(delay_ms=40, jitter_ms=10))
    assert min(found) >= 40 - 1e-6
    assert max(found) <= 50 + 1e-6
    arrivals = fates(Conditions(delay_ms=40, jitter_ms=10))
    assert all(a <= b for a, b in itertools.pairwise(filter(None, arrivals)))


def test_some_are_overtaken_and_no_others() -> None:
    line = Line(Conditions(delay_ms=5, reorder=0.1, reorder_ms=20), seed=1)
    times = [line.carry(1000, number / 1000) for number in range(PACKETS)]
    late = sum(
        at_s is not None and at_s > number / 1000 + 0.02 for number, at_s in enumerate(times)
    )
    assert late / PACKETS == pytest.approx(0.1, rel=0.1)


def test_a_line_with_a_rate_carries_that_and_lets_nothing_wait_for_long() -> None:
    # 1000 bytes each millisecond are 8 Mbit/s, four times as much as fits.
    conditions = Conditions(rate_bps=2_000_000, queue_ms=100)
    arrived = [at_s for at_s in fates(conditions, packets=5_000) if at_s is not None]
    assert len(arrived) * (1000 + HEADER_BYTES) * 8 / 5 == pytest.approx(2_000_000, rel=0.05)
    waited = delays_ms(conditions)
    assert max(waited) <= 100 + 1014 * 8 / 2_000_000 * 1000 + 1e-6
    assert max(waited) > 95


@pytest.mark.parametrize(
    "wrong",
    [{"loss": 1.0}, {"loss": -0.1}, {"burst": 0.5}, {"rate_bps": 0}, {"loss": 0.9, "burst": 2}],
)
def test_conditions_that_no_network_has_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"loss|bursts|rate"):
        Conditions(**wrong)
