"""Whatever goes away around several servers: what was acknowledged is there, once and in order."""

from pathlib import Path

import pytest

from tests.chaos.history import judge
from tests.chaos.storm import SHORT, storm


@pytest.mark.processes
async def test_nothing_acknowledged_is_lost_doubled_or_reordered_in_a_storm(
    tmp_path: Path,
) -> None:
    report = await storm(tmp_path, 25, SHORT)
    assert report.verdict.clean, report
    assert report.verdict.acknowledged > 100
    assert report.kills > 1
    assert {"redis", "postgres", "pause", "clock"} <= set(report.faults)


def said(*numbered: tuple[str, int]) -> list[dict[str, object]]:
    return [{"text": text, "seq": seq} for text, seq in numbered]


def test_the_judge_sees_each_kind_of_fault() -> None:
    acknowledged = {"a 1": 4, "a 2": 5, "b 1": 6}
    fine = said(("a 1", 4), ("a 2", 5), ("b 1", 6), ("b 2", 7))
    assert judge(acknowledged, fine).clean
    assert judge(acknowledged, fine[1:]).lost == 1
    assert judge(acknowledged, [*fine[:2], *said(("b 1", 8))]).lost == 1, "another number"
    assert judge(acknowledged, [*fine, *said(("a 1", 9))]).duplicated == 1
    swapped = said(("a 2", 4), ("a 1", 5), ("b 1", 6))
    assert judge({"b 1": 6}, swapped).reordered == 1
