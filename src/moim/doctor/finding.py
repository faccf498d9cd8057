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

    @property
    def id(self) -> str:
        """What was looked at, for programs; it is stable, unlike the words."""
        return self.what.lower().replace(" ", "_")

    def as_json(self) -> dict[str, str]:
        """All of it, for programs."""
        return {"id": self.id, "level": self.level, "what": self.what, "words": self.words}
