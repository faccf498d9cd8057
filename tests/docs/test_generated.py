"""The generated parts of the pages say what the models say, and the prose around them is whole."""

import re
from pathlib import Path

import pytest

from moim.meeting.errors import ErrorCode
from moim.meeting.rules import EVENTS
from moim.signalling.commands import REQUESTS
from tools import gen_docs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", gen_docs.PAGES)
def test_the_generated_parts_of_a_page_are_current(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert "<!-- begin: " in page
    assert gen_docs.filled(page) == page, "run `python tools/gen_docs.py`"


def test_every_generated_part_stands_in_a_page() -> None:
    pages = "".join((ROOT / name).read_text(encoding="utf-8") for name in gen_docs.PAGES)
    assert set(re.findall(r"<!-- begin: ([\w-]+) -->", pages)) == set(gen_docs.BLOCKS)


def test_every_command_that_a_door_takes_is_explained() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert [name for name in REQUESTS if f"| `{name}`<br>" not in page] == []


def test_the_page_says_how_every_event_changes_the_fold() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    table = page.split("### The fold", 1)[1].split("\n## ", 1)[0]
    assert [type_ for type_ in EVENTS if f"`{type_}`" not in table] == []


def test_every_refusal_in_a_table_is_a_code() -> None:
    codes = {code.value for code in ErrorCode}
    for name, (_, refusals) in gen_docs.RIGHTS.items():
        assert set(refusals.split()) <= codes, name
