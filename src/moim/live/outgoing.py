"""What the server says, encoded once however many hear it."""

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from moim.meeting.frames import Goodbye
from moim.meeting.ids import Identity
from moim.meeting.model import Room
from moim.meeting.rules import dump_room, snapshot

T = TypeVar("T")


def encode(value: object) -> str:
    """JSON as every door sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Outgoing:
    """A named event with its argument as JSON. Doors keep their own framing of it here."""

    __slots__ = ("_forms", "body", "event")

    def __init__(self, event: str, body: object) -> None:
        self.event = event
        self.body = encode(body)
        self._forms: dict[str, Any] = {}

    def form(self, door: str, make: Callable[["Outgoing"], T]) -> T:
        """This message as one kind of door frames it, made at the first call."""
        if door not in self._forms:
            self._forms[door] = make(self)
        found: T = self._forms[door]
        return found


class Several:
    """Messages that one connection hears together. Doors keep their own framing of all of them
    here, so that who hears the same costs one write each."""

    __slots__ = ("_forms", "messages")

    def __init__(self, messages: Sequence[Outgoing]) -> None:
        self.messages = messages
        self._forms: dict[str, Any] = {}

    def form(self, door: str, make: Callable[["Several"], T]) -> T:
        """These messages as one kind of door frames them, made at the first call."""
        if door not in self._forms:
            self._forms[door] = make(self)
        found: T = self._forms[door]
        return found


class Written(Outgoing):
    """One whose body is JSON already: another server has encoded it."""

    __slots__ = ()

    def __init__(self, event: str, body: str) -> None:
        self.event = event
        self.body = body
        self._forms = {}


def goodbye(code: str) -> Outgoing:
    """The last event before the server closes."""
    return Outgoing("goodbye", Goodbye.model_validate({"code": code}).model_dump(mode="json"))


def snapshot_for(room: Room, viewer: Identity) -> Outgoing:
    """What a viewer may see has changed as a whole."""
    return Outgoing("snapshot", {"snapshot": dump_room(snapshot(room, viewer))})


def passing(
    type_: str, *, sender: Identity, from_sid: str, at_ms: int, payload: dict[str, Any]
) -> Outgoing:
    """A passing event (`moim.meeting.frames.PassingFrame`)."""
    frame = {"from": sender, "from_sid": from_sid, "at_ms": at_ms, "payload": payload}
    return Outgoing(type_, frame)
