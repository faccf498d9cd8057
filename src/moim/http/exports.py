"""The messages of a room as a file: JSON for programs, Markdown for people. Made page by page."""

import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from moim.http.ports import Said
from moim.meeting.messages import ChatMessage

Export = Callable[[Said], AsyncIterator[str]]

_MARKUP: Final = re.compile(r"[\\`*_\[\]<>#|~&]")
# what would begin a list, a heading or a rule at the start of a line
_LINE_MARKUP: Final = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))", re.MULTILINE)


async def as_json(said: Said) -> AsyncIterator[str]:
    """`{"room": {"slug", "name"}, "messages": [ChatMessage]}`, deleted ones as tombstones."""
    room = json.dumps({"slug": said.slug, "name": said.name}, ensure_ascii=False)
    yield f'{{"room": {room}, "messages": ['
    between = "\n"
    async for page in said.pages:
        lines = [message.model_dump_json() for message in page]
        yield between + ",\n".join(lines)
        between = ",\n"
    yield "\n]}\n"


async def as_markdown(said: Said) -> AsyncIterator[str]:
    """A heading for each day, a quote for each message. Times are UTC: a file has no reader yet."""
    yield f"# {_escaped(said.name)}\n"
    day = ""
    async for page in said.pages:
        told = []
        for message in page:
            at = datetime.fromtimestamp(message.at_ms / 1000, UTC)
            if message.deleted:
                continue
            if at.date().isoformat() != day:
                day = at.date().isoformat()
                told.append(f"\n## {day}\n")
            told.append(_told(message, at))
        yield "".join(told)


def _told(message: ChatMessage, at: datetime) -> str:
    lines = []
    if message.image is not None:
        lines.append(f"_{message.image.media_type}, {message.image.file_id}_")
    if message.text:
        lines += [_LINE_MARKUP.sub(r"\1\\\2", _escaped(line)) for line in message.text.split("\n")]
    if message.reactions:
        lines.append(" ".join(sorted(message.reactions.values())))
    quoted = "\\\n> ".join(lines)
    return f"\n**{_escaped(message.name)}** · {at:%H:%M} UTC\n\n> {quoted}\n"


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)


EXPORTS: Final[Mapping[str, tuple[str, Export]]] = {
    "json": ("application/json", as_json),
    "md": ("text/markdown; charset=utf-8", as_markdown),
}
"""By the ending of the file: its media type, and how it is made."""
