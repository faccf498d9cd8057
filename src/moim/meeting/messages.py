"""A message of the chat, said to everybody or to one: what the features of the chat share.

A message's key is the seq of the event that said it. Reactions, mentions and titles of links belong
to it, and go with its words when it is deleted.
"""

from typing import Annotated, Any

import regex
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Frozen
from moim.meeting.ids import CommandId, Identity, SomeIdentity
from moim.meeting.images import Image

MESSAGES_HELD = 200
MENTIONS_MOST = 20
LINKS_TITLED = 3
TITLE_LETTERS = 200
REACTION_KINDS = 12
"""Different ones on one message."""
REACTORS_MOST = 200
_MOST_CODE_POINTS = 16
_EMOJI = regex.compile(r"(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|[0-9#*]\ufe0f?\u20e3)")
_GRAPHEME = regex.compile(r"\X")


def one_emoji(raw: str) -> str:
    """Raises: `reaction_unknown` for anything but one emoji (UTS #51), joined and tinted or not."""
    if len(raw) > _MOST_CODE_POINTS or not _EMOJI.match(raw) or not _GRAPHEME.fullmatch(raw):
        raise PydanticCustomError(ErrorCode.REACTION_UNKNOWN.value, "one emoji")
    return raw


Reaction = Annotated[str, AfterValidator(one_emoji)]
Mentioned = Annotated[tuple[SomeIdentity, ...], Field(max_length=MENTIONS_MOST)]


class Mention(Frozen):
    """Somebody whom a message names as `@name`, under the name that they had then."""

    identity: Identity
    name: str


class LinkTitle(Frozen):
    """What the page behind a link calls itself, as the server found it."""

    url: str
    title: str


class ChatMessage(Frozen):
    """One message as those see it who may."""

    seq: int
    command_id: CommandId
    author: Identity
    name: str
    at_ms: int
    text: str
    reply_to: int | None = None
    image: Image | None = None
    mentions: tuple[Mention, ...] = ()
    reactions: dict[Identity, str] = Field(default={})
    """One emoji for each who reacted."""
    titles: tuple[LinkTitle, ...] = ()
    to: Identity | None = None
    """For a private message: whom it was said to."""
    edited_ms: int | None = None
    deleted: bool = False

    def without_words(self) -> "ChatMessage":
        """What stays of it when it is deleted."""
        return self.but(
            text="", image=None, mentions=(), reactions={}, titles=(), edited_ms=None, deleted=True
        )

    def with_reaction(self, identity: Identity, reaction: str | None) -> "ChatMessage":
        """The message once somebody has reacted, or has taken it back."""
        others = {i: kind for i, kind in self.reactions.items() if i != identity}
        return self.but(reactions=others if reaction is None else {**others, identity: reaction})


Messages = tuple[ChatMessage, ...]


def held(messages: Messages, message: ChatMessage) -> Messages:
    """The last messages with one more."""
    return (*messages, message)[-MESSAGES_HELD:]


def changed(messages: Messages, seq: int, **changes: Any) -> Messages:
    """The messages with one changed, if it is among them."""
    return tuple(m.but(**changes) if m.seq == seq else m for m in messages)


def standing(messages: Messages, seq: int) -> ChatMessage:
    """The message as it stands. Raises: `message_unknown`, `message_deleted`."""
    for message in messages:
        if message.seq == seq:
            if message.deleted:
                raise Refused(ErrorCode.MESSAGE_DELETED)
            return message
    raise Refused(ErrorCode.MESSAGE_UNKNOWN)
