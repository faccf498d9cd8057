"""Chat: what is said stays, until its author or a host takes it back.

Participants send messages of at most 4000 graphemes, each with an optional image and an optional
message that it replies to. Authors edit and delete their own; hosts delete any. A deleted message
leaves a tombstone that keeps its seq; its words are scrubbed from the journal in the same
transaction. The fold holds the last 200 messages; older ones are read from the store by page.

A message's key is the seq of its `chat.sent`. Its author knows it by the command's id, which makes
one that travelled over a data channel first and one that was sent twice the same message.
"""

from collections.abc import Iterable
from typing import ClassVar, Self

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Feature, Frozen, Slice, Stored
from moim.meeting.ids import CommandId, Identity, SomeFileId, SomeSeq
from moim.meeting.images import CarriesImage, Image, waiting
from moim.meeting.model import Room
from moim.meeting.text import Text

MESSAGES_HELD = 200


class SendMessage(Command):
    """Say something."""

    name_on_wire: ClassVar[str] = "chat.send"
    text: Text
    reply_to: SomeSeq | None = None
    image: SomeFileId | None = None


class EditMessage(Command):
    """Say one's own message differently."""

    name_on_wire: ClassVar[str] = "chat.edit"
    seq: SomeSeq
    text: Text

    def about_seq(self) -> int:
        return self.seq


class DeleteMessage(Command):
    """Take a message back: one's own, or any as a host."""

    name_on_wire: ClassVar[str] = "chat.delete"
    seq: SomeSeq

    def about_seq(self) -> int:
        return self.seq


class MessageSent(CarriesImage):
    """A message stands in the chat. `name` is its author's at that time."""

    type: ClassVar[str] = "chat.sent"
    text: str
    name: str
    reply_to: int | None = None
    image: Image | None = None

    def scrubbed(self) -> Self:
        return self.but(text="", image=None)


class MessageEdited(Event):
    """A message reads differently now."""

    type: ClassVar[str] = "chat.edited"
    about: int
    text: str

    def about_seq(self) -> int:
        return self.about

    def scrubbed(self) -> Self:
        return self.but(text="")


class MessageDeleted(Event):
    """A message is gone; its place stays."""

    type: ClassVar[str] = "chat.deleted"
    scrubs: ClassVar[bool] = True
    about: int
    by: Identity

    def about_seq(self) -> int:
        return self.about


class ChatMessage(Frozen):
    """One message as everybody sees it."""

    seq: int
    command_id: CommandId
    author: Identity
    name: str
    at_ms: int
    text: str
    reply_to: int | None = None
    image: Image | None = None
    edited_ms: int | None = None
    deleted: bool = False


class ChatState(Slice):
    """The last messages, oldest first."""

    messages: tuple[ChatMessage, ...] = ()


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `text_empty`, `image_unknown`, `message_unknown`, `not_author`,
    `message_deleted`."""
    author = room.present(actor)
    match command:
        case SendMessage(text=text, reply_to=reply_to, image=file_id):
            if not text and file_id is None:
                raise Refused(ErrorCode.TEXT_EMPTY)
            if reply_to is not None and reply_to > room.seq:
                raise Refused(ErrorCode.MESSAGE_UNKNOWN)
            sent = waiting(room, actor, file_id) if file_id is not None else None
            return (MessageSent(text=text, name=author.name, reply_to=reply_to, image=sent),)
        case EditMessage(seq=seq, text=text):
            message = _message(room, seq, ctx)
            if message.author != actor:
                raise Refused(ErrorCode.NOT_AUTHOR)
            if not text and message.image is None:
                raise Refused(ErrorCode.TEXT_EMPTY)
            return () if text == message.text else (MessageEdited(about=seq, text=text),)
        case DeleteMessage(seq=seq):
            message = _message(room, seq, ctx)
            if message.author != actor and not room.is_host(actor):
                raise Refused(ErrorCode.NOT_AUTHOR)
            return (MessageDeleted(about=seq, by=actor),)
        case _:
            raise AssertionError(f"not a command of chat: {command!r}")


def _message(room: Room, seq: int, ctx: Context) -> ChatMessage:
    """The message as it stands. Raises: `message_unknown`, `message_deleted`."""
    held = chat.of(room).messages
    if not any(m.seq == seq for m in held):
        state = ChatState()
        for stored in ctx.past:
            state = apply(state, stored)
        held = state.messages
    for message in held:
        if message.seq == seq:
            if message.deleted:
                raise Refused(ErrorCode.MESSAGE_DELETED)
            return message
    raise Refused(ErrorCode.MESSAGE_UNKNOWN)


def apply(state: ChatState, stored: Stored) -> ChatState:
    """The chat after one event."""
    match stored.event:
        case MessageSent() as sent:
            message = ChatMessage(
                seq=stored.seq,
                command_id=stored.command_id,
                author=stored.actor,
                name=sent.name,
                at_ms=stored.at_ms,
                text=sent.text,
                reply_to=sent.reply_to,
                image=sent.image,
            )
            return ChatState(messages=(*state.messages, message)[-MESSAGES_HELD:])
        case MessageEdited(about=about, text=text):
            return _change(state, about, text=text, edited_ms=stored.at_ms)
        case MessageDeleted(about=about):
            return _change(state, about, text="", image=None, edited_ms=None, deleted=True)
        case _:
            return state


def _change(state: ChatState, seq: int, **changes: object) -> ChatState:
    return ChatState(
        messages=tuple(m.but(**changes) if m.seq == seq else m for m in state.messages)
    )


chat = Feature(
    name="chat",
    state=ChatState,
    commands=(SendMessage, EditMessage, DeleteMessage),
    events=(MessageSent, MessageEdited, MessageDeleted),
    decide=decide,
    apply=apply,
)
