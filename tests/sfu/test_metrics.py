"""What Prometheus reads."""

import asyncio

import pytest

from moim.sfu import metrics
from tests.sfu.fakes import Server
from tests.sfu.test_dual import answer_offers, publish


async def read(server: Server) -> dict[str, tuple[str, float]]:
    """Each metric with its type and value, read as Prometheus does."""
    reading = asyncio.ensure_future(metrics.text(server.hub))
    await asyncio.sleep(0)
    server.flush()
    types: dict[str, str] = {}
    values: dict[str, tuple[str, float]] = {}
    for line in (await reading).splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, "a metric is described once"
            types[name] = kind
        else:
            name, value = line.split(" ")
            values[name] = (types[name], float(value))
    return values


async def test_who_is_where_is_counted_and_what_the_engine_counts() -> None:
    server = Server()
    for identity in ("ann", "bob"):
        client = server.join(identity)
        answer_offers(server, client)
        server.connect(client)
        if identity == "ann":
            publish(server, client)
    assert await read(server) == {
        "moim_sfu_participants": ("gauge", 2),
        "moim_sfu_rooms": ("gauge", 1),
        "moim_sfu_published_tracks": ("gauge", 1),
        "moim_engine_rooms": ("gauge", 1),
        "moim_engine_packets_in_total": ("counter", 7),
    }


async def test_an_engine_that_does_not_answer_leaves_its_counters_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "PATIENCE_S", 0.01)
    server = Server()
    monkeypatch.setattr(server.engine, "stats", lambda _: None)
    text = await metrics.text(server.hub)
    assert "moim_sfu_rooms 0" in text
    assert "moim_engine" not in text
