"""A room without a server: commands in, the fold and everybody's view of it out."""

from dataclasses import dataclass, field
from typing import Any

from moim.meeting import conduct
from moim.meeting.feature import Command, Context, Limits, Stored
from moim.meeting.ids import SYSTEM, CommandId, Identity, MeetingId, Plane, RoomId, Sid, Stream
from moim.meeting.membership import Join
from moim.meeting.model import Room
from moim.meeting.rules import apply, decide, dump_event, snapshot, streams_of

MINA = Identity("u_mina")
JUN = Identity("u_jun")
SORA = Identity("u_sora")
PEOPLE = (MINA, JUN, SORA)


@dataclass
class View:
    """What one viewer holds: the snapshot they began with, and what they folded over it."""

    start: Room
    room: Room
    seen: list[Stored] = field(default_factory=list)


@dataclass
class World:
    """A room of Mina's, its journal, and the views of whoever sits in it."""

    limits: Limits = field(default_factory=Limits)
    room: Room = field(default_factory=lambda: Room(id=RoomId("RM_1")))
    journal: list[Stored] = field(default_factory=list)
    views: dict[Identity, View] = field(default_factory=dict)
    now_ms: int = 1_700_000_000_000

    def __post_init__(self) -> None:
        self.do(SYSTEM, conduct.Create(slug="tea", name="Friday tea", listed=True, owner=MINA))

    def do(self, actor: Identity, command: Command, *, occupied: bool = False) -> list[Stored]:
        """Decide, journal, fold and tell, as the live room does. Raises: Refused."""
        number = len(self.journal) + 1
        self.now_ms += 1000
        about = command.about_seq()
        ctx = Context(
            now_ms=self.now_ms,
            sid=Sid(f"PA_{number}"),
            meeting_id=MeetingId(f"MT_{number}"),
            occupied=occupied,
            limits=self.limits,
            past=tuple(s for s in self.journal if about in (s.seq, s.event.about_seq()))
            if about is not None
            else (),
        )
        added = []
        for event in decide(self.room, actor, command, ctx):
            seq = len(self.journal) + 1
            stored = Stored(seq, self.now_ms, actor, CommandId(f"c{number}"), event)
            if event.scrubs:
                self._scrub(event.about_seq())
            self.journal.append(stored)
            self._tell(stored)
            added.append(stored)
        return added

    def join(self, *people: Identity) -> "World":
        for identity in people:
            self.do(
                identity,
                Join(name=identity[2:].title(), tab="tab-of-" + identity[2:], planes=tuple(Plane)),
            )
        return self

    def _scrub(self, about: int | None) -> None:
        for at, old in enumerate(self.journal):
            if about in (old.seq, old.event.about_seq()):
                event = old.event.scrubbed()
                self.journal[at] = Stored(old.seq, old.at_ms, old.actor, old.command_id, event)

    def _tell(self, stored: Stored) -> None:
        before = {viewer: streams_of(self.room, viewer) for viewer in self.views}
        self.room = apply(self.room, stored)
        for participant in self.room.participants:
            viewer = participant.identity
            streams = streams_of(self.room, viewer)
            view = self.views.get(viewer)
            if view is None or before.get(viewer) != streams:
                seen = snapshot(self.room, viewer)  # a door sends one when the streams change
                self.views[viewer] = View(start=seen, room=seen)
            elif stored.stream in streams:
                view.seen.append(stored)
                view.room = apply(view.room, stored)
        for viewer in [v for v in self.views if self.room.find(v) is None]:
            del self.views[viewer]


def frame(stored: Stored, prev: int) -> dict[str, Any]:
    """The frame of a stored event, with its type beside it as the web client holds it."""
    return {
        "type": stored.event.type,
        "stream": str(stored.stream),
        "seq": stored.seq,
        "prev": prev,
        "at_ms": stored.at_ms,
        "actor": str(stored.actor),
        "command_id": str(stored.command_id),
        "v": stored.event.v,
        "payload": dump_event(stored.event),
    }


def frames(view: View) -> list[dict[str, Any]]:
    """What a viewer was sent since their snapshot, oldest first."""
    cursors: dict[Stream, int] = dict(view.start.streams)
    made = []
    for stored in view.seen:
        made.append(frame(stored, cursors.get(stored.stream, 0)))
        cursors[stored.stream] = stored.seq
    return made
