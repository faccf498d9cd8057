"""What `make bench` needs beside the product: the peer, the load generator, and what it plays.

The tests need the peer too, as the cluster that moim may be given."""

import os
import shutil
from pathlib import Path

from tools.bootstrap import debian, engine, network
from tools.bootstrap.places import EXE, ROOT, TOOLS, UV
from tools.bootstrap.python import ensure_uv
from tools.bootstrap.steps import StepFailed, Word, digest, is_stamped, quietly, step, write_stamp

FOLDER = TOOLS / "bench"
MEDIA = FOLDER / "media"
# The newest that can be installed so: later ones replace modules, which `go install` refuses.
PEER = "github.com/livekit/livekit-server/cmd/server@v1.11.0"
_PROGRAM = FOLDER / "peer" / f"server{EXE}"
_STAMP = FOLDER / "peer.stamp"


def find_go() -> Path | None:
    """On the PATH, or where the Go project's own archive puts it."""
    usual = Path("/usr/local/go/bin")
    found = shutil.which("go", path=f"{os.environ.get('PATH', '')}{os.pathsep}{usual}")
    return Path(found) if found else None


def find_peer() -> Path | None:
    """LiveKit's server, where it was built."""
    built = _PROGRAM.is_file() and is_stamped(_STAMP, digest([], PEER))
    return _PROGRAM if built else None


def ensure_peer() -> Path:
    """LiveKit's server; gives the program.

    Raises:
        StepFailed: there is no Go, or the module cannot be had.
    """
    program = find_peer()
    if program is not None:
        return program
    go = find_go()
    if go is None:
        raise StepFailed("no Go here: LiveKit's server is built with it (https://go.dev/dl).")
    with step("LiveKit's server, from Go's module proxy"):
        env = {**network.environment(), "GOBIN": str(_PROGRAM.parent)}
        quietly([go, "install", PEER], env=env)
        write_stamp(_STAMP, digest([], PEER))
    return _PROGRAM


def ensure_load() -> Path:
    """The load generator, from Rust; gives the program."""
    target = FOLDER / "load"
    program, stamp = target / "release" / f"moim-load{EXE}", FOLDER / "load.stamp"
    load = engine.LOAD
    sources = [load / "Cargo.toml", load / "Cargo.lock", *(load / "src").rglob("*.rs")]
    value = digest(sources)
    if program.is_file() and is_stamped(stamp, value):
        return program
    reason = engine.missing()
    if reason:
        raise StepFailed(reason)
    with step("Load generator, from Rust"):
        build: list[Word] = [
            engine.find_cargo() or "cargo",
            "build",
            "--release",
            "--locked",
            "--quiet",
        ]
        quietly([*build, "--target-dir", target], cwd=load, env=engine.environment())
        write_stamp(stamp, value)
    return program


def ensure_counted() -> Path:
    """The engine's test program that valgrind runs: as it is released, but with its names, and
    linked in parts, so that nothing that is counted by its name disappears in another.

    Raises:
        StepFailed: there is no valgrind and none can be had, or no Rust.
    """
    reason = engine.missing()
    if reason:
        raise StepFailed(reason)
    debian.ensure_program("valgrind", "valgrind")
    target = engine.ENGINE / "target"
    build: list[Word] = [engine.find_cargo() or "cargo", "test", "--release", "--no-run"]
    build += ["--locked", "--quiet", "--test", "cost", "--target-dir", target]
    shape = {"CARGO_PROFILE_RELEASE_LTO": "off", "CARGO_PROFILE_RELEASE_STRIP": "none"}
    with step("Engine with its names, from Rust"):
        quietly(build, cwd=engine.ENGINE, env={**engine.environment(), **shape})
    programs = [path for path in (target / "release" / "deps").glob("cost-*") if not path.suffix]
    return max(programs, key=lambda path: path.stat().st_mtime)


def ensure_media() -> Path:
    """The recordings; gives their folder."""
    script, stamp = ROOT / "bench" / "media.py", MEDIA / "stamp"
    value = digest([script, ROOT / "uv.lock"])
    if is_stamped(stamp, value):
        return MEDIA
    ensure_uv()
    with step("Recordings of VP8 and Opus"):
        # The encoder is nobody else's: it gets an environment of its own.
        run: list[Word] = [UV, "run", "--isolated", "--frozen", "--only-group", "bench"]
        quietly([*run, "python", script, MEDIA], env=network.environment())
        write_stamp(stamp, value)
    return MEDIA


def arguments() -> list[str]:
    """Where `bench.sfu` finds all of it."""
    return [f"--peer={ensure_peer()}", f"--load={ensure_load()}", f"--media={ensure_media()}"]
