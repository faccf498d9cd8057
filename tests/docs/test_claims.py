"""Single sentences of the protocol page, asked of a running moim over its plain WebSocket."""

import http.cookiejar
import json
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 10


class Visitor:
    """A program without a browser: an identity by cookie, and what it asks over HTTP."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.jar = http.cookiejar.CookieJar()
        handler = urllib.request.HTTPCookieProcessor(self.jar)
        self._web = urllib.request.build_opener(handler)

    def page(self, path: str) -> str:
        return str(self._web.open(self.address + path).read().decode())

    def make_room(self) -> str:
        csrf = self.found(r'name="csrf" value="([^"]+)"', self.page("/"))
        form = {"name": "Tea", "visibility": "unlisted", "csrf": csrf}
        made = self._web.open(f"{self.address}/rooms", urllib.parse.urlencode(form).encode())
        return str(made.url.rpartition("/")[2])

    def second_person(self, slug: str) -> dict[str, str]:
        start = self.found(r'id="moim-start"[^>]*>(.*?)</script>', self.page(f"/r/{slug}"))
        headers = {"X-Moim-Csrf": json.loads(start)["csrf"]}
        asked = urllib.request.Request(
            f"{self.address}/api/identities", b"", headers, method="POST"
        )
        with self._web.open(asked) as answer:
            assert answer.status == 201
            found: dict[str, str] = json.load(answer)
            return found

    @property
    def cookies(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.jar)}

    @staticmethod
    def found(pattern: str, text: str) -> str:
        match = re.search(pattern, text, re.DOTALL)
        assert match is not None
        return match[1]


def door(address: str, query: str, headers: dict[str, str] | None = None) -> ClientConnection:
    url = f"{address.replace('http', 'ws', 1)}/ws?{query}"
    return connect(url, additional_headers=headers or {}, proxy=None)


def hear(socket: ClientConnection) -> dict[str, Any]:
    heard: dict[str, Any] = json.loads(socket.recv(PATIENCE_S))
    return heard


def ask(socket: ClientConnection, command: str, data: dict[str, Any], id_: str) -> dict[str, Any]:
    socket.send(json.dumps({"id": id_, "command": command, "data": data}))
    while (said := hear(socket)).get("ack") != id_:
        assert "event" in said
    return said


@pytest.fixture
def mina(address: str) -> Visitor:
    return Visitor(address)


@pytest.fixture
def slug(mina: Visitor) -> str:
    return mina.make_room()


@pytest.fixture
def seat(mina: Visitor, slug: str) -> Iterator[ClientConnection]:
    """Mina's socket, after her join."""
    with door(mina.address, f"room={slug}", mina.cookies) as socket:
        assert hear(socket)["event"] == "hello"
        assert ask(socket, "participant.join", {"name": "Mina", "tab": "tab-of-mina"}, "j")["ok"]
        yield socket


def test_a_token_is_taken_as_a_header_and_in_the_address(mina: Visitor, slug: str) -> None:
    person = mina.second_person(slug)
    bearer = {"Authorization": f"Bearer {person['token']}"}
    with door(mina.address, f"room={slug}", bearer) as socket:
        assert hear(socket)["data"]["identity"] == person["identity"]
    token = urllib.parse.quote(person["token"])
    with door(mina.address, f"room={slug}&token={token}") as socket:
        assert hear(socket)["data"]["identity"] == person["identity"]


def test_a_refused_connection_is_told_why_and_closed_with_4403(mina: Visitor) -> None:
    with door(mina.address, "room=nowhere", mina.cookies) as socket:
        refusal = hear(socket)
        assert refusal["event"] == "connect_error"
        assert refusal["data"]["code"] == "identity_missing"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(PATIENCE_S)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4403


def test_sync_without_cursors_is_answered_with_a_snapshot(seat: ClientConnection) -> None:
    assert ask(seat, "sync", {}, "s")["snapshot"]["participants"][0]["name"] == "Mina"


def test_sync_with_the_cursors_of_the_snapshot_brings_what_came_since(
    seat: ClientConnection,
) -> None:
    held = ask(seat, "sync", {}, "s1")["snapshot"]["streams"]
    sent = ask(seat, "chat.send", {"text": "hi"}, "c")
    (frame,) = ask(seat, "sync", {"streams": held}, "s2")["frames"]
    assert (frame["type"], frame["seq"], frame["prev"]) == ("chat.sent", sent["seq"], held["room"])
    assert frame["command_id"] == "c"


def test_a_passing_command_needs_no_id_and_its_answer_has_none(seat: ClientConnection) -> None:
    seat.send(json.dumps({"command": "typing.set", "data": {"typing": True}}))
    assert hear(seat) == {"ack": None, "ok": True, "seq": 3}


def test_the_same_id_gets_the_same_answer_and_a_refused_one_is_free(
    seat: ClientConnection,
) -> None:
    assert ask(seat, "chat.send", {"text": ""}, "c")["error"]["code"] == "text_empty"
    first = ask(seat, "chat.send", {"text": "hi"}, "c")
    assert ask(seat, "chat.send", {"text": "hi"}, "c") == first


def test_a_seat_is_kept_by_its_sid_and_renewed_by_its_tab(
    mina: Visitor, slug: str, seat: ClientConnection
) -> None:
    me = {"name": "Mina", "tab": "tab-of-mina"}
    sid = ask(seat, "sync", {}, "s")["snapshot"]["participants"][0]["sid"]
    with door(mina.address, f"room={slug}", mina.cookies) as other:
        stranger = ask(other, "participant.join", {**me, "tab": "other-tab"}, "j1")
        assert stranger["error"]["code"] == "seat_taken"
        assert ask(other, "participant.join", {**me, "sid": sid}, "j2")["sid"] == sid
    with door(mina.address, f"room={slug}", mina.cookies) as reloaded:
        assert ask(reloaded, "participant.join", me, "j3")["sid"] != sid


def test_an_unknown_field_is_malformed_and_an_unknown_command_unknown(
    seat: ClientConnection,
) -> None:
    said = ask(seat, "hand.raise", {"high": True}, "h")
    assert said["error"]["code"] == "command_malformed"
    assert ask(seat, "room.create", {}, "r")["error"]["code"] == "command_unknown"


def test_who_is_asked_to_leave_for_good_hears_goodbye_and_4000(seat: ClientConnection) -> None:
    seat.send(json.dumps({"id": "e", "command": "meeting.end", "data": {}}))
    heard: list[dict[str, Any]] = []
    with pytest.raises(ConnectionClosed) as closed:
        heard.extend(iter(lambda: hear(seat), None))
    assert {"event": "goodbye", "data": {"code": "meeting_ended"}} in heard
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4000
