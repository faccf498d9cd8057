"""What the doctor finds: a fact in words and, where something is wrong, what to do."""

from dataclasses import dataclass
from typing import Final, Literal

OK: Final = "ok"
NOTE: Final = "note"
BAD: Final = "fault"
Level = Literal["ok", "note", "fault"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, which it is, and words for a person."""

    level: Level
    what: str
    words: str
