"""Who is told of whom, and how soon.

Whoever publishes is announced at once, and in a small room everybody is. Where a crowd watches,
those who only watch are announced together: a hundred who come in five seconds would otherwise be
told to each other in ten thousand messages. Source: livekit pkg/rtc/room.go (its batches wait for
three seconds; clients' own tests want to see a participant within five).
"""

from typing import TYPE_CHECKING, Final

from livekit.protocol.rtc import ParticipantUpdate, SignalResponse

from moim.sfu.frames import Frame
from moim.sfu.participant import Participant
from moim.sfu.ports import Timer
from moim.sfu.world import World

if TYPE_CHECKING:
    from moim.sfu.room import Room

CROWD: Final = 16
TOGETHER_S: Final = 0.3
# An update of so many stays far below what a client reads in one message.
MOST_IN_ONE: Final = 100


class Announcements:
    def __init__(self, world: World, room: "Room") -> None:
        self._world = world
        self._room = room
        self._waiting: dict[str, Participant] = {}
        self._publishers: set[str] = set()
        self._timer: Timer | None = None

    def tell(self, participant: Participant) -> None:
        """Tell everybody who may know how a participant is now; itself at once."""
        self._waiting.pop(participant.sid, None)
        if any(track.visible for track in participant.tracks.values()):
            self._publishers.add(participant.sid)
        patient = len(self._room.participants) > CROWD and participant.sid not in self._publishers
        if participant.gone:
            self._publishers.discard(participant.sid)
        frame = _frame([participant])
        for other in list(self._room.participants.values()):
            if other is participant or not (patient or participant.hidden):
                other.tell(frame)
        if patient and not participant.hidden:
            self._waiting[participant.sid] = participant
            if self._timer is None:
                self._timer = self._world.clock.later(TOGETHER_S, self._tell_waiting)

    def forget(self, participant: Participant) -> None:
        """Leave out somebody whom the others shall not hear of any more."""
        self._waiting.pop(participant.sid, None)
        self._publishers.discard(participant.sid)

    def close(self) -> None:
        """Tell nobody any more."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell_waiting(self) -> None:
        self._timer = None
        room = self._room.participants
        # Of an identity that has a new seat, the end of the old one is no news.
        news = [who for who in self._waiting.values() if room.get(who.identity, who) is who]
        self._waiting.clear()
        for start in range(0, len(news), MOST_IN_ONE):
            frame = _frame(news[start : start + MOST_IN_ONE])
            for other in list(room.values()):
                other.tell(frame)


def _frame(participants: list[Participant]) -> Frame:
    infos = [who.info() for who in participants]
    return Frame(SignalResponse(update=ParticipantUpdate(participants=infos)))
