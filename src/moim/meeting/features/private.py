"""Private messages: said to one participant, seen by the two of them and by no host.

A private message is two events, one in the stream of its author and one in the stream of whom it
is said to, each a copy with a seq of its own; `twin` is the other's. It is said to somebody who
sits in the room, and only its author takes it back, from both. It holds text alone and may reply to
a message of the room, or to a private one between the same two.

The fold holds the last 200 of each participant; it lets go of them when their seat is free, and a
seat that is taken again reads them back by page.
"""

from collections.abc import Iterable
from typing import ClassVar, Self

from pydantic import Field

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Feature, Slice, Stored
from moim.meeting.ids import (
    SYSTEM,
    Identity,
    Right,
    Role,
    SomeIdentity,
    SomeSeq,
    Stream,
    personal,
)
from moim.meeting.images import CarriesImage
from moim.meeting.membership import MeetingEnded, ParticipantLeft
from moim.meeting.messages import ChatMessage, Messages, held
from moim.meeting.model import Room
from moim.meeting.text import Text


class SendPrivate(Command):
    """Say something to one participant."""

    name_on_wire: ClassVar[str] = "private.send"
    to: SomeIdentity
    text: Text
    reply_to: SomeSeq | None = None

    def about_seq(self) -> int | None:
        return self.reply_to


class DeletePrivate(Command):
    """Take one's own private message back, from both."""

    name_on_wire: ClassVar[str] = "private.delete"
    seq: SomeSeq

    def about_seq(self) -> int:
        return self.seq


class PrivateSent(Event):
    """A private message: the copy of `identity`. Its author is the actor."""

    type: ClassVar[str] = "private.sent"
    identity: Identity
    to: Identity
    twin: int
    text: str
    name: str
    reply_to: int | None = None

    def stream(self) -> Stream:
        return personal(self.identity)

    def scrubbed(self) -> Self:
        return self.but(text="")


class PrivateDeleted(Event):
    """A private message is gone; its place stays."""

    type: ClassVar[str] = "private.deleted"
    scrubs: ClassVar[bool] = True
    identity: Identity
    about: int

    def stream(self) -> Stream:
        return personal(self.identity)

    def about_seq(self) -> int:
        return self.about


class PrivateState(Slice):
    """The last private messages of each participant, oldest first. A viewer sees only their own."""

    boxes: dict[Identity, Messages] = Field(default={})


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `text_empty`, `self_target`, `participant_unknown`,
    `message_unknown`, `message_deleted`, `not_author`, `right_missing`."""
    match command:
        case SendPrivate(to=to, text=text):
            author = room.demand(actor, Right.CHAT)
            if to == actor:
                raise Refused(ErrorCode.SELF_TARGET)
            room.target(to)
            if not text:
                raise Refused(ErrorCode.TEXT_EMPTY)
            mine, theirs = _replied(actor, to, command.reply_to, ctx)
            first, second = room.seq + 1, room.seq + 2
            sent = PrivateSent(
                identity=actor, to=to, twin=second, text=text, name=author.name, reply_to=mine
            )
            return (sent, sent.but(identity=to, twin=first, reply_to=theirs))
        case DeletePrivate(seq=seq):
            if actor != SYSTEM:
                room.present(actor)
            said = _copy(seq, ctx)
            author_identity = said.actor
            copy = said.event
            assert isinstance(copy, PrivateSent)  # noqa: S101 - what `_copy` finds
            if actor not in (SYSTEM, copy.identity):
                raise Refused(ErrorCode.MESSAGE_UNKNOWN)  # not even that there is one
            if actor not in (SYSTEM, author_identity):
                raise Refused(ErrorCode.NOT_AUTHOR)
            other = copy.to if copy.identity == author_identity else author_identity
            return (
                PrivateDeleted(identity=copy.identity, about=seq),
                PrivateDeleted(identity=other, about=copy.twin),
            )
        case _:
            raise AssertionError(f"not a command of private: {command!r}")


def _replied(
    actor: Identity, to: Identity, seq: int | None, ctx: Context
) -> tuple[int | None, int | None]:
    """The seq of the message that is replied to, as its author and as the other one knows it."""
    if seq is None:
        return None, None
    match next((stored for stored in ctx.past if stored.seq == seq), None):
        case Stored(event=PrivateSent() as copy, actor=author) if copy.identity == actor:
            if {author, copy.to} != {actor, to}:
                raise Refused(ErrorCode.MESSAGE_UNKNOWN)
            return seq, copy.twin
        case Stored(event=CarriesImage()):
            return seq, seq  # said in the room: the same for everybody
        case _:
            raise Refused(ErrorCode.MESSAGE_UNKNOWN)


def _copy(seq: int, ctx: Context) -> Stored:
    found: Stored | None = None
    for stored in ctx.past:
        match stored.event:
            case PrivateSent() if stored.seq == seq:
                found = stored
            case PrivateDeleted(about=about) if about == seq:
                raise Refused(ErrorCode.MESSAGE_DELETED)
            case _:
                continue
    if found is None:
        raise Refused(ErrorCode.MESSAGE_UNKNOWN)
    return found


def apply(state: PrivateState, stored: Stored) -> PrivateState:
    """The boxes after one event."""
    match stored.event:
        case PrivateSent() as sent:
            message = message_of(stored, sent)
            box = held(state.boxes.get(sent.identity, ()), message)
            return PrivateState(boxes={**state.boxes, sent.identity: box})
        case PrivateDeleted(identity=identity, about=about) if identity in state.boxes:
            box = tuple(m.without_words() if m.seq == about else m for m in state.boxes[identity])
            return PrivateState(boxes={**state.boxes, identity: box})
        case ParticipantLeft(identity=identity) if identity in state.boxes:
            return PrivateState(boxes={i: box for i, box in state.boxes.items() if i != identity})
        case MeetingEnded():
            return PrivateState()
        case _:
            return state


def message_of(stored: Stored, sent: PrivateSent) -> ChatMessage:
    """A copy as a message."""
    return ChatMessage(
        seq=stored.seq,
        command_id=stored.command_id,
        author=stored.actor,
        name=sent.name,
        at_ms=stored.at_ms,
        text=sent.text,
        reply_to=sent.reply_to,
        to=sent.to,
    )


def view(state: PrivateState, viewer: Identity, role: Role) -> PrivateState:
    """Only the viewer's own; no role sees another's."""
    return PrivateState(boxes={i: box for i, box in state.boxes.items() if i == viewer})


private = Feature(
    name="private",
    state=PrivateState,
    commands=(SendPrivate, DeletePrivate),
    events=(PrivateSent, PrivateDeleted),
    decide=decide,
    apply=apply,
    view=view,
)
