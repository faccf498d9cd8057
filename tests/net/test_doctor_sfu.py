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
