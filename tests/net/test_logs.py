"""Logs: what people say and where they are stays out of every line above debug."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from pydantic import TypeAdapter, ValidationError

from moim import logs

SDP = "v=0\r\no=- 46117317 2 IN IP4 127.0.0.1\r\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\n"
CANDIDATE = "candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
CHAT = "see you at the usual place"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(False)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sdp", SDP),
        ("offered", SDP),
        ("note", {"nested": [SDP.replace("\r\n", "\\r\\n")]}),
        ("candidate", CANDIDATE),
        ("found", CANDIDATE),
        ("token", TOKEN),
        ("why", f"bad token {TOKEN}"),
        ("text", CHAT),
        ("payload", {"text": CHAT}),
        ("event_data", {"text": CHAT}),
        ("raw", CHAT.encode()),
        ("client", ("203.0.113.7", 5000)),
        ("from_", "203.0.113.7:5000"),
        ("from_", "[2001:db8::7]:5000"),
        ("from_", "fe80::1%eth0"),
        ("path", "/h/abcd-efgh-ijk/k3J9x_secretsecret?x=1"),
        ("url", "postgresql+asyncpg://moim:hunter2hunter2@db/moim"),
        ("header", "Cookie: moim_identity=abcdef0123456789abcdef"),
    ],
)
@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_private_values_are_withheld_above_debug(name: str, value: object, level: str) -> None:
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    structlog.get_logger("moim.test").log(
        logging.getLevelNamesMapping()[level.upper()], "something.happened", **{name: value}
    )
    written = stream.getvalue()
    assert logs.WITHHELD in written
    for private in ("ice-pwd", "203.0.113.7", "2001:db8", "fe80", CHAT, "eyJzd", "secretsecret"):
        assert private not in written
    assert "hunter2" not in written
    assert "abcdef0123456789" not in written


def test_an_exception_is_logged_without_what_it_quotes() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    try:
        raise ValueError(f"cannot reach 203.0.113.7 with {TOKEN}")
    except ValueError:
        structlog.get_logger("moim.test").exception("relay.failed")
    (line,) = lines(stream)
    assert "ValueError: cannot reach [withheld]" in str(line["exception"])
    assert "eyJ" not in stream.getvalue()


def test_an_exception_of_a_library_does_not_quote_its_input() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    with pytest.raises(ValidationError) as refusal:
        TypeAdapter(int).validate_python(CHAT)
    structlog.get_logger("moim.test").error("command.failed", exc_info=refusal.value)
    structlog.get_logger("moim.test").error(
        "journal.failed", why=f"[SQL: INSERT INTO chat] [parameters: ('{CHAT}', 7)] (Background)"
    )
    assert len(lines(stream)) == 2
    assert CHAT not in stream.getvalue()


def test_lines_of_libraries_are_scrubbed_too() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    logging.getLogger("uvicorn.error").warning(
        '%s - "WebSocket %s" 403', ("203.0.113.7", 41234), "/ws?token=abcdefghijkl"
    )
    logging.getLogger("uvicorn.error").info("Started server process")
    (line,) = lines(stream)
    assert line["logger"] == "uvicorn.error"
    assert "203.0.113.7" not in stream.getvalue()
    assert "abcdefghijkl" not in stream.getvalue()


def test_debug_shows_what_a_developer_looks_for() -> None:
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    structlog.get_logger("moim.test").debug("signal.relayed", sdp=SDP, address="203.0.113.7")
    (line,) = lines(stream)
    assert line["sdp"] == SDP
    assert line["address"] == "203.0.113.7"


def test_what_is_no_secret_is_left_as_it_is() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    log = structlog.get_logger("moim.test").bind(room="abcd-efgh-ijk", participant="u_4fXk2w9Q")
    log.info("participant.joined", people=2, took_ms=1.5, at="12:30:15", version="0.1.0", ok=True)
    (line,) = lines(stream)
    assert line["level"] == "info"
    assert line["room"] == "abcd-efgh-ijk"
    assert line["participant"] == "u_4fXk2w9Q"
    assert (line["people"], line["took_ms"], line["ok"]) == (2, 1.5, True)
    assert (line["at"], line["version"]) == ("12:30:15", "0.1.0")


def test_a_level_hides_what_is_below_it() -> None:
    stream = io.StringIO()
    logs.configure("warning", "json", stream)
    structlog.get_logger("moim.test").info("room.opened")
    structlog.get_logger("moim.test").warning("disk.almost_full")
    assert [line["event"] for line in lines(stream)] == ["disk.almost_full"]


def test_the_console_form_is_for_people() -> None:
    stream = io.StringIO()
    logs.configure("info", "console", stream)
    structlog.get_logger("moim.test").info("room.opened", room="abcd")
    assert "room.opened" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
