"""What somebody in a room reads back: pages of messages, what is found in them, what they said
before. Only what they may see."""

from typing import Any, assert_never

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Stored
from moim.meeting.features.chat import MessageDeleted, MessageEdited, MessageSent
from moim.meeting.ids import Identity
from moim.meeting.model import Room
from moim.meeting.queries import History, Revisions, Search
from moim.storage.journal import Journal
from moim.storage.messages import Messages

REVISIONS_SHOWN = 50

Reading = History | Search | Revisions


class Reader:
    """Answers from the store."""

    def __init__(self, messages: Messages, journal: Journal) -> None:
        self._messages = messages
        self._journal = journal

    async def answer(self, room: Room, viewer: Identity, query: Reading) -> dict[str, Any]:
        """What the answer has beside its seq. Raises: `not_host`, `message_unknown`,
        `message_deleted`; Unavailable."""
        match query:
            case History(before_seq=before, after_seq=after, limit=limit):
                page, more = await self._messages.page(
                    room.id, viewer, before_seq=before, after_seq=after, limit=limit
                )
                return {"messages": [m.model_dump(mode="json") for m in page], "more": more}
            case Search(text=text, before_seq=before):
                found, end = await self._messages.search(room.id, viewer, text, before)
                return {
                    "messages": [m.model_dump(mode="json") for m in found],
                    "before_seq": end,
                }
            case Revisions(seq=seq):
                room.demand_host(viewer)
                return {"revisions": await self._revisions(room, seq)}
            case _:
                assert_never(query)

    async def _revisions(self, room: Room, seq: int) -> list[dict[str, Any]]:
        """What a message of the room said, oldest first, what it says now included."""
        types = (MessageSent.type, MessageEdited.type, MessageDeleted.type)
        past = await self._journal.all_about(room.id, seq, types, REVISIONS_SHOWN)
        if not past:
            raise Refused(ErrorCode.MESSAGE_UNKNOWN)
        if isinstance(past[-1].event, MessageDeleted):
            raise Refused(ErrorCode.MESSAGE_DELETED)
        return [{"at_ms": one.at_ms, "text": _text(one)} for one in past]


def _text(stored: Stored) -> str:
    match stored.event:
        case MessageSent(text=text) | MessageEdited(text=text):
            return text
        case _:
            raise AssertionError(f"says nothing: {stored.event!r}")
