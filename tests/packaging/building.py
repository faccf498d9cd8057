"""uv, as the build of the distributions calls it: with Rust on the path, where that is here."""

import subprocess
from pathlib import Path

from tools.bootstrap import engine
from tools.bootstrap.places import ROOT, UV


def uv(*arguments: str | Path) -> None:
    done = subprocess.run(
        [UV, *arguments], cwd=ROOT, env=engine.environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
