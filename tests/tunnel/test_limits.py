"""Limits by a clock that only a test moves."""

import pytest

from moim.tunnel.server.limits import MOST_HOUSEHOLDS, Knocks, Limits, Meter, Places
from moim.tunnel.server.tunnels import Line, Tunnels
from moim.tunnel.wire import Goodbye, Welcome, Why, read_line, written


class Clock:
    """Stands still until it is moved; a pause moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def pause(self, of_s: float) -> None:
        self.now += of_s


class Owner:
    """Somebody with a tunnel, who remembers what was said to them."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.fingerprint = f"SHA256:{user}"
        self.heard: list[Why] = []

    def end(self, why: Why) -> None:
        self.heard.append(why)


async def no_line(_visitor: str, _port: int) -> Line:
    raise OSError


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_meter_lets_a_second_through_at_once_and_then_its_rate(clock: Clock) -> None:
    meter = Meter(1000, clock, clock.pause)
    clock.now += 60  # a long silence saves up one second, not sixty
    began = clock.now
    await meter.take(1000)
    assert clock.now == began
    for _ in range(5):
        await meter.take(1000)
    assert clock.now == pytest.approx(began + 5)


def test_places_are_counted_for_each_and_for_all() -> None:
    places = Places(per_key=2, in_all=3)
    assert [places.take(key) for key in "aaabb"] == [True, True, False, True, False]
    places.give_back("a")
    assert places.take("b")
    assert not places.take("a")


def test_log_ins_are_slowed_down_by_household(clock: Clock) -> None:
    knocks = Knocks(2, clock)
    homes = ("2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1")
    assert [knocks.allow(one) for one in homes] == [True, True, False, True]
    clock.now += 30
    assert [knocks.allow("2001:db8::4") for _ in range(2)] == [True, False]


def test_who_has_a_key_may_come_back_at_once(clock: Clock) -> None:
    knocks = Knocks(1, clock)
    for _ in range(5):
        assert knocks.allow("192.0.2.1")
        knocks.accepted("192.0.2.1")


def test_addresses_without_end_fill_no_memory(clock: Clock) -> None:
    knocks = Knocks(1, clock)
    for number in range(MOST_HOUSEHOLDS + 10):
        knocks.allow(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(knocks._seen) == MOST_HOUSEHOLDS


def test_a_name_belongs_to_who_claimed_it_last(clock: Clock) -> None:
    tunnels = Tunnels(Limits(), clock)
    older, newer = Owner("mina"), Owner("mina")
    first = tunnels.claim("mina", older, no_line)
    second = tunnels.claim("mina", newer, no_line)
    assert older.heard == ["replaced"]
    assert first is not None
    tunnels.release(first)  # its connection ends only now
    assert tunnels.find("mina") is second


def test_a_tunnel_that_nobody_visits_is_closed_and_a_visited_one_is_not(clock: Clock) -> None:
    tunnels = Tunnels(Limits(unused_s=60), clock)
    mina, joon = Owner("mina"), Owner("joon")
    quiet = tunnels.claim("mina", mina, no_line)
    busy = tunnels.claim("joon", joon, no_line)
    assert quiet is not None
    assert busy is not None
    tunnels.enter(busy)
    everybody = {mina.fingerprint, joon.fingerprint}
    clock.now += 59
    tunnels.sweep(everybody)
    assert len(tunnels) == 2
    clock.now += 1
    tunnels.sweep(everybody)
    assert (mina.heard, joon.heard) == (["unused"], [])
    tunnels.leave(busy)
    clock.now += 59
    tunnels.sweep(everybody)
    assert joon.heard == []
    tunnels.sweep({mina.fingerprint})
    assert joon.heard == ["removed"]
    assert len(tunnels) == 0


def test_the_two_ends_understand_each_other_and_a_newer_server() -> None:
    welcome = Welcome(url="https://mina.tunnels.test", stun=("stun:tunnels.test:3478",))
    assert read_line(written(welcome)) == welcome
    assert read_line(written(Goodbye(goodbye="unused"))) == Goodbye(goodbye="unused")
    assert read_line('{"url": "https://a.test", "news": 1}') == Welcome(url="https://a.test")
    with pytest.raises(ValueError, match="validation error"):
        read_line('{"goodbye": "because"}')
