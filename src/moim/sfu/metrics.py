"""Counters for Prometheus, in its text format.

Source: Prometheus, "Text-based format", version 0.0.4.
"""

import asyncio
from typing import Final

from moim.sfu.hub import Hub
from moim.sfu.ports import EngineBusy

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
PATIENCE_S: Final = 2
_GAUGES: Final = frozenset({"rooms", "peers", "tracks", "subscriptions"})


async def text(hub: Hub) -> str:
    """Write all counters; those of the engine are left out when it does not answer."""
    participants = [who for room in hub.rooms.values() for who in room.participants.values()]
    lines: list[str] = []
    _write(lines, "moim_sfu_participants", "gauge", len(participants))
    _write(lines, "moim_sfu_rooms", "gauge", len(hub.rooms))
    published = sum(track.visible for who in participants for track in who.tracks.values())
    _write(lines, "moim_sfu_published_tracks", "gauge", published)
    for name, value in sorted((await _engine_counters(hub)).items()):
        kind = "gauge" if name in _GAUGES else "counter"
        suffix = "" if kind == "gauge" else "_total"
        _write(lines, f"moim_engine_{name}{suffix}", kind, value)
    return "\n".join(lines) + "\n"


def _write(lines: list[str], name: str, kind: str, value: int) -> None:
    lines += [f"# TYPE {name} {kind}", f"{name} {value}"]


async def _engine_counters(hub: Hub) -> dict[str, int]:
    told: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()

    def tell(counters: dict[str, int]) -> None:
        if not told.done():
            told.set_result(counters)

    try:
        hub.ask_stats(tell)
        async with asyncio.timeout(PATIENCE_S):
            return await told
    except (TimeoutError, EngineBusy):
        return {}
