"""What people may write, before it is anybody's name or message."""

import time

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from moim.meeting.text import Name, Text, clean_name, clean_text

NAME: TypeAdapter[str] = TypeAdapter(Name)
TEXT: TypeAdapter[str] = TypeAdapter(Text)


@pytest.mark.parametrize("blank", ["\ufe0f", "\u034f", "\u0301", "\u180b", "\u3164", "\u200d", " "])
def test_a_name_has_something_that_is_seen(blank: str) -> None:
    with pytest.raises(PydanticCustomError):
        clean_name(blank * 3)


@pytest.mark.parametrize("name", ["\u1112\u1161\u11ab", "e\u0301va", "สมชาย", "❤\ufe0f", "नीना"])
def test_names_of_every_script_are_names(name: str) -> None:
    assert clean_name(name)


def test_a_heap_of_marks_costs_no_time_and_is_cut_short() -> None:
    began = time.perf_counter()
    said = clean_text("a" + "\u0301" * 45_000 + "\u0323" * 45_000 + " b")
    assert time.perf_counter() - began < 1
    assert said.endswith(" b")
    assert len(said) < 40


def test_what_is_far_too_long_is_refused_by_the_same_code() -> None:
    for adapter, code in ((NAME, "name_invalid"), (TEXT, "text_too_long")):
        with pytest.raises(ValidationError) as caught:
            adapter.validate_python("x" * 100_001)
        assert caught.value.errors()[0]["type"] == code
