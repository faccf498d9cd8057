"""Programs that some tests talk to: real servers and network tools, from Debian's packages.

On a machine without apt-get or without root they stay away, and the tests that need them are
skipped, counted and said (`tests/programs.py`).
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.bootstrap import network
from tools.bootstrap.steps import StepFailed, Word, quietly, step

# The program that a test starts, and the package that brings it.
PROGRAMS = {
    "caddy": "caddy",
    "faketime": "faketime",
    "firefox-esr": "firefox-esr",
    "ip": "iproute2",
    "nft": "nftables",
    "nginx": "nginx-light",
    "pebble": "pebble",
    "postgres": "postgresql",
    "redis-server": "redis-server",
    "turnserver": "coturn",
}
_POLICY = Path("/usr/sbin/policy-rc.d")


def ensure_programs() -> None:
    """Install what is missing where that can be done; else say what the tests will do without."""
    missing = sorted(name for name in PROGRAMS if not find(name))
    if not missing:
        return
    if not can_install():
        print(f"  -  not here, tests of them are skipped: {', '.join(missing)}", flush=True)
        return
    with step(f"{', '.join(missing)} from the system's packages"):
        try:
            install(*(PROGRAMS[name] for name in missing))
        except StepFailed as error:
            print(error, file=sys.stderr)


def ensure_program(program: str, package: str) -> None:
    """Install one that only a single target needs.

    Raises:
        StepFailed: it is not here and cannot be installed.
    """
    if find(program):
        return
    if not can_install():
        raise StepFailed(f"no {program} here (Debian: apt-get install {package}).")
    with step(f"{program} from the system's packages"):
        install(package)


def find(program: str) -> str | None:
    """Where a program is; those of the system's folders count, which a plain PATH leaves out, and
    those of PostgreSQL, of which Debian keeps each version in a folder of its own."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin"]
    folders += sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(program, path=":".join(folders))


def can_install() -> bool:
    """Whether this account may install Debian's packages."""
    return sys.platform != "win32" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> None:
    """Install packages; the services in them are not started.

    Raises:
        StepFailed: with what apt-get said.
    """
    env = {**network.environment(), "DEBIAN_FRONTEND": "noninteractive"}
    command: Sequence[Word] = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    with _no_services():
        quietly(["apt-get", "update", "-qq"], env=env)
        quietly([*command, *packages], env=env)


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep installed servers from being started: the tests start their own.

    Source: Debian's policy-rc.d (101 is "action forbidden by policy").
    """
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
