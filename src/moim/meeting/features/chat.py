"""Chat: what is said stays, until its author or a host takes it back.

Participants send messages of at most 4000 graphemes, each with an optional image, an optional
message that it replies to, and up to twenty people whom it mentions: those present, and the last
hundred who wrote. Who has no right to the chat neither sends nor edits. Authors edit and delete
their own; hosts delete any. A deleted message leaves a tombstone that keeps its seq; its words,
reactions and titles are scrubbed from the journal in the same transaction. The fold holds the last
200 messages; older ones are read from the store by page.

Everybody reacts to a message with one emoji, changes it, or takes it back; a message holds at most
twelve different ones, of at most two hundred people. Where the operator allows it, the server adds
the titles of the pages that a message links to.

A message's key is the seq of its `chat.sent`. Its author knows it by the command's id, which makes
one that travelled over a data channel first and one that was sent twice the same message.
"""

from collections.abc import Iterable
from typing import ClassVar, Self

from pydantic import Field

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Feature, Frozen, Slice, Stored
from moim.meeting.ids import SYSTEM, Identity, Right, SomeFileId, SomeSeq
from moim.meeting.images import CarriesImage, Image, waiting
from moim.meeting.messages import (
    LINKS_TITLED,
    REACTION_KINDS,
    REACTORS_MOST,
    ChatMessage,
    LinkTitle,
    Mention,
    Mentioned,
    Messages,
    Reaction,
    changed,
    held,
    standing,
)
from moim.meeting.model import Room
from moim.meeting.text import Text

WRITERS_HELD = 100


class SendMessage(Command):
    """Say something."""

    name_on_wire: ClassVar[str] = "chat.send"
    text: Text
    reply_to: SomeSeq | None = None
    image: SomeFileId | None = None
    mentions: Mentioned = ()

    def about_seq(self) -> int | None:
        return self.reply_to


class EditMessage(Command):
    """Say one's own message differently."""

    name_on_wire: ClassVar[str] = "chat.edit"
    seq: SomeSeq
    text: Text
    mentions: Mentioned = ()

    def about_seq(self) -> int:
        return self.seq


class DeleteMessage(Command):
    """Take a message back: one's own, or any as a host."""

    name_on_wire: ClassVar[str] = "chat.delete"
    seq: SomeSeq

    def about_seq(self) -> int:
        return self.seq


class React(Command):
    """Answer a message with one emoji; null takes one's own back."""

    name_on_wire: ClassVar[str] = "chat.react"
    seq: SomeSeq
    reaction: Reaction | None

    def about_seq(self) -> int:
        return self.seq


class AddTitles(Command):
    """The pages behind the links of a text were read."""

    name_on_wire: ClassVar[str] = "chat.title"
    internal: ClassVar[bool] = True
    seq: SomeSeq
    text: str
    """What the message said when its links were followed."""
    titles: tuple[LinkTitle, ...] = Field(max_length=LINKS_TITLED)

    def about_seq(self) -> int:
        return self.seq


class MessageSent(CarriesImage):
    """A message stands in the chat. `name` is its author's at that time."""

    type: ClassVar[str] = "chat.sent"
    v: ClassVar[int] = 2
    text: str
    name: str
    reply_to: int | None = None
    image: Image | None = None
    mentions: tuple[Mention, ...] = ()

    def scrubbed(self) -> Self:
        return self.but(text="", image=None, mentions=())


class MessageEdited(Event):
    """A message reads differently now."""

    type: ClassVar[str] = "chat.edited"
    v: ClassVar[int] = 2
    about: int
    text: str
    mentions: tuple[Mention, ...] = ()

    def about_seq(self) -> int:
        return self.about

    def scrubbed(self) -> Self:
        return self.but(text="", mentions=())


class MessageDeleted(Event):
    """A message is gone; its place stays."""

    type: ClassVar[str] = "chat.deleted"
    scrubs: ClassVar[bool] = True
    about: int
    by: Identity

    def about_seq(self) -> int:
        return self.about


class MessageReacted(Event):
    """The actor answers a message with this emoji alone now, or no longer."""

    type: ClassVar[str] = "chat.reacted"
    about: int
    reaction: str | None

    def about_seq(self) -> int:
        return self.about

    def scrubbed(self) -> Self:
        return self.but(reaction=None)


class MessageTitled(Event):
    """The titles of the pages that a message links to."""

    type: ClassVar[str] = "chat.titled"
    about: int
    titles: tuple[LinkTitle, ...]

    def about_seq(self) -> int:
        return self.about

    def scrubbed(self) -> Self:
        return self.but(titles=())


class Writer(Frozen):
    """Somebody who wrote here, under the name that they last had then."""

    identity: Identity
    name: str


class ChatState(Slice):
    """The last messages, oldest first, and who wrote."""

    messages: Messages = ()
    writers: tuple[Writer, ...] = ()
    """Who wrote last comes last; at most a hundred."""


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `text_empty`, `image_unknown`, `message_unknown`, `not_author`,
    `message_deleted`, `participant_unknown`, `reactions_full`, `right_missing`."""
    match command:
        case SendMessage(text=text, reply_to=reply_to, image=file_id):
            author = room.demand(actor, Right.CHAT)
            if not text and file_id is None:
                raise Refused(ErrorCode.TEXT_EMPTY)
            if reply_to is not None:
                _demand_said_here(room, reply_to, ctx)
            sent = waiting(room, actor, file_id) if file_id is not None else None
            mentions = _mentions(room, command.mentions)
            return (
                MessageSent(
                    text=text, name=author.name, reply_to=reply_to, image=sent, mentions=mentions
                ),
            )
        case EditMessage(seq=seq, text=text):
            room.demand(actor, Right.CHAT)
            message = _message(room, seq, ctx)
            if message.author != actor:
                raise Refused(ErrorCode.NOT_AUTHOR)
            if not text and message.image is None:
                raise Refused(ErrorCode.TEXT_EMPTY)
            if text == message.text:
                return ()
            mentions = _mentions(room, command.mentions)
            return (MessageEdited(about=seq, text=text, mentions=mentions),)
        case DeleteMessage(seq=seq):
            if actor != SYSTEM:
                room.present(actor)
            message = _message(room, seq, ctx)
            if message.author != actor and not room.is_host(actor):
                raise Refused(ErrorCode.NOT_AUTHOR)
            return (MessageDeleted(about=seq, by=actor),)
        case React(seq=seq, reaction=reaction):
            room.present(actor)
            return _react(_message(room, seq, ctx), actor, reaction)
        case AddTitles(seq=seq, text=text, titles=titles):
            message = _message(room, seq, ctx)
            # edited meanwhile: its new links are followed on their own
            if message.text != text or message.titles == titles:
                return ()
            return (MessageTitled(about=seq, titles=titles),)
        case _:
            raise AssertionError(f"not a command of chat: {command!r}")


def _react(message: ChatMessage, actor: Identity, reaction: str | None) -> Iterable[Event]:
    if message.reactions.get(actor) == reaction:
        return ()
    after = message.with_reaction(actor, reaction).reactions
    if reaction is not None and (
        len(set(after.values())) > REACTION_KINDS or len(after) > REACTORS_MOST
    ):
        raise Refused(ErrorCode.REACTIONS_FULL)
    return (MessageReacted(about=message.seq, reaction=reaction),)


def _mentions(room: Room, mentioned: Mentioned) -> tuple[Mention, ...]:
    """Raises: `participant_unknown` for who neither sits here nor wrote here."""
    if not mentioned:
        return ()
    names = {writer.identity: writer.name for writer in chat.of(room).writers}
    names |= {seat.identity: seat.name for seat in room.participants}
    if any(identity not in names for identity in mentioned):
        raise Refused(ErrorCode.PARTICIPANT_UNKNOWN)
    return tuple(Mention(identity=i, name=names[i]) for i in dict.fromkeys(mentioned))


def _demand_said_here(room: Room, seq: int, ctx: Context) -> None:
    """Raises: `message_unknown` for what never was a message of the room, a private one too; one
    that was deleted meanwhile is still replied to."""
    held_still = any(m.seq == seq for m in chat.of(room).messages)
    if not held_still and not any(
        stored.seq == seq and isinstance(stored.event, MessageSent) for stored in ctx.past
    ):
        raise Refused(ErrorCode.MESSAGE_UNKNOWN)


def _message(room: Room, seq: int, ctx: Context) -> ChatMessage:
    """The message as it stands. Raises: `message_unknown`, `message_deleted`."""
    messages = chat.of(room).messages
    if not any(m.seq == seq for m in messages):
        state = ChatState()
        for stored in ctx.past:
            state = apply(state, stored)
        messages = state.messages
    return standing(messages, seq)


def apply(state: ChatState, stored: Stored) -> ChatState:
    """The chat after one event."""
    messages = state.messages
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
                mentions=sent.mentions,
            )
            others = (w for w in state.writers if w.identity != stored.actor)
            writers = (*others, Writer(identity=stored.actor, name=sent.name))
            return state.but(messages=held(messages, message), writers=writers[-WRITERS_HELD:])
        case MessageEdited(about=about, text=text, mentions=mentions):
            edited = changed(
                messages, about, text=text, mentions=mentions, titles=(), edited_ms=stored.at_ms
            )
            return state.but(messages=edited)
        case MessageDeleted(about=about):
            gone = tuple(m.without_words() if m.seq == about else m for m in messages)
            return state.but(messages=gone)
        case MessageReacted(about=about, reaction=reaction):
            actor = stored.actor
            now = (m.with_reaction(actor, reaction) if m.seq == about else m for m in messages)
            return state.but(messages=tuple(now))
        case MessageTitled(about=about, titles=titles):
            return state.but(messages=changed(messages, about, titles=titles))
        case _:
            return state


chat = Feature(
    name="chat",
    state=ChatState,
    commands=(SendMessage, EditMessage, DeleteMessage, React, AddTitles),
    events=(MessageSent, MessageEdited, MessageDeleted, MessageReacted, MessageTitled),
    decide=decide,
    apply=apply,
)
