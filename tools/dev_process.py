"""One server process of `make dev`: gets ready, waits for the word, and becomes moim."""

import importlib
import importlib.metadata
import runpy
import signal
import sys

from packaging.requirements import Requirement

# What the import of a package alone leaves out, and moim needs.
ALSO = ("sqlalchemy.ext.asyncio", "alembic.command", "cryptography.x509", "uvicorn.config")
NAMED_OTHERWISE = {
    "pillow": "PIL.Image",
    "python-multipart": "python_multipart",
    "python-socketio": "socketio",
}


def warm() -> None:
    """Imports moim's dependencies, and nothing of moim: that may change before the word."""
    names = list(ALSO)
    for line in importlib.metadata.requires("moim") or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            name = requirement.name
            names.append(NAMED_OTHERWISE.get(name, name.replace("-", "_")))
    for name in names:
        # One that is missing is told by moim itself, and better.
        try:
            importlib.import_module(name)
        except ImportError:
            continue


if __name__ == "__main__":
    # A Ctrl-C while it waits is for the one that runs.
    stop = signal.signal(signal.SIGINT, signal.SIG_IGN)
    warm()
    if sys.stdin.readline():
        signal.signal(signal.SIGINT, stop)
        sys.stdin.close()
        runpy.run_module("moim", run_name="__main__", alter_sys=True)
