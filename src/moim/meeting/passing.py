"""What passes by: signals of the mesh, who is speaking or typing, applause. No number, no journal.

It may be lost. Offers, answers and candidates therefore carry `(epoch, n)`, are acknowledged by the
receiving browser (`signal.ack`) and sent again by the other until then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Frozen
from moim.meeting.ids import Identity, Right, SomeIdentity
from moim.meeting.model import Room


class Passing(Frozen):
    """A command that is relayed at once and forgotten."""

    name_on_wire: ClassVar[str]
    type: ClassVar[str]
    """The event that it arrives as."""


class SendSignal(Passing):
    """One signal to one seat: a session description, an ICE candidate, or what a plane needs."""

    name_on_wire: ClassVar[str] = "signal.send"
    type: ClassVar[str] = "signal"
    to: SomeIdentity
    epoch: int = Field(ge=0)
    n: int = Field(ge=0)
    kind: Literal["description", "candidate"]
    data: dict[str, Any]


class AckSignal(Passing):
    """The signal `n` of `to` has arrived."""

    name_on_wire: ClassVar[str] = "signal.ack"
    type: ClassVar[str] = "signal.acked"
    to: SomeIdentity
    epoch: int = Field(ge=0)
    n: int = Field(ge=0)


class SetSpeaking(Passing):
    """One's own voice began or ended."""

    name_on_wire: ClassVar[str] = "speaking.set"
    type: ClassVar[str] = "speaking"
    speaking: bool


class SetTyping(Passing):
    """One is writing in the chat, or no longer."""

    name_on_wire: ClassVar[str] = "typing.set"
    type: ClassVar[str] = "typing"
    typing: bool


class SendReaction(Passing):
    """A sign that floats over one's own picture for a moment."""

    name_on_wire: ClassVar[str] = "reaction.send"
    type: ClassVar[str] = "reaction"
    sign: Literal["thumbs_up", "clap", "heart", "laugh", "surprise", "celebrate"]


PASSING: tuple[type[Passing], ...] = (SendSignal, AckSignal, SetSpeaking, SetTyping, SendReaction)

_RIGHTS: Mapping[type[Passing], Right] = {SetSpeaking: Right.MICROPHONE, SetTyping: Right.CHAT}


@dataclass(frozen=True, slots=True)
class Relay:
    """What to tell whom."""

    type: str
    to: Identity | None
    """None: everybody present but the sender."""
    sender_sid: str
    payload: dict[str, Any]


def relay(room: Room, actor: Identity, passing: Passing) -> Relay:
    """Where a passing command goes.

    Raises: `not_present` when the sender has no seat, `participant_unknown` when the target has
    none, `epoch_stale` when the signal belongs to another meeting or plane, `right_missing` of who
    speaks or types and may not.
    """
    right = _RIGHTS.get(type(passing))
    seat = room.present(actor) if right is None else room.demand(actor, right)
    to: Identity | None = None
    if isinstance(passing, SendSignal | AckSignal):
        room.target(passing.to)
        if passing.epoch not in room.epochs:
            raise Refused(ErrorCode.EPOCH_STALE)
        to = passing.to
    payload = passing.model_dump(mode="json", exclude={"to"})
    return Relay(type=passing.type, to=to, sender_sid=seat.sid, payload=payload)
