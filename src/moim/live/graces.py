"""How long a seat waits for a connection that is gone.

When a grace is over, the room gets an ordinary command with an id made of the seat's sid, so that
two servers whose timers fire do one thing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from moim.live.ports import Clock, Timer
from moim.live.seats import Seats
from moim.meeting.ids import Identity, Sid
from moim.meeting.model import Room


@dataclass(frozen=True, slots=True)
class GraceTimes:
    """In seconds: for a connection that was lost, and for a page that said it was closing."""

    lost_s: float = 30
    away_s: float = 8


class Graces:
    """The timers of a room's seats without a connection."""

    def __init__(
        self, clock: Clock, times: GraceTimes, expire: Callable[[Identity, Sid], None]
    ) -> None:
        self._clock = clock
        self._times = times
        self._expire = expire
        self._timers: dict[Sid, Timer] = {}

    def follow(self, room: Room, seats: Seats, *, away: Identity | None = None) -> None:
        """Start and stop timers so that exactly the seats without a connection have one."""
        waiting = {seat.sid: seat.identity for seat in room.participants if seats.waits(seat)}
        for sid in self._timers.keys() - waiting.keys():
            self._timers.pop(sid).cancel()
        for sid, identity in waiting.items():
            if sid not in self._timers:
                seconds = self._times.away_s if identity == away else self._times.lost_s
                self._start(identity, sid, seconds)

    def again(self, identity: Identity, sid: Sid) -> None:
        """The journal could not take it: try again soon."""
        if sid not in self._timers:
            self._start(identity, sid, 1)

    def _start(self, identity: Identity, sid: Sid, seconds: float) -> None:
        def over() -> None:
            self._timers.pop(sid, None)
            self._expire(identity, sid)

        self._timers[sid] = self._clock.later(seconds, over)

    def stop(self) -> None:
        """Stop all timers; the seats stay."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
