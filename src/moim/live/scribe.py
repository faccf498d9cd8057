"""The one who decides, writes and folds: a room's only writer on this server.

    decide all that waits -> one transaction -> the fold moves on -> `told` hears of it

Another server may write the same room. Its number is then taken, the insert fails, and the scribe
reads what it missed and decides again.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from moim.live.draft import Draft, Joining, Placed
from moim.live.mailbox import Answer, Ask
from moim.live.ports import Clock, Holders
from moim.live.seats import Seats
from moim.meeting.errors import ErrorCode, Refused, Unavailable
from moim.meeting.feature import Context, Limits, Stored
from moim.meeting.ids import CommandId, FileId, Identity, RoomId
from moim.meeting.membership import Expire, Join, MeetingEnded
from moim.meeting.model import Participant, Room
from moim.meeting.rules import apply, decide
from moim.storage.database import Conflict
from moim.storage.journal import EVENTS_PER_SNAPSHOT, Journal

MOST_TRIES = 5
COMMANDS_REMEMBERED = 2000


class Told(Protocol):
    """Hears what is written: by this server (`own`), with who sits down by it, or by another."""

    def __call__(
        self, placed: Sequence[Placed], joining: Sequence[Joining] = (), *, own: bool = False
    ) -> None: ...


class Scribe:
    """Keeps the fold of one room equal to its journal. `load` before use."""

    def __init__(
        self,
        room_id: RoomId,
        journal: Journal,
        clock: Clock,
        limits: Limits,
        seats: Seats,
        holders: Holders,
        told: Told,
    ) -> None:
        self.fold = Room(id=room_id)
        self._journal = journal
        self._clock = clock
        self._limits = limits
        self._seats = seats
        self._holders = holders
        self._told = told
        self.conflicts = 0
        """How often another server was faster."""
        self._snapshot_seq = 0
        self._seen: dict[tuple[Identity, CommandId], int] = {}
        """The last commands that led to events, with their last seq."""

    async def load(self) -> tuple[int, list[Placed]]:
        """Fold the journal anew. Returns the events since the snapshot at that number.

        Raises: Unavailable.
        """
        fold, tail = await self._journal.load(self.fold.id)
        since = self._snapshot_seq = fold.seq
        placed = []
        for stored in tail:
            placed.append(_placed(fold, stored))
            fold = apply(fold, stored)
        self.fold = fold
        self._remember(tail)
        return since, placed

    async def write(self, asks: Sequence[Ask]) -> tuple[Draft, list[FileId]]:
        """Decide what waits, write it, fold it and tell it.

        Returns the draft as written, and the files that nothing shows any more.
        Raises: Unavailable; then nothing is written as far as is known.
        """
        if self._holders.active and any(isinstance(ask.command, Join) for ask in asks):
            # Who comes from another server must not see less here than they saw there.
            await self.catch_up(asks)
        for _ in range(MOST_TRIES):
            draft = await self._draft(asks)
            doomed: list[FileId] = []
            if draft.entries:
                try:
                    doomed = await self._append(draft)
                except Conflict:
                    self.conflicts += 1
                    await self.catch_up(asks)
                    continue
            self.fold = draft.room
            self._remember([placed.stored for placed in draft.placed])
            self._told(draft.placed, tuple(draft.joining.values()), own=True)
            return draft, doomed
        raise Unavailable(ErrorCode.BUSY)

    async def _append(self, draft: Draft) -> list[FileId]:
        due = draft.room.seq - self._snapshot_seq >= EVENTS_PER_SNAPSHOT or any(
            isinstance(entry.stored.event, MeetingEnded) for entry in draft.entries
        )
        doomed = await self._journal.append(draft.room, draft.entries, with_snapshot=due)
        if due:
            self._snapshot_seq = draft.room.seq
        return doomed

    async def follow(self, heard: Sequence[Placed]) -> None:
        """Fold what another server says it has written; a gap is read from the journal.

        Raises: Unavailable.
        """
        placed = []
        for one in heard:
            if one.stored.seq == self.fold.seq + 1:
                placed.append(one)
                self.fold = apply(self.fold, one.stored)
        if placed:
            self._remember([one.stored for one in placed])
            self._told(placed)
        if heard and heard[-1].stored.seq > self.fold.seq:
            await self.catch_up()

    async def catch_up(self, asks: Sequence[Ask] = ()) -> None:
        """Fold what others have written, and learn which of these commands are among it.

        Raises: Unavailable.
        """
        missed = await self._journal.after(self.fold.id, self.fold.seq)
        placed = []
        for stored in missed:
            placed.append(_placed(self.fold, stored))
            self.fold = apply(self.fold, stored)
        self._remember(missed)
        self._seen.update(await self._journal.answered(self.fold.id, [a.key for a in asks]))
        if placed:
            self._told(placed)

    def _remember(self, stored: Sequence[Stored]) -> None:
        for one in stored:
            self._seen[one.actor, one.command_id] = one.seq
        too_many = len(self._seen) - COMMANDS_REMEMBERED
        for key in list(islice(self._seen, max(0, too_many))):
            del self._seen[key]

    async def _draft(self, asks: Sequence[Ask]) -> Draft:
        draft = Draft(self.fold)
        for ask in asks:
            try:
                await self._decide(ask, draft)
            except Refused as refusal:
                draft.answers[ask] = refusal
                draft.doubtful.append(ask)
        if draft.doubtful:
            # Not known here, but the journal may remember it from before this server's start.
            keys = [ask.key for ask in draft.doubtful]
            known = await self._journal.answered(self.fold.id, keys)
            for ask in draft.doubtful:
                if ask.key in known:
                    draft.answers[ask] = Answer(known[ask.key])
        return draft

    async def _decide(self, ask: Ask, draft: Draft) -> None:
        command = ask.command
        if isinstance(command, Join):
            await self._join(ask, command, draft)
            return
        twin = next((a for a in draft.answers if a.key == ask.key), None)
        if twin is not None:
            draft.answers[ask] = draft.answers[twin]
            return
        if ask.key in self._seen:
            draft.answers[ask] = Answer(self._seen[ask.key])
            return
        if ask.connection is not None:
            draft.demand_seat(ask.connection)
        if isinstance(command, Expire) and await self._is_back(command, draft):
            draft.answers[ask] = Answer(draft.room.seq)
            return
        about = command.about_seq()
        past: tuple[Stored, ...] = ()
        if about is not None:
            here = tuple(p.stored for p in draft.placed if p.is_about(about))
            past = (*await self._journal.about(draft.room.id, about), *here)
        context = self._context(ask, past=past)
        events = decide(draft.room, ask.actor, command, context)
        if not events:
            draft.doubtful.append(ask)
        draft.add(ask, events, context.now_ms)

    async def _join(self, ask: Ask, join: Join, draft: Draft) -> None:
        """Joining is repeated safely by the seat, not by the id of the command: who sends it again
        from a new socket must get the seat, not an old answer."""
        connection = ask.connection
        if connection is None or connection.closed:
            raise Refused(ErrorCode.NOT_PRESENT)
        if ask.key in self._seen or any(a.key == ask.key for a in draft.answers):
            ask.command_id = CommandId(f"{ask.command_id[:64]}~{ask.sid[-24:]}")
        before = draft.joining.get(ask.actor)
        tab = before.tab if before else await self._tab_of(draft.room.find(ask.actor))
        context = self._context(ask, occupied=tab not in (None, join.tab))
        draft.add(ask, decide(draft.room, ask.actor, join, context), context.now_ms)
        draft.joining[ask.actor] = Joining(ask, connection, join.tab)

    async def _is_back(self, expire: Expire, draft: Draft) -> bool:
        if self._seats.holder(expire.identity) is not None or expire.identity in draft.joining:
            return True
        return await self._holders.tab_of(expire.sid) is not None

    async def _tab_of(self, seat: Participant | None) -> str | None:
        """The page that holds a seat at this moment, here or on another server."""
        if seat is None:
            return None
        holder = self._seats.holder(seat.identity)
        return holder.tab if holder is not None else await self._holders.tab_of(seat.sid)

    def _context(
        self, ask: Ask, *, occupied: bool = False, past: tuple[Stored, ...] = ()
    ) -> Context:
        return Context(
            now_ms=self._clock.now_ms(),
            sid=ask.sid,
            meeting_id=ask.meeting_id,
            occupied=occupied,
            limits=self._limits,
            past=past,
        )


def _placed(before: Room, stored: Stored) -> Placed:
    return Placed(stored, before.streams.get(stored.stream, 0))
