"""The text of session descriptions: read what a client offers, and rewrite what the engine writes.

The engine's own text is right about ICE, DTLS, payload types and SSRCs, and knows nothing of who
publishes what. This layer writes the rest, which four client stacks depend on:

    msid        `PA_…|camera` as the stream and `TR_…` as the track: whose it is, and what is
                played in time with what
    direction   `inactive` for a line without a track; never `sendrecv` back to a publisher
    codecs      the publisher's wish first, since libwebrtc sends the first codec of the answer
    fmtp        Opus: DTX and stereo as the publisher asked

Lines that are not named here go through as they are, in their order: m-lines are never moved.
Source: RFC 8866, RFC 8829 (JSEP), RFC 8830 (msid), RFC 5576 (ssrc), RFC 8853 (simulcast).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

MOST_BYTES: Final = 512 * 1024
MOST_SECTIONS: Final = 1024

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
_DIRECTIONS: Final[tuple[Direction, ...]] = ("sendrecv", "sendonly", "recvonly", "inactive")


class SdpError(Exception):
    """A description that cannot be read: the client's bug."""


@dataclass
class Section:
    """One m-line with the lines under it, without line ends."""

    lines: list[str]

    @property
    def kind(self) -> str:
        """`audio`, `video` or `application`."""
        return self.lines[0][2:].split(" ", 1)[0]

    @property
    def is_media(self) -> bool:
        return self.kind in ("audio", "video")

    @property
    def rejected(self) -> bool:
        """Port 0 refuses a line, unless a bundle of which it is part carries it."""
        return self.lines[0].split(" ")[1] == "0" and "a=bundle-only" not in self.lines

    @property
    def payload_types(self) -> list[str]:
        return self.lines[0].split(" ")[3:]

    @property
    def mid(self) -> str:
        return next(self.values("mid"), "")

    @property
    def direction(self) -> Direction:
        for direction in _DIRECTIONS:
            if f"a={direction}" in self.lines:
                return direction
        return "sendrecv"

    @property
    def sends(self) -> bool:
        return not self.rejected and self.direction in ("sendrecv", "sendonly")

    @property
    def rids(self) -> list[str]:
        """The layers that are sent, in the order of the line; a paused one is among them."""
        for value in self.values("simulcast"):
            words = value.split(" ")
            if "send" in words[:-1]:
                sent = words[words.index("send") + 1]
                return [rid.split(",")[0].removeprefix("~") for rid in sent.split(";")]
        return []

    def values(self, name: str) -> Iterator[str]:
        """Give the value of each `a=name:value` line."""
        prefix = f"a={name}:"
        return (line.removeprefix(prefix) for line in self.lines if line.startswith(prefix))

    def track_ids(self) -> list[str]:
        """Name the client's own ids of the track, from its `msid` and `ssrc … msid` lines."""
        found = [value.split(" ")[1] for value in self.values("msid") if " " in value]
        for value in self.values("ssrc"):
            words = value.split(" ")
            if len(words) > 2 and words[1].startswith("msid:"):
                found.append(words[2])
        return list(dict.fromkeys(found))

    def codecs(self) -> dict[str, str]:
        """Map each payload type to its codec, lower case: `{"96": "vp8", "97": "rtx"}`."""
        table = {}
        for value in self.values("rtpmap"):
            payload_type, _, encoding = value.partition(" ")
            table[payload_type] = encoding.split("/")[0].lower()
        return table

    def first_codec(self) -> str:
        """Give the codec that the other side will send: the first one, repairs left out."""
        table = self.codecs()
        named = (table.get(payload_type, "") for payload_type in self.payload_types)
        return next((name for name in named if name and name not in _REPAIRS), "")

    def set_direction(self, direction: Direction) -> None:
        lines = [line for line in self.lines if line not in _DIRECTION_LINES]
        after = next((i for i, line in enumerate(lines) if line.startswith("a=mid:")), 0)
        lines.insert(after + 1, f"a={direction}")
        self.lines = lines

    def drop(self, *names: str) -> None:
        prefixes = tuple(f"a={name}:" for name in names)
        self.lines = [line for line in self.lines if not line.startswith(prefixes)]

    def receive_only(self) -> None:
        """Answer a publisher's line: we receive on it and send nothing."""
        self.drop("msid", "ssrc", "ssrc-group")
        self.set_direction("recvonly")

    def idle(self) -> None:
        """Leave the line without a track until it is given one (again)."""
        self.drop("msid", "ssrc", "ssrc-group")
        self.set_direction("inactive")

    def carry(self, stream: str, track: str) -> None:
        """Send a track on this line; pion starts receivers by the `ssrc` lines alone."""
        ssrcs = list(dict.fromkeys(value.split(" ")[0] for value in self.values("ssrc")))
        groups = [f"a=ssrc-group:{value}" for value in self.values("ssrc-group")]
        self.drop("msid", "ssrc", "ssrc-group")
        self.set_direction("sendonly")
        at = self.lines.index("a=sendonly") + 1
        self.lines.insert(at, f"a=msid:{stream} {track}")
        self.lines += groups
        for ssrc in ssrcs:
            self.lines += [f"a=ssrc:{ssrc} cname:{stream}", f"a=ssrc:{ssrc} msid:{stream} {track}"]

    def prefer(self, codec: str) -> None:
        """Move a codec to the front of the m-line, each payload type with its repair."""
        table = self.codecs()
        repairs = self.repairs()
        first: list[str] = []
        for payload_type in self.payload_types:
            if table.get(payload_type) == codec:
                first += [payload_type, *repairs.get(payload_type, [])]
        rest = [payload_type for payload_type in self.payload_types if payload_type not in first]
        head = self.lines[0].split(" ")[:3]
        self.lines[0] = " ".join([*head, *first, *rest])

    def add_fmtp(self, codec: str, parameters: Iterable[str]) -> None:
        """Add format parameters to a codec, unless it names them already."""
        for payload_type, name in self.codecs().items():
            if name != codec:
                continue
            prefix = f"a=fmtp:{payload_type} "
            at = next((i for i, line in enumerate(self.lines) if line.startswith(prefix)), None)
            had = self.lines[at].removeprefix(prefix).split(";") if at is not None else []
            names = {part.split("=")[0].strip() for part in had}
            added = [part for part in parameters if part.split("=")[0] not in names]
            if not added:
                continue
            line = prefix + ";".join([*had, *added])
            if at is not None:
                self.lines[at] = line
            else:
                rtpmap = f"a=rtpmap:{payload_type} "
                after = next(i for i, old in enumerate(self.lines) if old.startswith(rtpmap))
                self.lines.insert(after + 1, line)

    def repairs(self) -> dict[str, list[str]]:
        """Map each payload type to those that repair it (`apt=`)."""
        repairs: dict[str, list[str]] = {}
        for value in self.values("fmtp"):
            payload_type, _, parameters = value.partition(" ")
            for part in parameters.split(";"):
                name, _, repaired = part.strip().partition("=")
                if name == "apt":
                    repairs.setdefault(repaired, []).append(payload_type)
        return repairs


_DIRECTION_LINES: Final = frozenset(f"a={direction}" for direction in _DIRECTIONS)
_REPAIRS: Final = frozenset({"rtx", "red", "ulpfec", "flexfec-03"})


@dataclass
class Description:
    """A session description: the lines before the first m-line, and the sections."""

    head: list[str]
    sections: list[Section] = field(default_factory=list)

    def __str__(self) -> str:
        lines = list(self.head)
        for section in self.sections:
            lines += section.lines
        return "\r\n".join(lines) + "\r\n"

    def section(self, mid: str) -> Section | None:
        return next((section for section in self.sections if section.mid == mid), None)

    @property
    def media(self) -> list[Section]:
        return [section for section in self.sections if section.is_media]

    @property
    def ice_user(self) -> str:
        """Give the user fragment of ICE: another one means that the client restarts ICE."""
        every = [self.head, *(section.lines for section in self.sections)]
        lines = (line for lines in every for line in lines)
        return next((line for line in lines if line.startswith("a=ice-ufrag:")), "")


def parse(text: str) -> Description:
    """Split a description into its sections; line ends may be of any kind.

    Raises: SdpError for what is no description, is too long, or has too many or unclear m-lines.
    """
    if len(text) > MOST_BYTES:
        raise SdpError("too long")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    lines = [line for line in lines if line]
    if not lines or lines[0] != "v=0":
        raise SdpError("no version")
    description = Description([])
    for line in lines:
        if len(line) < 2 or line[1] != "=":
            raise SdpError("a line without a type")
        if line.startswith("m="):
            if len(line.split(" ")) < 4:
                raise SdpError("a short m-line")
            description.sections.append(Section([line]))
        elif description.sections:
            description.sections[-1].lines.append(line)
        else:
            description.head.append(line)
    _check(description)
    return description


def _check(description: Description) -> None:
    if len(description.sections) > MOST_SECTIONS:
        raise SdpError("too many m-lines")
    mids = [section.mid for section in description.sections]
    if not all(mids) or len(set(mids)) != len(mids):
        raise SdpError("an m-line without a mid of its own")
    # Lines of one bundle share their payload types: RFC 8843, section 9.
    codecs: dict[str, str] = {}
    repaired: dict[str, str] = {}
    for section in description.media:
        for payload_type in section.payload_types:
            if not (payload_type.isascii() and payload_type.isdecimal()) or int(payload_type) > 127:
                raise SdpError("a payload type that is none")
        if len(set(section.payload_types)) != len(section.payload_types):
            raise SdpError("a payload type twice in a line")
        if sum(1 for _ in section.values("rtpmap")) != len(section.codecs()):
            raise SdpError("a payload type with two codecs")
        for payload_type, codec in section.codecs().items():
            if codecs.setdefault(payload_type, codec) != codec:
                raise SdpError("a payload type with two codecs")
        for payload_type, repairs in section.repairs().items():
            if len(repairs) != 1 or repaired.setdefault(repairs[0], payload_type) != payload_type:
                raise SdpError("a repair of two payload types")
