"""The doctor's look at the SFU: none, one of our own, a LiveKit server that answers and one that
does not."""

import socket
from pathlib import Path
from typing import Any

import pytest

from moim.doctor import BAD, NOTE, OK, Finding, sfu
from moim.settings import load_settings
from tests.sfu.fakes import KEY
from tests.sfu.serving import served

SECRET = "a-secret-of-more-than-thirty-two-letters"
ANOTHER = SECRET[::-1]
NAMED = {"node": "moim-1", "node_url": "http://moim-1:3000", "sfu_udp_port": 0}
KEYS = f"keys: {{{KEY}: {SECRET}}}"


async def found(folder: Path, **given: Any) -> Finding:
    settings = load_settings(data_dir=folder, **given)
    (finding,) = [one async for one in sfu.examine(settings)]
    return finding


async def test_a_server_without_the_engine_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sfu, "missing", lambda: "no SFU here")
    assert (await found(tmp_path)).level == NOTE
    assert "no SFU here" in (await found(tmp_path)).words


async def test_a_port_that_somebody_has_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sfu, "missing", lambda: None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("0.0.0.0", 0))
        port = taken.getsockname()[1]
        assert (await found(tmp_path, sfu_udp_port=port)).level == NOTE
    said = await found(tmp_path, sfu_udp_port=port)
    assert said.level == OK
    assert str(port) in said.words


async def of_several(folder: Path, **given: Any) -> list[Finding]:
    several = {
        "database_url": "postgresql+asyncpg://db/moim",
        "redis_url": "redis://redis:6379/0",
    }
    settings = load_settings(data_dir=folder, **several, **given)
    return [one async for one in sfu.examine(settings)]


async def test_several_servers_each_have_one_when_they_have_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sfu, "missing", lambda: None)
    [said] = await of_several(tmp_path)
    assert said.level == NOTE
    assert "MOIM_NODE" in said.words
    [said] = await of_several(tmp_path, **NAMED)
    assert said.level == OK
    assert "moim's own" in said.words


@pytest.mark.parametrize(
    ("path", "level"), [("/livekit", OK), ("/meet/livekit", BAD), (None, NOTE)]
)
async def test_the_own_address_of_one_of_several_must_lead_to_a_media_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None, level: str
) -> None:
    monkeypatch.setattr(sfu, "missing", lambda: None)
    async with served(f"path: {path or '/livekit'}") as server:
        own = server.url.removesuffix(path or "/livekit")
        if path is not None:
            [_, said] = await of_several(tmp_path, **NAMED, node_public_url=own)
    if path is None:
        [_, said] = await of_several(tmp_path, **NAMED, node_public_url=own)
    assert (said.id, said.level) == ("own_address", level)


async def test_a_livekit_server_that_takes_the_key_is_well(tmp_path: Path) -> None:
    async with served(KEYS) as server:
        said = await found(
            tmp_path, livekit_url=server.url, livekit_api_key=KEY, livekit_api_secret=SECRET
        )
    assert said.level == OK


@pytest.mark.parametrize("secret", [SECRET, ANOTHER])
async def test_one_that_does_not_answer_or_take_the_key_is_a_fault(
    tmp_path: Path, secret: str
) -> None:
    async with served(KEYS) as server:
        url = server.url
        if secret != SECRET:
            said = await found(
                tmp_path, livekit_url=url, livekit_api_key=KEY, livekit_api_secret=secret
            )
            assert said.level == BAD
    if secret == SECRET:
        said = await found(
            tmp_path, livekit_url=url, livekit_api_key=KEY, livekit_api_secret=secret
        )
        assert said.level == BAD
