"""One protocol behind every door: the same tests over Socket.IO, long polling and a WebSocket."""

import asyncio
from typing import Any

import pytest

from moim.meeting.frames import Frame, Hello, PassingFrame
from moim.meeting.ids import Identity
from tests.signalling.conftest import JUN, MINA, SORA, Site
from tests.signalling.server import RefusedConnection


def code(said: dict[str, Any]) -> str:
    assert said["ok"] is False
    assert set(said) == {"ok", "error"}
    assert set(said["error"]) == {"code", "message"}
    return str(said["error"]["code"])


async def test_hello_comes_first(site: Site) -> None:
    client = await site.connect(MINA)
    hello = Hello.model_validate(await client.inbox.get("hello"))
    assert hello.identity == MINA
    assert hello.role == "host"
    assert hello.room.slug == site.slug
    assert [server.urls for server in hello.ice_servers] == [["stun:127.0.0.1:3000"]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"room": "no-such-room"}, "room_unknown"),
        ({"token": "forged"}, "identity_invalid"),
        ({"token": None}, "identity_missing"),
        ({"headers": {"Origin": "https://evil.example"}}, "origin_refused"),
    ],
)
async def test_who_is_not_let_in_hears_why(
    site: Site, changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(RefusedConnection) as refused:
        await site.connect(JUN, **changes)
    assert refused.value.code == expected


async def test_a_page_of_ours_and_a_cookie_are_let_in(site: Site) -> None:
    cookie = site.identities._cookie.sign(JUN).decode()
    headers = {"Origin": site.base, "Cookie": f"moim_identity={cookie}"}
    client = await site.connect(JUN, token=None, headers=headers)
    assert (await client.inbox.get("hello"))["identity"] == JUN


async def test_a_message_is_acked_with_its_number_and_heard_by_the_other(site: Site) -> None:
    mina, _ = await site.seated(MINA)
    jun, _ = await site.seated(JUN)
    said = await mina.ask("chat.send", {"text": "안녕 \U0001f44b"}, "my-id")
    assert said == {"ok": True, "seq": said["seq"]}
    frame = Frame.model_validate(await jun.inbox.get("chat.sent"))
    assert frame.seq == said["seq"]
    assert frame.command_id == "my-id"
    assert frame.payload["text"] == "안녕 \U0001f44b"
    assert await mina.inbox.get("chat.sent") == frame.model_dump(mode="json")
    assert await mina.ask("chat.send", {"text": "안녕 \U0001f44b"}, "my-id") == said


async def test_the_answer_to_join_is_the_room_as_it_is(site: Site) -> None:
    mina, first = await site.seated(MINA)
    _, said = await site.seated(JUN)
    assert said["sid"].startswith("PA_")
    assert [p["identity"] for p in said["snapshot"]["participants"]] == [MINA, JUN]
    joined = await mina.inbox.get("participant.joined")
    assert joined["seq"] == said["seq"] == said["snapshot"]["streams"]["room"]
    assert joined["prev"] == first["seq"]


async def test_a_signal_goes_to_one_and_to_nobody_else(site: Site) -> None:
    mina, _ = await site.seated(MINA)
    jun, said = await site.seated(JUN)
    sora, _ = await site.seated(SORA)
    epoch = said["snapshot"]["epoch"]
    signal = {"to": JUN, "epoch": epoch, "n": 1, "kind": "candidate", "data": {"candidate": "x"}}
    assert (await mina.ask("signal.send", signal))["ok"]
    frame = PassingFrame.model_validate(await jun.inbox.get("signal"))
    assert frame.sender == MINA
    assert frame.payload["data"] == {"candidate": "x"}
    assert (await jun.ask("signal.ack", {"to": MINA, "epoch": epoch, "n": 1}))["ok"]
    await mina.inbox.get("signal.acked")
    await mina.ask("typing.set", {"typing": True})
    await sora.inbox.get("typing")
    assert "signal" not in [name for name, _ in sora.inbox.heard]
    stale = {**signal, "epoch": epoch + 1}
    assert code(await mina.ask("signal.send", stale)) == "epoch_stale"
    gone = {**signal, "to": "u_nobody"}
    assert code(await mina.ask("signal.send", gone)) == "participant_unknown"


BAD_INPUT: list[tuple[str, Any, str]] = [
    ("no.such.command", {}, "command_unknown"),
    ("participant.expire", {"identity": MINA, "sid": "PA_x"}, "command_unknown"),
    ("room.create", {}, "command_unknown"),
    ("chat.send", {}, "command_malformed"),
    ("chat.send", {"text": 7}, "command_malformed"),
    ("chat.send", {"text": "x", "more": 1}, "command_malformed"),
    ("chat.send", [], "command_malformed"),
    ("chat.send", None, "command_malformed"),
    ("chat.send", {"text": ""}, "text_empty"),
    ("chat.send", {"text": "x" * 4001}, "text_too_long"),
    ("chat.send", {"text": "x", "image": "F_unknown"}, "image_unknown"),
    ("chat.edit", {"seq": 1, "text": "x"}, "message_unknown"),
    ("participant.rename", {"name": "evil \u202egnp.exe"}, "name_invalid"),
    ("participant.remove", {"identity": MINA}, "not_host"),
    ("participant.remove", {"identity": "mina"}, "command_malformed"),
    ("room.lock", {}, "not_host"),
    ("sync", {"streams": {"room": "x"}}, "command_malformed"),
    ("chat.history", {"limit": 1000}, "command_malformed"),
    ("typing.set", {"typing": "perhaps"}, "command_malformed"),
]


async def test_bad_input_gets_one_refusal_with_a_code(site: Site) -> None:
    await site.seated(MINA)
    jun, _ = await site.seated(JUN)
    for name, fields, expected in BAD_INPUT:
        said = await jun.ask(name, fields)
        assert (name, fields, code(said)) == (name, fields, expected)
    assert (await jun.ask("chat.send", {"text": "still here"}))["ok"]


async def test_a_command_needs_a_proper_id(site: Site) -> None:
    jun, _ = await site.seated(JUN)
    if type(jun).__name__ == "PlainClient":
        pytest.skip("answers are matched by the id there")
    for bad in ("", "x" * 65, "no spaces", "~", 7, None):
        assert code(await jun.ask("chat.send", {"text": "hi", "id": bad})) == "command_malformed"


async def test_something_nested_too_deeply_is_refused(site: Site) -> None:
    jun, said = await site.seated(JUN)
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"d": deep}
    epoch = said["snapshot"]["epoch"]
    signal = {"to": MINA, "epoch": epoch, "n": 1, "kind": "candidate", "data": deep}
    assert code(await jun.ask("signal.send", signal)) == "command_malformed"


async def test_a_frame_that_is_too_large_is_refused_or_ends_the_socket_alone(site: Site) -> None:
    mina, _ = await site.seated(MINA)
    jun, _ = await site.seated(JUN)
    said = await jun.ask("chat.send", {"text": "x" * (128 * 1024 + 1)})
    assert code(said) == "frame_too_large"
    assert (await mina.ask("chat.send", {"text": "fine"}))["ok"]


async def test_who_asks_too_much_is_slowed_down_and_not_cut_off(site: Site) -> None:
    jun, _ = await site.seated(JUN)
    said = await asyncio.gather(*(jun.ask("hand.raise", {}) for _ in range(60)))
    codes = {one["error"]["code"] for one in said if not one["ok"]}
    assert codes == {"rate_limited"}
    assert sum(one["ok"] for one in said) >= 28
    # signals are counted apart: a call goes on while somebody types too fast
    assert (await jun.ask("speaking.set", {"speaking": True}))["ok"]


async def test_who_has_not_joined_can_neither_say_nor_hear_anything(site: Site) -> None:
    mina, _ = await site.seated(MINA)
    jun = await site.connect(JUN)
    for name, fields in (
        ("chat.send", {"text": "hi"}),
        ("typing.set", {"typing": True}),
        ("sync", {}),
        ("chat.history", {}),
        ("participant.leave", {}),
    ):
        assert code(await jun.ask(name, fields)) == "not_present"
    await mina.ask("chat.send", {"text": "a secret"})
    assert [name for name, _ in jun.inbox.heard] == ["hello"]


async def test_a_removed_participant_is_told_and_closed_and_cannot_come_back(site: Site) -> None:
    mina, _ = await site.seated(MINA)
    jun, _ = await site.seated(JUN)
    assert (await mina.ask("participant.remove", {"identity": JUN}))["ok"]
    assert await jun.inbox.get("goodbye") == {"code": "removed"}
    await jun.closed()
    again = await site.connect(JUN)
    said = await again.ask("participant.join", {"name": "Jun", "tab": "tab-of-jun"})
    assert code(said) == "barred"


async def test_a_second_tab_takes_the_seat_over(site: Site) -> None:
    first, _ = await site.seated(MINA)
    second = await site.connect(MINA)
    join = {"name": "mina", "tab": "another-tab"}
    assert code(await second.ask("participant.join", join)) == "seat_taken"
    assert (await second.ask("participant.join", {**join, "take_over": True}))["ok"]
    assert await first.inbox.get("goodbye") == {"code": "seat_moved"}
    await first.closed()


async def test_history_and_sync_are_answered(site: Site) -> None:
    mina, joined = await site.seated(MINA)
    sent = await mina.ask("chat.send", {"text": "one"})
    history = await mina.ask("chat.history", {})
    assert [m["text"] for m in history["messages"]] == ["one"]
    assert history["more"] is False
    known = {"streams": joined["snapshot"]["streams"]}
    tail = await mina.ask("sync", known)
    assert [(f["type"], f["seq"]) for f in tail["frames"]] == [("chat.sent", sent["seq"])]
    whole = await mina.ask("sync", {})
    assert whole["snapshot"]["slices"]["chat"]["messages"][0]["text"] == "one"


async def test_the_server_says_goodbye_before_it_stops(site: Site) -> None:
    mina, _ = await site.seated(MINA)
    jun = await site.connect(Identity("u_at_the_door"))
    before = asyncio.get_running_loop().time()
    await site.app.state.before_stop()
    assert asyncio.get_running_loop().time() - before < 1
    for client in (mina, jun):
        assert await client.inbox.get("goodbye") == {"code": "server_stopping"}
        await client.closed()
