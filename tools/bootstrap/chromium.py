"""Finds a Chromium for the browser tests, or sees to one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.bootstrap import debian, network
from tools.bootstrap.places import venv_program
from tools.bootstrap.steps import StepFailed, Word, quietly, step

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/usr/bin/chromium",
    "/usr/lib/chromium/chromium",
    "/opt/google/chrome/chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_ASK_PLAYWRIGHT = (
    "from playwright.sync_api import sync_playwright as s\n"
    "with s() as p: print(p.chromium.executable_path)"
)


def ensure_chromium() -> Path:
    """The program to start: what `CHROMIUM` names, one installed, or one installed now.

    Raises:
        StepFailed: none could be had; the text says what to do.
    """
    if named := os.environ.get("CHROMIUM"):
        if not _runs(Path(named)):
            raise StepFailed(f"CHROMIUM names {named}, and that does not start.")
        return Path(named)
    if found := _installed():
        return found
    if debian.can_install():
        with step("Chromium and a Korean font from the system's packages"):
            try:
                debian.install("chromium", "fonts-noto-cjk")
            except StepFailed as error:
                print(error, file=sys.stderr)  # not the end: Playwright may still have one
        if found := _installed():
            return found
    try:
        with step("Chromium from Playwright"):
            install: list[Word] = [
                venv_program("python"),
                "-m",
                "playwright",
                "install",
                "chromium",
            ]
            if debian.can_install():
                install.append("--with-deps")
            quietly(install, env=network.environment())
    except StepFailed as error:
        raise StepFailed(f"{error}\n\n{_ADVICE}") from error
    found = _playwrights()
    if found is None:
        raise StepFailed(_ADVICE)
    return found


_ADVICE = (
    "The browser tests need Chromium or Chrome, and none was found or could be installed.\n"
    "Install it with the system's package manager (Debian: sudo apt-get install chromium),\n"
    "or name one: make test CHROMIUM=/path/to/chrome"
)


def _installed() -> Path | None:
    named = (shutil.which(name) for name in NAMES)
    for place in (*named, *PLACES):
        if place and Path(place).is_file() and _runs(Path(place)):
            return Path(place)
    return _playwrights()


def _playwrights() -> Path | None:
    asked = subprocess.run(
        [venv_program("python"), "-c", _ASK_PLAYWRIGHT], capture_output=True, text=True, check=False
    )
    place = Path(asked.stdout.strip() or os.devnull)
    return place if place.is_file() and _runs(place) else None


def _runs(program: Path) -> bool:
    """Whether it starts: Ubuntu's `chromium` package is a stub that only asks for its snap."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, timeout=60, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "hrom" in done.stdout
