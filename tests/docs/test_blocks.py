"""What the pages tell a reader to run does run: every code block after `<!-- run -->`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
