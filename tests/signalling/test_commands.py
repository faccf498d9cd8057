"""What is asked is a well-formed request before any room hears of it."""

from typing import Any

import pytest

from moim.meeting.errors import ErrorCode, ProtocolViolation
from moim.signalling.commands import parse

TOO_LARGE = 2**53


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("chat.edit", {"seq": TOO_LARGE, "text": "x"}),
        ("chat.delete", {"seq": TOO_LARGE}),
        ("chat.send", {"text": "x", "reply_to": TOO_LARGE}),
        ("chat.history", {"before_seq": TOO_LARGE}),
    ],
)
def test_a_number_that_no_event_can_have_never_reaches_the_database(
    name: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        parse(name, "c1", fields)
    assert caught.value.code is ErrorCode.COMMAND_MALFORMED
