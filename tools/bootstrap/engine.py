"""The SFU's forwarding engine: built from Rust into the Python environment, where cargo is found.

uv never builds it by itself: a machine without Rust gets everything else. uv takes the module
away again when it synchronises the environment, so its presence is looked at, not only the stamp.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.bootstrap import network
from tools.bootstrap.checks import Check
from tools.bootstrap.places import EXE, ROOT, UV, VENV, venv_program
from tools.bootstrap.python import ensure_uv
from tools.bootstrap.steps import Word, digest, is_stamped, quietly, step, write_stamp

ENGINE = ROOT / "engine"
LOAD = ROOT / "bench" / "load"
STAMP = VENV / ".moim-engine-stamp"
# Checked where `rustup target add` brought them.
ELSEWHERE = ("aarch64-apple-darwin", "x86_64-pc-windows-gnu")
# The `rust-version` of the crate.
RUST = (1, 89)


def find_cargo() -> Path | None:
    """Rust's builder: on the PATH, or where rustup puts it."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    found = shutil.which("cargo", path=f"{os.environ.get('PATH', '')}{os.pathsep}{home / 'bin'}")
    return Path(found) if found else None


def missing() -> str | None:
    """Why the engine cannot be built here, in one line; None when it can."""
    wanted = ".".join(map(str, RUST))
    cargo = find_cargo()
    if cargo is None:
        return (
            f"no Rust here: with cargo {wanted} or newer (https://rustup.rs), the SFU is built too"
        )
    version = _version(cargo)
    if version < RUST:
        return f"{cargo} is {'.'.join(map(str, version))}: the SFU needs {wanted} (rustup update)"
    # `aws-lc` and Rust's own linking need one.
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang", f"cl{EXE}")):
        return "no C compiler here: with one (Debian: apt-get install gcc) the SFU is built"
    return None


def ensure_engine() -> bool:
    """Builds the engine where its sources changed; false, and said, where that cannot be done."""
    wanted = digest(_sources())
    if is_stamped(STAMP, wanted) and _is_installed():
        return True
    reason = missing()
    if reason:
        print(f"  -  {reason}", flush=True)
        return False
    ensure_uv()
    with step("Forwarding engine, from Rust"):
        options: list[Word] = ["--no-deps", "--reinstall", "--python", venv_program("python")]
        quietly([UV, "pip", "install", *options, ENGINE], env=environment())
        write_stamp(STAMP, wanted)
    return True


def environment() -> dict[str, str]:
    """With cargo on the PATH."""
    env = network.environment()
    cargo = find_cargo()
    if cargo is not None:
        env["PATH"] = f"{env.get('PATH', '')}{os.pathsep}{cargo.parent}"
    return env


def ensure_cost() -> Check:
    """The test that counts what a forwarded packet costs, built: to be run beside others."""
    cargo: list[Word] = [find_cargo() or "cargo", "test", "--locked", "--quiet", "--test", "cost"]
    with step("Costs of a packet, from Rust"):
        quietly([*cargo, "--no-run"], cwd=ENGINE, env=environment())
    return Check("costs of a forwarded packet", cargo, ENGINE, env={"PATH": environment()["PATH"]})


def checks() -> list[Check]:
    """Format, lints of both shapes of the crate, and its tests."""
    cargo: list[Word] = [find_cargo() or "cargo"]
    lint: list[Word] = [*cargo, "clippy", "--locked", "--quiet", "--all-targets"]
    strict = ["--", "--deny", "warnings"]
    return [
        Check("cargo fmt", [*cargo, "fmt", "--check"], ENGINE),
        Check("clippy", [*lint, *strict], ENGINE),
        Check("clippy of the Python module", [*lint, "--features", "python", *strict], ENGINE),
        Check("tests of the engine", [*cargo, "test", "--locked", "--quiet"], ENGINE),
        *_load_checks(cargo, strict),
        *_elsewhere(cargo),
    ]


def _elsewhere(cargo: list[Word]) -> list[Check]:
    """The types for other systems, where rustup has them: without the C of the ciphers."""
    try:
        said = subprocess.run(
            ["rustup", "target", "list", "--installed"],
            capture_output=True,
            text=True,
            check=False,
            env=environment(),
        ).stdout
    except FileNotFoundError:
        said = ""
    check: list[Word] = [*cargo, "check", "--locked", "--quiet", "--no-default-features"]
    return [
        Check(f"engine for {target}", [*check, "--lib", "--target", target], ENGINE)
        for target in ELSEWHERE
        if target in said.split()
    ]


def _load_checks(cargo: list[Word], strict: list[str]) -> list[Check]:
    """The same for the load generator; what both build of others' is built once."""
    shared: list[Word] = ["--target-dir", ENGINE / "target", "--locked", "--quiet"]
    lint = [*cargo, "clippy", *shared, "--all-targets", *strict]
    return [
        Check("cargo fmt of the load generator", [*cargo, "fmt", "--check"], LOAD),
        Check("clippy of the load generator", lint, LOAD),
        Check("tests of the load generator", [*cargo, "test", *shared], LOAD),
    ]


def _sources() -> Iterator[Path]:
    for name in ("Cargo.toml", "Cargo.lock", "pyproject.toml"):
        yield ENGINE / name
    for folder in ("src", "python"):
        for path in (ENGINE / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _is_installed() -> bool:
    return any(VENV.glob("**/site-packages/moim_engine/_engine.*"))


def _version(cargo: Path) -> tuple[int, ...]:
    said = subprocess.run(
        [cargo, "--version"], capture_output=True, text=True, check=False, cwd=ENGINE
    ).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else (0, 0)
