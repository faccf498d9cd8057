"""The journal of each release is folded by today's code.

`tests/golden_journals/<version>-<what>.jsonl` holds one event a line, as that release wrote its
rows, and last what its fold was. `python -m tests.storage.test_golden_journals` writes those of the
version in pyproject.toml, and is run when that is released; what is there of a released version is
never written again: an event whose shape changes gets a new `v` and is upcast.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from moim.meeting.ids import RoomId
from moim.meeting.model import Room
from moim.meeting.rules import EVENTS, apply, dump_event, dump_room, load_stored
from tests.meeting.test_golden import SCENES

MOST_EVENTS = 90
FOLDER = Path(__file__).parents[1] / "golden_journals"
JOURNALS = sorted(FOLDER.glob("*.jsonl"))


def read(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    *rows, end = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return rows, end


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.stem)
def test_an_old_journal_folds_to_what_it_was(path: Path) -> None:
    rows, end = read(path)
    room = Room(id=RoomId(end["id"]))
    for row in rows:
        keys = ("seq", "at_ms", "actor", "command_id", "type", "v", "payload")
        room = apply(room, load_stored(*(row[key] for key in keys)))
    assert holds(dump_room(room), end) is None


def test_there_is_a_journal_and_it_has_most_kinds_of_events() -> None:
    assert JOURNALS
    kinds = {row["type"] for path in JOURNALS for row in read(path)[0]}
    assert kinds <= set(EVENTS)
    assert len(kinds) > len(EVENTS) / 2


def holds(now: Any, then: Any, where: str = "room") -> str | None:
    """Where today's fold differs from the old one; what today's has beside it is fine."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key, value in then.items():
            if key not in now:
                return f"{where}.{key} is gone"
            found = holds(now[key], value, f"{where}.{key}")
            if found is not None:
                return found
        return None
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        pairs = enumerate(zip(now, then, strict=True))
        each = (holds(a, b, f"{where}[{n}]") for n, (a, b) in pairs)
        return next((one for one in each if one is not None), None)
    return None if now == then else f"{where}: {now!r} was {then!r}"


def main() -> None:
    """Write the journals of this version."""
    project = Path(__file__).parents[2] / "pyproject.toml"
    version = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    FOLDER.mkdir(exist_ok=True)
    for scene, make in SCENES.items():
        world = make()
        room = Room(id=world.room.id)
        lines = []
        for one in world.journal[:MOST_EVENTS]:
            room = apply(room, one)
            lines.append(
                {
                    "seq": one.seq,
                    "at_ms": one.at_ms,
                    "actor": one.actor,
                    "command_id": one.command_id,
                    "type": one.event.type,
                    "v": one.event.v,
                    "payload": dump_event(one.event),
                }
            )
        text = "".join(
            json.dumps(line, ensure_ascii=False) + "\n" for line in (*lines, dump_room(room))
        )
        name = f"{version}-{scene}.jsonl"
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
