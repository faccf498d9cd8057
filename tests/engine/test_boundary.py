"""The engine's boundary: calls return at once, answers are events, and nothing outlives it."""

import ast
import asyncio
import importlib
import select
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.events import DEADLINE_S, LOCAL, next_event

if TYPE_CHECKING:
    import moim_engine
else:
    moim_engine = pytest.importorskip("moim_engine", reason="needs Rust: make sfu")

pytestmark = pytest.mark.sfu

STUB = Path(__file__).parents[2] / "engine/python/moim_engine/_engine.pyi"


@pytest.fixture
def engine() -> Iterator["moim_engine.Engine"]:
    made = moim_engine.Engine(bind=LOCAL)
    yield made
    made.close()


def a_peer(engine: "moim_engine.Engine", mode: str) -> int:
    participant = engine.open_participant(engine.open_room(), identity="ann", sid="PA_1")
    return engine.open_peer(participant, mode)  # type: ignore[arg-type]


def test_an_engine_says_where_clients_reach_it(engine: "moim_engine.Engine") -> None:
    ((address, port),) = engine.bound
    assert address == "127.0.0.1"
    assert port > 0
    assert engine.candidates == engine.bound


def test_an_advertised_address_replaces_the_bound_one() -> None:
    engine = moim_engine.Engine(bind=LOCAL, advertise=["192.0.2.7"])
    try:
        assert engine.candidates == [("192.0.2.7", engine.bound[0][1])]
        peer = a_peer(engine, "subscriber")
        engine.create_offer(peer, 1)
        assert " 192.0.2.7 " in next_event(engine, moim_engine.Offered).sdp
    finally:
        engine.close()


def test_clients_without_udp_are_told_where_to_connect() -> None:
    engine = moim_engine.Engine(bind=LOCAL, tcp=LOCAL)
    try:
        ((_, port),) = engine.bound
        # Another program may have that number of TCP's: then it is any other.
        ((address, tcp_port),) = engine.tcp_candidates
        socket.create_connection((address, tcp_port), timeout=5).close()
        engine.create_offer(a_peer(engine, "subscriber"), 1)
        sdp = next_event(engine, moim_engine.Offered).sdp
        assert f" 127.0.0.1 {tcp_port} typ host tcptype passive" in sdp
        assert f" 127.0.0.1 {port} typ host" in sdp
    finally:
        engine.close()


def test_an_offer_opens_the_data_channels_and_matches_by_position(
    engine: "moim_engine.Engine",
) -> None:
    peer = a_peer(engine, "subscriber")
    engine.create_offer(peer, 7)
    match next_event(engine, moim_engine.Offered):
        case moim_engine.Offered(of, request, sdp, tracks):
            assert (of, request, tracks) == (peer, 7, [])
            assert "m=application" in sdp
            assert "a=ice-lite" in sdp
        case other:
            raise AssertionError(other)


def test_what_cannot_be_done_is_refused_with_a_reason(engine: "moim_engine.Engine") -> None:
    subscriber = a_peer(engine, "subscriber")
    engine.accept_offer(subscriber, 1, "v=0")
    assert next_event(engine, moim_engine.Refused).reason == "state"
    publisher = a_peer(engine, "publisher")
    engine.accept_offer(publisher, 2, "no description")
    refused = next_event(engine, moim_engine.Refused)
    assert (refused.peer, refused.request, refused.reason) == (publisher, 2, "sdp")
    engine.accept_answer(subscriber, 3, "v=0")
    assert next_event(engine, moim_engine.Refused).reason == "state"
    engine.close_peer(publisher)
    engine.accept_offer(publisher, 4, "v=0")
    assert next_event(engine, moim_engine.Refused).reason == "gone"
    engine.create_offer(1, 5)
    assert next_event(engine, moim_engine.Refused).reason == "gone"


def test_calls_about_what_is_gone_do_nothing(engine: "moim_engine.Engine") -> None:
    room = engine.open_room()
    engine.close_room(room)
    engine.close_room(room)
    engine.close_peer(12)
    engine.unpublish(12)
    engine.subscribe(12, 13)
    engine.send_data(room, b"", reliable=True)
    engine.stats(1)
    assert next_event(engine, moim_engine.StatsReady).counters["rooms"] == 0


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(max_size=400), line=st.sampled_from(["m=audio 9 UDP", "a=ice-ufrag:", "c=", ""])
)
def test_no_description_and_no_candidate_ends_the_engine(
    engine: "moim_engine.Engine", text: str, line: str
) -> None:
    peer = a_peer(engine, "single")
    engine.add_ice_candidate(peer, text)
    engine.accept_offer(peer, 1, f"v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{line}{text}")
    assert next_event(engine, moim_engine.Refused).reason == "sdp"


def test_more_events_than_asked_for_keep_the_socket_readable(engine: "moim_engine.Engine") -> None:
    for request in range(3):
        engine.stats(request)
    seen: list[int] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(seen) < 3 and time.monotonic() < deadline:
        ready, _, _ = select.select([engine.fileno()], [], [], 1.0)
        if ready:
            drained = engine.drain(1)
            assert len(drained) <= 1
            seen += [
                event.request for event in drained if isinstance(event, moim_engine.StatsReady)
            ]
    assert seen == [0, 1, 2]


async def test_the_event_loop_is_woken_by_a_reader_and_by_the_socket(
    engine: "moim_engine.Engine",
) -> None:
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    loop.add_reader(engine.fileno(), woken.set)
    engine.stats(1)
    await asyncio.wait_for(woken.wait(), DEADLINE_S)
    loop.remove_reader(engine.fileno())
    assert engine.drain()
    engine.stats(2)
    assert await asyncio.wait_for(loop.sock_recv(engine.wake, 64), DEADLINE_S)
    assert engine.drain()


def test_rooms_are_spread_over_threads_and_counted_over_all() -> None:
    engine = moim_engine.Engine(bind=LOCAL, threads=2)
    try:
        for _ in range(5):
            a_peer(engine, "subscriber")
        engine.stats(1)
        counters = next_event(engine, moim_engine.StatsReady).counters
        assert (counters["rooms"], counters["peers"]) == (5, 5)
        if sys.platform == "linux":
            tasks = list(Path("/proc/self/task").iterdir())
            threads = {(task / "comm").read_text().strip() for task in tasks}
            assert {"moim-media-0", "moim-media-1"} <= threads
    finally:
        engine.close()


def test_wrong_settings_are_named() -> None:
    with pytest.raises(ValueError, match="not an IP address: here"):
        moim_engine.Engine(bind=[("here", 0)])
    with pytest.raises(ValueError, match="threads"):
        moim_engine.Engine(bind=LOCAL, threads=0)
    with pytest.raises(ValueError, match="::1"):
        moim_engine.Engine(bind=LOCAL, advertise=["::1"])
    with pytest.raises(moim_engine.BindError, match=r"192\.0\.2\.1"):
        moim_engine.Engine(bind=[("192.0.2.1", 9)])


def test_a_closed_engine_says_so(engine: "moim_engine.Engine") -> None:
    room = engine.open_room()
    engine.close()
    engine.close()
    with pytest.raises(moim_engine.EngineClosed):
        engine.close_room(room)
    with pytest.raises(moim_engine.EngineError):
        engine.drain()


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux lists of a process")
def test_an_engine_leaves_no_thread_and_no_descriptor_behind() -> None:
    def held() -> tuple[int, ...]:
        return tuple(len(list(Path("/proc/self", kind).iterdir())) for kind in ("task", "fd"))

    moim_engine.Engine(bind=LOCAL, threads=2).close()
    before = held()
    for turn in range(20):
        engine = moim_engine.Engine(bind=LOCAL, threads=2)
        engine.create_offer(a_peer(engine, "subscriber"), 1)
        next_event(engine, moim_engine.Offered)
        if turn % 2:
            engine.close()
        del engine
    assert held() == before


@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
def test_a_thousand_joins_and_leaves_leave_nothing_behind(engine: "moim_engine.Engine") -> None:
    def memory_kb() -> int:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0])

    def come_and_go(times: int) -> None:
        for _ in range(times):
            participant = engine.open_participant(room, identity="ann", sid="PA_1")
            peer = engine.open_peer(participant, "subscriber")
            engine.create_offer(peer, 1)
            assert next_event(engine, moim_engine.Offered).peer == peer
            engine.close_participant(participant)

    room = engine.open_room()
    come_and_go(300)
    descriptors, before_kb = len(list(Path("/proc/self/fd").iterdir())), memory_kb()
    come_and_go(1_000)
    engine.stats(2)
    counters = next_event(engine, moim_engine.StatsReady).counters
    assert (counters["peers"], counters["tracks"], counters["subscriptions"]) == (0, 0, 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
    assert memory_kb() - before_kb < 10_000


def test_the_stub_and_the_module_have_the_same_names() -> None:
    module = importlib.import_module("moim_engine._engine")
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        made = getattr(module, node.name)
        for member in node.body:
            match member:
                case ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                    assert hasattr(made, name), f"{node.name}.{name}"
                case ast.Assign(value=value):
                    assert made.__match_args__ == ast.literal_eval(value)
    stubbed = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    public = {name for name in vars(module) if not name.startswith("_")} - {"Event"}
    assert public == stubbed
