"""A room that people talk in, written as the live room writes it."""

from dataclasses import dataclass, field

from moim.meeting import conduct
from moim.meeting.feature import Command, Context, Stored
from moim.meeting.ids import SYSTEM, CommandId, Identity, MeetingId, RoomId, Sid
from moim.meeting.membership import Join
from moim.meeting.model import Room
from moim.meeting.rules import apply, decide
from moim.storage.database import Database
from moim.storage.journal import Entry, Journal
from moim.storage.messages import Messages

MINA = Identity("u_mina")
JUN = Identity("u_jun")
SORA = Identity("u_sora")
TEA = RoomId("RM_tea")


@dataclass
class Talk:
    """Decides and writes, one command after the other."""

    database: Database
    room: Room = field(default_factory=lambda: Room(id=TEA))
    written: int = 0

    @property
    def journal(self) -> Journal:
        return Journal(self.database)

    @property
    def messages(self) -> Messages:
        return Messages(self.database)

    async def begin(self) -> "Talk":
        create = conduct.Create(slug="tea", name="Friday tea", listed=True, owner=MINA)
        await self.do(SYSTEM, create)
        for identity in (MINA, JUN, SORA):
            await self.do(identity, Join(name=identity[2:].title(), tab="12345678"))
        return self

    async def do(self, actor: Identity, command: Command) -> int:
        """Returns the seq of the first event."""
        self.written += 1
        about = command.about_seq()
        ctx = Context(
            now_ms=1000 * self.written,
            sid=Sid(f"PA_{self.written}"),
            meeting_id=MeetingId(f"MT_{self.written}"),
            past=await self.journal.about(TEA, about) if about is not None else (),
        )
        entries = []
        room = self.room
        for n, event in enumerate(decide(room, actor, command, ctx)):
            command_id = CommandId(f"c{self.written}")
            stored = Stored(room.seq + 1, ctx.now_ms, actor, command_id, event)
            room = apply(room, stored)
            entries.append(Entry(stored, n))
        await self.journal.append(room, entries)
        self.room = room
        return entries[0].stored.seq

    async def found(self, text: str, viewer: Identity = MINA) -> list[str]:
        """What a search finds, newest first, however often one must go on."""
        words: list[str] = []
        before_seq: int | None = None
        while True:
            messages, before_seq = await self.messages.search(TEA, viewer, text, before_seq)
            words += [message.text for message in messages]
            if before_seq is None:
                return words
