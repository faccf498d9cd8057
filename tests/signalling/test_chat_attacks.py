"""Whoever lies about who they are, whispers into others' ears or types without end is refused with
a code, and nobody else notices."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.signalling.conftest import JUN, MINA, SORA, Site, opened, quick
from tests.signalling.server import DEADLINE_S, DOORS, Client
from tests.signalling.test_conformance import code

FLOOD, AT_ONCE = 600, 100
PASSING = {"passing_per_s": 1, "passing_burst": 60}
STRANGER = "u_nobody-we-know"
FORGED: list[tuple[str, dict[str, Any], str]] = [
    ("chat.send", {"text": "hi", "author": MINA}, "command_malformed"),
    ("chat.send", {"text": "hi", "identity": MINA}, "command_malformed"),
    ("chat.send", {"text": "hi", "actor": MINA}, "command_malformed"),
    ("chat.send", {"text": "hi", "from": MINA}, "command_malformed"),
    ("chat.edit", {"seq": "HERS", "text": "I never said it"}, "not_author"),
    ("chat.delete", {"seq": "HERS"}, "not_author"),
    ("chat.titled", {"seq": "HERS", "titles": []}, "command_unknown"),
    ("file.share", {"identity": MINA, "name": "Mina", "file": {}}, "command_unknown"),
    ("image.add", {"identity": MINA, "image": {}}, "command_unknown"),
    ("typing.set", {"typing": True, "from": MINA}, "command_malformed"),
    ("reaction.send", {"sign": "clap", "identity": MINA}, "command_malformed"),
    ("game.sit", {"identity": MINA}, "command_malformed"),
]
WRONG_STREAM: list[tuple[str, dict[str, Any], str]] = [
    ("private.send", {"to": SORA, "text": "psst", "identity": MINA}, "command_malformed"),
    ("private.send", {"to": SORA, "text": "psst", "stream": "room"}, "command_malformed"),
    ("private.send", {"to": [SORA, MINA], "text": "psst"}, "command_malformed"),
    ("private.send", {"to": "room", "text": "psst"}, "command_malformed"),
    ("private.send", {"to": f"p:{SORA}", "text": "psst"}, "command_malformed"),
    ("private.send", {"to": STRANGER, "text": "psst"}, "participant_unknown"),
    ("private.send", {"to": JUN, "text": "psst"}, "self_target"),
    ("private.send", {"to": SORA, "text": "psst", "reply_to": "THEIRS"}, "message_unknown"),
    ("chat.send", {"text": "psst", "reply_to": "THEIRS"}, "message_unknown"),
    ("private.delete", {"seq": "THEIRS"}, "message_unknown"),
    ("chat.react", {"seq": "THEIRS", "reaction": "👍"}, "message_unknown"),
    ("chat.edit", {"seq": "THEIRS", "text": "louder"}, "message_unknown"),
]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The conformance suite has both doors alike; one of them is enough here. What is passing gets
    a rate that no machine is too slow to go beyond."""
    async with opened(quick(tmp_path, **PASSING), DOORS["socketio-websocket"]) as one:
        yield one


async def three(site: Site) -> tuple[Client, Client, Client]:
    """Mina, a host, Jun, who attacks, and Sora."""
    mina, _ = await site.seated(MINA)
    jun, _ = await site.seated(JUN)
    sora, _ = await site.seated(SORA)
    return mina, jun, sora


async def heard_nothing_until(client: Client, last: str) -> None:
    """Nothing of the attack came before what was said after it."""
    heard = client.inbox.heard
    async with asyncio.timeout(DEADLINE_S):
        while not any(  # noqa: ASYNC110 - an inbox that keeps what it has heard
            name == "chat.sent" and last in str(body) for name, body in heard
        ):
            await asyncio.sleep(0.01)
    frames = list(heard)
    assert "psst" not in str(frames)
    assert "I never" not in str(frames)
    passing = {name for name, body in frames if body.get("from") == JUN}
    assert not passing
    durable = {name for name, body in frames if body.get("actor") == JUN}
    assert durable <= {"participant.joined", "chat.sent"}


async def attack(jun: Client, attacks: list[tuple[str, dict[str, Any], str]], **seqs: int) -> None:
    for name, fields, expected in attacks:
        given = {key: seqs.get(str(value), value) for key, value in fields.items()}
        answer = await jun.ask(name, given)
        assert not answer["ok"], (name, fields)
        assert (name, fields, code(answer)) == (name, fields, expected)


async def test_nobody_speaks_or_acts_in_anothers_name(site: Site) -> None:
    mina, jun, sora = await three(site)
    hers = (await mina.ask("chat.send", {"text": "mine"}))["seq"]
    await attack(jun, FORGED, HERS=hers)
    assert (await jun.ask("chat.send", {"text": "as myself"}))["ok"]
    for other in (mina, sora):
        await heard_nothing_until(other, "as myself")
    history = await sora.ask("chat.history", {})
    assert [(one["author"], one["text"]) for one in history["messages"]] == [
        (MINA, "mine"),
        (JUN, "as myself"),
    ]


async def test_a_private_message_gets_into_no_other_stream(site: Site) -> None:
    mina, jun, sora = await three(site)
    theirs = (await mina.ask("private.send", {"to": SORA, "text": "between us"}))["seq"]
    await attack(jun, WRONG_STREAM, THEIRS=theirs)
    asked = await jun.ask("sync", {"streams": {f"p:{SORA}": 0, f"p:{MINA}": 0, "hosts": 0}})
    assert "between us" not in str(asked)
    assert "between us" not in str(await jun.ask("chat.history", {}))
    assert "between us" not in str(await jun.ask("chat.search", {"text": "between"}))
    assert (await jun.ask("chat.send", {"text": "done"}))["ok"]
    for other in (mina, sora):
        await heard_nothing_until(other, "done")
    assert "between us" not in str(jun.inbox.heard)


async def test_a_flood_of_typing_is_cut_short_and_costs_others_nothing(site: Site) -> None:
    mina, jun, sora = await three(site)
    tracemalloc.start()
    before_bytes, _ = tracemalloc.get_traced_memory()
    said: list[dict[str, Any]] = []
    while len(said) < FLOOD:
        typing = [jun.ask("typing.set", {"typing": n % 2 == 0}) for n in range(AT_ONCE)]
        said += await asyncio.gather(*typing)
    after_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    passed = sum(one["ok"] for one in said)
    codes = {one["error"]["code"] for one in said if not one["ok"]}
    assert codes == {"rate_limited"}
    assert passed < FLOOD / 2
    assert (await mina.ask("chat.send", {"text": "still here"}))["ok"]
    await sora.inbox.get("chat.sent", lambda one: one["payload"]["text"] == "still here")
    heard = [name for name, _ in mina.inbox.heard if name == "typing"]
    assert len(heard) <= passed
    # All the answers lie in this process too, some hundred bytes each.
    assert after_bytes - before_bytes < 8 * 1024 * 1024
