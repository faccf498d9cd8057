"""What was said and acknowledged, held against what the journal has.

As Jepsen's checkers do it: every acknowledged command is there exactly once, at the number of its
acknowledgement; nobody's words change their order; what was never acknowledged is there at most
once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """How often something went wrong, of each kind."""

    acknowledged: int
    lost: int
    duplicated: int
    reordered: int

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.reordered)


def judge(acknowledged: Mapping[str, int], messages: Sequence[Mapping[str, Any]]) -> Verdict:
    """`acknowledged` is each text with its seq; each says who says it and which of theirs it is,
    as in "mina 7". `messages` is the whole chat, oldest first."""
    counts = Counter(one["text"] for one in messages)
    kept = {one["text"]: one["seq"] for one in messages}
    lost = sum(kept.get(text) != seq for text, seq in acknowledged.items())
    duplicated = sum(count - 1 for count in counts.values())
    reordered = 0
    last: dict[str, int] = {}
    for one in sorted(messages, key=lambda found: found["seq"]):
        who, _, number = one["text"].rpartition(" ")
        reordered += int(number) <= last.get(who, -1) and counts[one["text"]] == 1
        last[who] = int(number)
    return Verdict(len(acknowledged), lost, duplicated, reordered)
