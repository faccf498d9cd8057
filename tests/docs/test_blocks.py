"""What the pages tell a reader to run does run: every code block after `<!-- run -->`."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from moim.app import create_app
from moim.settings import Settings

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30
_MARKED = re.compile(
    r"<!-- run -->\n```(?P<language>\w+)\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)
BLOCKS = [
    pytest.param(found["language"], found["code"], id=f"{page.relative_to(ROOT)}-{number}")
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
    for number, found in enumerate(_MARKED.finditer(page.read_text(encoding="utf-8")), 1)
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running moim, on any free port."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), stun=False, stun_urls=())
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), port=0, log_config=None, ws="websockets-sansio")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.started and thread.is_alive():
        assert time.monotonic() < deadline, "moim did not start"
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(PATIENCE_S)


def test_there_are_blocks_to_run() -> None:
    assert BLOCKS


@pytest.mark.parametrize(("language", "code"), BLOCKS)
def test_a_marked_block_runs(address: str, tmp_path: Path, language: str, code: str) -> None:
    command = {"python": [sys.executable, "-c", code, address], "sh": ["sh", "-ec", code]}[language]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": programs, "MOIM_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
