"""Start what a page tells to start, in a network of our own (see `private_network`)."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PATIENCE_S = 120


def start(command: str, folder: Path, **environment: str) -> Path:
    """Run a block of a page in the background; gives the file with what it says."""
    folder.mkdir(exist_ok=True)
    log = folder / "said.log"
    env = {**os.environ, "MOIM_DATA_DIR": str(folder / "data"), **environment}
    with log.open("wb") as out:
        subprocess.Popen(["sh", "-ec", command], cwd=folder, stdout=out, stderr=out, env=env)
    return log


def until(true: Callable[[], object], log: Path) -> None:
    """Wait for a condition; what the program said is shown when it never comes."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain; {log} says:\n{log.read_text()}")
        time.sleep(0.1)


def says(log: Path, words: str) -> Callable[[], bool]:
    """Whether a program has said something."""
    return lambda: words in log.read_text()


def answers(url: str) -> Callable[[], bool]:
    """Whether somebody answers, whatever it is."""

    def asked() -> bool:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    return asked
