"""`docs/livekit.md` says of each case of the protocol what is done: none missing, none wrong."""

import re
from pathlib import Path
from typing import Any

import pytest
from livekit.protocol.models import DataPacket
from livekit.protocol.rtc import SignalRequest, SignalResponse

from moim.sfu.config import SfuConfig
from moim.sfu.room_service import RoomService
from moim.sfu.session import Session
from moim.sfu.twirp import OTHER_SERVICES
from tests.sfu.fakes import Server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "livekit.md").read_text(encoding="utf-8")
SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "src" / "moim" / "sfu").glob("*.py")
)
REFUSES = {"publish_data_track_request", "unpublish_data_track_request"} | {
    "store_data_blob_request",
    "get_data_blob_request",
}


def table(heading: str) -> dict[str, str]:
    """The first table under a heading: the name in each row, and what it is."""
    text = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (\w+) ", text, re.MULTILINE))


def cases(descriptor: Any, oneof: str) -> list[str]:
    return [field.name for field in descriptor.oneofs_by_name[oneof].fields]


@pytest.mark.parametrize(
    ("heading", "descriptor", "oneof"),
    [
        ("SignalRequest", SignalRequest.DESCRIPTOR, "message"),
        ("SignalResponse", SignalResponse.DESCRIPTOR, "message"),
        ("DataPacket", DataPacket.DESCRIPTOR, "value"),
    ],
)
def test_each_case_is_listed_as_served_refused_or_ignored(
    heading: str, descriptor: Any, oneof: str
) -> None:
    listed = table(heading)
    assert list(listed) == cases(descriptor, oneof)
    assert set(listed.values()) <= {"served", "refused", "ignored"}


def test_each_request_is_handled_as_the_page_says() -> None:
    handlers = Session.HANDLERS
    assert list(handlers) == cases(SignalRequest.DESCRIPTOR, "message")
    ignored = {name for name, handler in handlers.items() if handler is Session._ignore}
    listed = table("SignalRequest")
    assert ignored == {name for name, is_ in listed.items() if is_ == "ignored"}
    assert {name for name, is_ in listed.items() if is_ == "refused"} == REFUSES


@pytest.mark.parametrize("case", sorted(REFUSES))
def test_a_refused_request_is_answered_with_a_reason(case: str) -> None:
    server = Server()
    ann = server.join("ann")
    request = SignalRequest()
    getattr(request, case).SetInParent()
    ann.session.handle(request)
    assert ann.signals.of("request_response")[0].reason > 0


def test_each_response_is_sent_exactly_when_the_page_says_so() -> None:
    sent = {name for name in table("SignalResponse") if f"SignalResponse({name}=" in joined()}
    assert sent == {name for name, is_ in table("SignalResponse").items() if is_ == "served"}


def joined() -> str:
    """The sources without the line breaks that the formatter makes inside calls."""
    return re.sub(r"\(\s+", "(", SOURCES)


def test_each_service_and_key_is_named() -> None:
    for service in OTHER_SERVICES - {"WhatsAppConnector"}:
        assert f"`{service}`" in PAGE
    assert {"CreateRoom", "PerformRpc"} <= set(RoomService(Server().hub).methods)
    for name in SfuConfig.model_fields:
        assert re.search(rf"`{name}(\.\w+)?`", PAGE), name
