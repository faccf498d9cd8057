"""A tunnel by cloudflared: started, read, and ended with whoever started it."""

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from moim.tunnel.client import cloudflared
from moim.tunnel.client.local import LocalServer
from moim.tunnel.client.reach import Up
from moim.tunnel.errors import TunnelError, TunnelLost
from tests.tunnel.world import DEADLINE_S, until

PROGRAM = Path(__file__).parent / "programs" / "cloudflared.py"
LOCAL = LocalServer("127.0.0.1", 3000)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `cloudflared` on the PATH, and the file of its starts."""
    if sys.platform == "win32":
        pytest.skip("a program without .exe is none on Windows")
    program = tmp_path / "bin" / "cloudflared"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{PROGRAM}" "$@"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    log = tmp_path / "log"
    monkeypatch.setenv("TEST_CLOUDFLARED", str(log))
    return log


def started(log: Path) -> tuple[int, str]:
    """Process id and arguments of the last start."""
    pid, _, arguments = log.read_text(encoding="utf-8").splitlines()[-1].partition(" ")
    return int(pid), arguments


def is_running(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        if not state.exists():
            return True
        return state.read_text(encoding="utf-8").rpartition(")")[2][1] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False  # it may end between one look and the next


async def test_its_address_is_the_tunnels_and_it_ends_with_it(log: Path) -> None:
    ups: list[Up] = []
    holding = asyncio.ensure_future(cloudflared.hold(LOCAL, ups.append))
    await until(lambda: bool(ups) or holding.done())
    assert ups == [Up("https://gentle-river-foo-bar.trycloudflare.com")]
    pid, arguments = started(log)
    assert arguments == (
        f"tunnel --no-autoupdate --config {os.devnull} --url http://127.0.0.1:3000"
    )
    assert is_running(pid)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    assert not is_running(pid)


async def test_what_it_says_is_said_when_it_ends(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_CLOUDFLARED_FAILS", "1")
    with pytest.raises(TunnelLost, match="Failed to get tunnel credentials"):
        await cloudflared.hold(LOCAL, lambda _: None)


async def test_a_killed_moim_takes_it_along(log: Path) -> None:
    """Nobody is left to end it: the leash does."""
    program = (
        "import asyncio\n"
        "from moim.tunnel.client import cloudflared\n"
        "from moim.tunnel.client.local import LocalServer\n"
        "up = lambda up: print(up.url, flush=True)\n"
        "asyncio.run(cloudflared.hold(LocalServer('127.0.0.1', 3000), up))\n"
    )
    moim = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert moim.stdout is not None
    assert await asyncio.wait_for(moim.stdout.readline(), DEADLINE_S)
    pid, _ = started(log)
    moim.kill()
    await moim.wait()
    await until(lambda: not is_running(pid))


async def test_where_it_is_not_installed_the_way_out_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TunnelError, match="is not installed here") as refused:
        await cloudflared.hold(LOCAL, lambda _: None)
    assert refused.value.code == "cloudflared_missing"
