"""One open room: mailbox -> decide -> journal -> apply -> publish, one thing after the other.

What waits is decided in a row and written in one transaction; only then does anybody hear of it.
A bug in the rules costs its own command, is logged once, and the meeting goes on from the journal.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import structlog

from moim.live.alone import ALONE
from moim.live.audience import Audience, message_of, moves_somebody
from moim.live.draft import Draft, Joining, Placed
from moim.live.figures import Figures
from moim.live.graces import Graces, GraceTimes
from moim.live.mailbox import Answer, Ask, Mailbox
from moim.live.news import Happened, News, Passed, Seated
from moim.live.outgoing import passing as passing_message
from moim.live.planes import Planes
from moim.live.ports import Bus, Clock, Files, Holders, Ids, Outlet, TitleFinder
from moim.live.reader import Reader
from moim.live.scribe import Scribe
from moim.live.seats import Connection, Seats
from moim.live.titling import Titling
from moim.media.plane import Mesh, Plane
from moim.meeting.errors import ErrorCode, MoimError, Refused, Unavailable
from moim.meeting.feature import Command, Limits
from moim.meeting.ids import SYSTEM, CommandId, FileId, Identity, RoomId, Sid
from moim.meeting.membership import Expire, LeaveReason, ParticipantLeft, ParticipantResumed
from moim.meeting.model import Room
from moim.meeting.passing import Passing, relay
from moim.meeting.queries import (
    AskAccess,
    Away,
    History,
    Query,
    RefreshIce,
    Revisions,
    Search,
    Sync,
)
from moim.meeting.rules import dump_room, snapshot
from moim.storage.journal import Journal
from moim.storage.messages import Messages

_log = structlog.get_logger("moim.live")
_GOODBYES = {LeaveReason.REMOVED: "removed", LeaveReason.ENDED: "meeting_ended"}


@dataclass(frozen=True, slots=True)
class Tools:
    """What every room of a server works with."""

    journal: Journal
    messages: Messages
    files: Files
    clock: Clock
    ids: Ids
    limits: Limits
    graces: GraceTimes
    figures: Figures = field(default_factory=Figures)
    bus: Bus = ALONE
    holders: Holders = ALONE
    plane: Plane = field(default_factory=Mesh)
    """What may carry meetings beside the mesh."""
    titles: TitleFinder | None = None
    """None where the server follows no links."""


class LiveRoom:
    """The actor of one room. `open` before use, `stop` after."""

    def __init__(self, room_id: RoomId, tools: Tools) -> None:
        self._tools = tools
        self.seats = Seats(room_id, tools.holders)
        self._mailbox = Mailbox()
        self._audience = Audience(self.seats)
        self._graces = Graces(tools.clock, tools.graces, self._expire)
        self._scribe = Scribe(
            room_id,
            tools.journal,
            tools.clock,
            tools.limits,
            self.seats,
            tools.holders,
            self._told,
        )
        self._titling = Titling(tools.titles, tools.clock, self.submit) if tools.titles else None
        self.planes = Planes(tools.plane, tools.clock, tools.limits, self.seats, self.submit)
        self._in_doubt = False
        """The fold may be behind the journal: read it again before deciding anything."""
        self._heard: list[Happened] = []
        self._behind = False
        """Others have written what was not heard."""
        self._task: asyncio.Task[None] | None = None
        self._errands: set[asyncio.Task[None]] = set()

    @property
    def fold(self) -> Room:
        """The room as it is. Reading it costs nothing; it is replaced, never changed."""
        return self._scribe.fold

    @property
    def conflicts(self) -> int:
        """How often another server wrote first, and this one decided again."""
        return self._scribe.conflicts

    @property
    def idle(self) -> bool:
        """Nobody sits in it but by other servers, nobody is at the door, and nothing waits."""
        elsewhere = all(one.sid in self.seats.elsewhere for one in self.fold.participants)
        return elsewhere and not (len(self.seats) or len(self._mailbox))

    async def open(self) -> None:
        """Fold the journal and begin to work. Raises: Unavailable."""
        since, placed = await self._scribe.load()
        self._audience.hold(since, placed)
        self.seats.elsewhere = await self._tools.holders.elsewhere(self.fold.id)
        self._graces.follow(self.fold, self.seats)
        self.planes.follow(self.fold)
        self._task = asyncio.create_task(self._work(), name=f"room {self.fold.id}")

    async def stop(self) -> None:
        """Answer what waits, then stop. Seats stay as they are, for the next start."""
        self._mailbox.close()
        self._graces.stop()
        if self._task is not None:
            await self._task
        self._graces.stop()
        if self._titling is not None:
            await self._titling.stop()
        await self.planes.stop()
        if self._errands:
            await asyncio.wait(self._errands)

    # Coming and going

    def enter(self, identity: Identity, outlet: Outlet) -> Connection:
        """Somebody has connected. They hear nothing before they join."""
        connection = Connection(identity, outlet)
        self.seats.add(connection)
        return connection

    def leave(self, connection: Connection) -> None:
        """A connection is gone. Its seat waits for it for a while."""
        held = self.seats.discard(connection)
        if held and not self._mailbox.closed:
            away = connection.identity if connection.away else None
            self._graces.follow(self.fold, self.seats, away=away)

    def _expire(self, identity: Identity, sid: Sid) -> None:
        def answered(reply: "asyncio.Future[Answer | MoimError]") -> None:
            if isinstance(reply.result(), Unavailable) and not self._mailbox.closed:
                self._graces.again(identity, sid)

        expire = Expire(identity=identity, sid=sid)
        try:
            reply = self.submit(SYSTEM, CommandId(f"expire-{sid}"), expire)
        except Unavailable:
            if not self._mailbox.closed:
                self._graces.again(identity, sid)
        else:
            reply.add_done_callback(answered)

    # Asking

    def submit(
        self,
        actor: Identity,
        command_id: CommandId,
        command: Command,
        connection: Connection | None = None,
    ) -> "asyncio.Future[Answer | MoimError]":
        """Put a command in line, at once. Its answer comes after the commit.

        Raises: Unavailable (`busy`, `server_stopping`).
        """
        if connection is not None:
            connection.away = False  # a page that asks for something has come back
        ask = Ask(
            actor=actor,
            command_id=command_id,
            command=command,
            connection=connection,
            sid=self._tools.ids.sid(),
            meeting_id=self._tools.ids.meeting(),
            reply=asyncio.get_running_loop().create_future(),
        )
        self._mailbox.put(ask)
        return ask.reply

    async def ask(
        self,
        actor: Identity,
        command_id: CommandId,
        command: Command,
        connection: Connection | None = None,
    ) -> Answer:
        """`submit`, and wait for the answer. Raises: Refused, Unavailable."""
        said = await self.submit(actor, command_id, command, connection)
        if isinstance(said, MoimError):
            raise said
        return said

    def relay(self, connection: Connection, passing: Passing) -> Answer:
        """Pass something on at once to who is there. Raises: Refused."""
        self._demand_seat(connection)
        said = relay(self.fold, connection.identity, passing)
        message = passing_message(
            said.type,
            sender=connection.identity,
            from_sid=said.sender_sid,
            at_ms=self._tools.clock.now_ms(),
            payload=said.payload,
        )
        passed = Passed(message, connection.identity, said.to)
        if not self._pass_on(passed):
            self._tools.bus.tell(self.fold.id, passed)
        return Answer(self.fold.seq)

    def _pass_on(self, passed: Passed) -> bool:
        """To who is for it and here. Returns whether that was everybody."""
        everybody = True
        for seat in self.fold.participants:
            if seat.identity == passed.sender or passed.to not in (None, seat.identity):
                continue
            holder = self.seats.holder(seat.identity)
            if holder is None:
                everybody = False
            else:
                holder.outlet.send(passed.message)
        return everybody

    # Other servers

    def hear(self, news: News) -> None:
        """Another server says something of this room."""
        match news:
            case Passed():
                self._pass_on(news)
            case Seated(sid=sid, tab=tab):
                self.held_elsewhere({**self.seats.elsewhere, sid: tab})
            case Happened():
                self._heard.append(news)
                self._mailbox.nudge()

    def reached(self, seq: int) -> None:
        """The journal has come to that number."""
        if seq > self.fold.seq:
            self._behind = True
        if self._behind:
            self._mailbox.nudge()

    def held_elsewhere(self, held: Mapping[Sid, str]) -> None:
        """These seats are held by other servers, and no others."""
        self.seats.elsewhere = held
        for seat in self.fold.participants:
            if seat.sid in held:
                moved = self.seats.vacate(seat.identity, seat.sid)
                if moved is not None:
                    moved.dismiss("seat_moved")
        if not self._mailbox.closed:
            self._graces.follow(self.fold, self.seats)

    async def _follow(self) -> None:
        heard, self._heard = self._heard, []
        behind, self._behind = self._behind, False
        try:
            if self._in_doubt:
                await self._reload()
                self._in_doubt = False
            else:
                await self._scribe.follow([one for news in heard for one in news.placed()])
                if behind:
                    await self._scribe.catch_up()
        except Unavailable:
            self._behind = True  # the next look tries again
        except Exception:
            _log.exception("news_not_followed", room=self.fold.id)
            self._in_doubt = self._behind = True

    async def query(self, connection: Connection, query: Query) -> Answer:
        """Answer what a connection asks for itself. Raises: Refused, Unavailable."""
        self._demand_seat(connection)
        room = self.fold
        match query:
            case Sync(streams=streams):
                frames = self._audience.tail(room, connection.identity, streams)
                if frames is not None:
                    return Answer(room.seq, {"frames": frames})
                return Answer(room.seq, {"snapshot": self._shown_to(connection.identity)})
            case Away():
                connection.away = True
                return Answer(room.seq)
            case RefreshIce():
                return Answer(room.seq)  # the door adds what it holds for
            case AskAccess(trial=trial):
                access = await self.planes.access(room, connection.identity, trial=trial)
                return Answer(room.seq, {"access": asdict(access)})
            case History() | Search() | Revisions():
                reader = Reader(self._tools.messages, self._tools.journal)
                return Answer(room.seq, await reader.answer(room, connection.identity, query))
            case _:
                raise AssertionError(f"not a query: {query!r}")

    def _demand_seat(self, connection: Connection) -> None:
        if not connection.holds_seat_of(self.fold):
            raise Refused(ErrorCode.NOT_PRESENT)

    def _shown_to(self, viewer: Identity) -> dict[str, object]:
        return dump_room(snapshot(self.fold, viewer))

    # Working

    async def _work(self) -> None:
        while (asks := await self._mailbox.take()) is not None:
            if self._heard or self._behind:
                await self._follow()
            if asks:
                await self._supervise(asks)

    async def _supervise(self, asks: Sequence[Ask]) -> None:
        try:
            if self._in_doubt:
                await self._reload()
            self._in_doubt = True  # until the journal has said yes, and all is told
            draft, doomed = await self._write(asks)
            self._in_doubt = False
            for ask in asks:
                ask.answer(self._answer(ask, draft))
            for file_id in doomed:
                self._errand(file_id)
        except Unavailable as error:
            self._tools.figures.unavailable += 1
            for ask in asks:
                ask.answer(error)
        except Exception:
            names = sorted({ask.command.name_on_wire for ask in asks})
            if len(asks) > 1:  # one by one, so that only the one that cannot be done pays for it
                for ask in asks:
                    if not ask.reply.done():
                        await self._supervise([ask])
                return
            _log.exception("room_command_failed", room=self.fold.id, commands=names)
            asks[0].answer(Unavailable(ErrorCode.INTERNAL))

    async def _write(self, asks: Sequence[Ask]) -> tuple[Draft, list[FileId]]:
        figures, conflicts = self._tools.figures, self._scribe.conflicts
        began = time.perf_counter()
        try:
            draft, doomed = await self._scribe.write(asks)
        finally:
            figures.conflicts += self._scribe.conflicts - conflicts
        if draft.entries:
            figures.commits += 1
            figures.commit_s += time.perf_counter() - began
            figures.events += len(draft.entries)
        return draft, doomed

    async def _reload(self) -> None:
        before = self.fold
        since, placed = await self._scribe.load()
        self._audience.hold(since, placed)
        if self.fold.seq != before.seq:
            for seat in before.participants:
                now = self.fold.find(seat.identity)
                if now is None or now.sid != seat.sid:
                    self.seats.vacate(seat.identity, seat.sid)
            self._audience.show_all_again(self.fold)
        self._graces.follow(self.fold, self.seats)
        self.planes.follow(self.fold)

    def _told(
        self, placed: Sequence[Placed], joining: Sequence[Joining] = (), *, own: bool = False
    ) -> None:
        """What is written is true: seats, audience, timers and other servers follow it."""
        for one in placed:
            match one.stored.event:
                case ParticipantLeft(identity=identity, sid=sid, reason=reason):
                    gone = self.seats.vacate(identity, sid)
                    if gone is not None and reason in _GOODBYES:
                        gone.dismiss(_GOODBYES[reason])
                case ParticipantResumed(identity=identity, sid=sid) if not own:
                    holder = self.seats.holder(identity)
                    if holder is not None and holder.sid not in (None, sid):
                        self.seats.vacate(identity, holder.sid)
                        holder.dismiss("seat_moved")
                case _:
                    continue
        for joined in joining:
            seat = self.fold.find(joined.ask.actor)
            if seat is not None:
                self.seats.take(joined.connection, joined.tab, seat.sid)
                seated = Seated(seat.identity, seat.sid, joined.tab)
                self._tools.bus.tell(self.fold.id, seated)
        moved = bool(joining) or moves_somebody(placed)
        told = self._audience.publish(self.fold, placed, moved=moved)
        self._tools.figures.deliveries += told
        if own and placed and self._tools.bus.active:
            happened = Happened([message_of(one) for one in placed])
            self._tools.bus.tell(self.fold.id, happened)
        for one in placed:
            one.message = None  # a later event may scrub it
        if moved:
            self._graces.follow(self.fold, self.seats)
        self.planes.follow(self.fold, placed)
        if self._titling is not None:
            self._titling.follow(placed)

    def _answer(self, ask: Ask, draft: Draft) -> Answer | MoimError:
        said = draft.answers[ask]
        joined = draft.joining.get(ask.actor)
        if isinstance(said, MoimError) or joined is None or joined.ask is not ask:
            return said
        if not joined.connection.holds_seat_of(self.fold):
            return Refused(ErrorCode.NOT_PRESENT)
        extra = {"sid": joined.connection.sid, "snapshot": self._shown_to(ask.actor)}
        return Answer(self.fold.seq, extra)

    def _errand(self, file_id: FileId) -> None:
        """Delete a file that nothing shows any more; what fails is done at the next start."""

        async def delete() -> None:
            try:
                await self._tools.files.delete(self.fold.id, file_id)
                await self._tools.journal.gone(self.fold.id, file_id)
            except (OSError, Unavailable) as error:
                _log.warning("file_not_deleted", room=self.fold.id, cause=str(error))

        task = asyncio.create_task(delete())
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
