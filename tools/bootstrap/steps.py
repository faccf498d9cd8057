"""Steps that say what they did and how long it took, and stamps that let them be skipped.

A stamp is a file beside a step's result that holds a hash of the step's inputs. Contents decide,
not times of files: a fresh clone, a switched branch and a restored cache all look new to a clock.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.bootstrap.places import ROOT

# A word of a command line.
Word = str | os.PathLike[str]


class StepFailed(Exception):
    """A step could not be done; the text says what to do about it."""


@contextmanager
def step(text: str) -> Iterator[None]:
    """Prints one line when the step is over: its text and its time."""
    begun = time.monotonic()
    live = sys.stdout.isatty()
    if live:
        print(f"  …  {text}", end="\r", flush=True)
    try:
        yield
    except BaseException:
        print(f"  ✗  {text} ({seconds_since(begun)})", flush=True)
        raise
    print(f"  ✓  {text} ({seconds_since(begun)})", flush=True)


def seconds_since(begun: float) -> str:
    return f"{time.monotonic() - begun:.1f} s"


def digest(paths: Iterable[Path], *words: str) -> str:
    """A hash of these files' names and contents, and of some words beside."""
    result = hashlib.sha256()
    for word in words:
        result.update(f"{word}\0".encode())
    for path in sorted(paths):
        content = path.read_bytes()
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        result.update(f"{name}\0{len(content)}\0".encode())
        result.update(content)
    return result.hexdigest()


def is_stamped(stamp: Path, value: str) -> bool:
    try:
        return stamp.read_text(encoding="ascii") == value
    except FileNotFoundError:
        return False


def write_stamp(stamp: Path, value: str) -> None:
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(value, encoding="ascii")


def quietly(
    command: Sequence[Word],
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> None:
    """Runs a command without a word; what it said is shown where it fails.

    Raises:
        StepFailed: the command is missing or ended with an error.
    """
    try:
        done = subprocess.run(
            [os.fspath(part) for part in command],
            cwd=cwd,
            env={**(os.environ if env is None else env), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise StepFailed(f"{command[0]} does not start: {error}") from error
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()
        raise StepFailed(f"{said}\n\n{' '.join(map(str, command))}\nended with {done.returncode}.")
