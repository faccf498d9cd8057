"""What the doctor says of tunnels: what is installed, whose key it is, and who answers."""

import asyncio
import sys
from pathlib import Path

import asyncssh
import pytest

from moim.doctor import tunnel
from moim.doctor.finding import BAD, NOTE, OK, Finding
from moim.settings import Settings
from moim.tunnel.client.host_keys import HostKeys
from moim.tunnel.client.own_key import own_key, tunnel_folder
from tests.tunnel.world import tunnel_server


async def found(settings: Settings) -> list[Finding]:
    return [finding async for finding in tunnel.examine(settings)]


def settings(folder: Path, **more: object) -> Settings:
    return Settings.model_validate({"data_dir": folder, **more})


async def test_all_is_well_before_the_first_tunnel(tmp_path: Path) -> None:
    findings = await found(settings(tmp_path))
    assert {finding.level for finding in findings} == {OK}
    assert "over SSH" in findings[0].words
    assert not tunnel_folder(tmp_path).exists()  # looking makes nothing


async def test_without_the_extra_it_is_a_note_and_a_fault_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moim.tunnel.extra.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await found(settings(tmp_path)))[0].level == NOTE
    first = (await found(settings(tmp_path, tunnel="cloudflared")))[0]
    assert first.level == BAD
    assert "pip install 'moim[tunnel]'" in first.words


async def test_a_key_that_others_can_read_is_a_fault(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such modes")
    own_key(tunnel_folder(tmp_path))
    assert (await found(settings(tmp_path)))[1].level == OK
    (tunnel_folder(tmp_path) / "id_ed25519").chmod(0o644)
    key = (await found(settings(tmp_path)))[1]
    assert key.level == BAD
    assert "chmod 600" in key.words


async def test_who_was_used_before_and_who_is_named_are_asked(tmp_path: Path) -> None:
    async with tunnel_server(tmp_path / "server") as server:
        place = f"mina@127.0.0.1:{server.ssh_port}"
        (named,) = (await found(settings(tmp_path, tunnel=place)))[2:]
        assert (named.level, named.words) == (OK, f"127.0.0.1 answers on port {server.ssh_port}")
        seen = asyncssh.generate_private_key("ssh-ed25519")
        HostKeys(tunnel_folder(tmp_path)).remember("127.0.0.1", server.ssh_port, seen)
        assert len(await found(settings(tmp_path, tunnel=place))) == 3
    (gone,) = (await found(settings(tmp_path)))[2:]
    assert gone.level == NOTE
    assert "may let no SSH out" in gone.words


async def test_a_web_server_is_no_ssh_server(tmp_path: Path) -> None:
    def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    web = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with web:
        port = web.sockets[0].getsockname()[1]
        (said,) = (await found(settings(tmp_path, tunnel=f"a@127.0.0.1:{port}")))[2:]
    assert said.level == NOTE


async def test_a_place_that_is_none_is_a_fault(tmp_path: Path) -> None:
    (said,) = (await found(settings(tmp_path, tunnel="a b")))[2:]
    assert said.level == BAD
    assert "MOIM_TUNNEL: 'a b' is no place" in said.words
