"""What one server tells the others of a room, and how that is written.

    a line of JSON           who says it, and what kind of news it is
    an event's name, a space and its body, one line for each event, as browsers get it

Bodies are written once: the servers that hear of them pass them on as they are. JSON has no bare
line break in it, so lines are enough. News may be lost, doubled or late: what is durable in them
has its number, and a server that misses one reads the journal.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moim.live.draft import Placed
from moim.live.outgoing import Outgoing, Written, encode
from moim.meeting.ids import Identity, Sid
from moim.meeting.rules import load_stored


@dataclass(frozen=True, slots=True)
class Happened:
    """Durable events that were committed, in their order."""

    messages: Sequence[Outgoing]

    def placed(self) -> list[Placed]:
        """The events with their places. Raises: KeyError, ValueError for what this moim does not
        know: the journal then tells it."""
        found = []
        for message in self.messages:
            frame = json.loads(message.body)
            stored = load_stored(
                frame["seq"],
                frame["at_ms"],
                frame["actor"],
                frame["command_id"],
                message.event,
                frame["v"],
                frame["payload"],
            )
            found.append(Placed(stored, frame["prev"], message))
        return found


@dataclass(frozen=True, slots=True)
class Passed:
    """Something that passes by, for one participant or for all but the sender."""

    message: Outgoing
    sender: Identity
    to: Identity | None


@dataclass(frozen=True, slots=True)
class Seated:
    """A seat is now held by a connection to the server that says so."""

    identity: Identity
    sid: Sid
    tab: str


News = Happened | Passed | Seated


def write(server: str, news: News) -> str:
    """News as it travels."""
    head: dict[str, Any] = {"server": server}
    messages: Sequence[Outgoing] = ()
    match news:
        case Happened(messages=messages):
            head["kind"] = "happened"
        case Passed(message=message, sender=sender, to=to):
            messages = (message,)
            head |= {"kind": "passed", "sender": sender, "to": to}
        case Seated(identity=identity, sid=sid, tab=tab):
            head |= {"kind": "seated", "identity": identity, "sid": sid, "tab": tab}
    return "\n".join([encode(head), *(f"{one.event} {one.body}" for one in messages)])


def read(text: str) -> tuple[str, News]:
    """The server that says it, and the news. Raises: KeyError, ValueError."""
    first, *lines = text.split("\n")
    head = json.loads(first)
    messages = []
    for line in lines:
        event, _, body = line.partition(" ")
        messages.append(Written(event, body))
    server = str(head["server"])
    match head["kind"]:
        case "happened":
            return server, Happened(messages)
        case "passed":
            [message] = messages
            return server, Passed(message, head["sender"], head["to"])
        case "seated":
            return server, Seated(head["identity"], head["sid"], head["tab"])
        case kind:
            raise ValueError(f"unknown news: {kind}")
