"""`make fuzz`: each parser of the engine under libFuzzer, one after the other.

The targets are the tests of `engine/tests/parsers.rs`, which `make test` runs on the inputs that
are kept and on some made by chance. Here a nightly Rust builds the same file with coverage and
AddressSanitizer, and libFuzzer, which bolero brings, looks for inputs that go new ways. What it
finds on the way stays in `.tools/fuzz`; what breaks a parser is written into the target's
`crashes` in `engine/tests/__fuzz__`, where each later `cargo test` tries it again.
"""

import argparse
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.bootstrap import engine
from tools.bootstrap.places import ROOT, TOOLS
from tools.bootstrap.steps import StepFailed, Word, quietly, step

TARGETS = engine.ENGINE / "tests" / "parsers.rs"
KEPT = engine.ENGINE / "tests" / "__fuzz__"
FOLDER = TOOLS / "fuzz"
# Source: cargo-bolero, `libfuzzer.rs` and `project.rs`: what it passes on. It builds every test of
# the crate so, and those that never call bolero do not link; this builds the one file alone.
FLAGS = [
    *("--cfg", "fuzzing", "--cfg", "fuzzing_libfuzzer"),
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Zsanitizer=address",
]


def run(arguments: Sequence[str]) -> int:
    """Fuzzes; 1 as soon as a target broke.

    Raises:
        StepFailed: there is no nightly Rust here.
    """
    parser = argparse.ArgumentParser(prog="make fuzz", description="the engine's parsers")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", choices=targets(), action="append", help="this one alone")
    options = parser.parse_args(arguments)
    program = _build(find_nightly())
    for name in options.target or targets():
        print(f"  …  {name}, {options.seconds} s", flush=True)
        if _fuzz(program, name, options.seconds):
            print(f"  ✗  {name}: see {KEPT.relative_to(ROOT) / name / 'crashes'}", flush=True)
            return 1
        print(f"  ✓  {name}", flush=True)
    return 0


def targets() -> list[str]:
    """The tests of the file, by name."""
    return re.findall(r"^#\[test\]\nfn (\w+)", TARGETS.read_text(encoding="utf-8"), re.MULTILINE)


def find_nightly() -> list[Word]:
    """The words that start a nightly cargo.

    Raises:
        StepFailed: there is none.
    """
    env = engine.environment()
    cargo, rustup = engine.find_cargo(), shutil.which("rustup", path=env["PATH"])
    if rustup is not None:
        for name in _said(rustup, "toolchain", "list").split():
            if name.startswith("nightly"):
                return [rustup, "run", name, "cargo"]
    if cargo is not None and "nightly" in _said(cargo, "--version"):
        return [cargo]
    raise StepFailed("no nightly Rust here: `rustup toolchain install nightly` brings one.")


def _said(*command: Word) -> str:
    env = engine.environment()
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env).stdout


def _build(cargo: Sequence[Word]) -> Path:
    """The test program."""
    machine = re.search(r"^host: (.+)$", _said(*cargo, "-vV"), re.MULTILINE)
    if machine is None:
        raise StepFailed(f"{' '.join(map(str, cargo))} does not say what it builds for.")
    env = {**engine.environment(), "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(FLAGS)}
    # A target is named so that build scripts and macros, which run here, are built plainly.
    words: list[Word] = [*cargo, "test", "--locked", "--quiet", "--no-run", "--profile", "fuzz"]
    words += ["--test", "parsers", "--target", machine[1], "--target-dir", FOLDER]
    with step("Parsers with coverage and AddressSanitizer, from Rust"):
        quietly(words, cwd=engine.ENGINE, env=env)
    built = (FOLDER / machine[1] / "fuzz" / "deps").glob("parsers-*")
    return max(
        (path for path in built if path.suffix in ("", ".exe")),
        key=lambda path: path.stat().st_mtime,
    )


def _fuzz(program: Path, name: str, seconds: int) -> int:
    """Runs one target; gives libFuzzer's exit code."""
    found, crashes = FOLDER / "corpus" / name, KEPT / name / "crashes"
    for folder in (found, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    # bolero splits the words at spaces, of which a clone's own path may have some.
    folders = [path.relative_to(ROOT).as_posix() for path in (found, KEPT / name / "corpus")]
    prefix = f"-artifact_prefix={crashes.relative_to(ROOT).as_posix()}/"
    options = [prefix, f"-max_total_time={seconds}", "-timeout=20", "-verbosity=1"]
    words = " ".join([*folders, *options])
    # A child that is traced may not look for leaks, and containers trace.
    env = {**os.environ, "BOLERO_LIBFUZZER_ARGS": words, "ASAN_OPTIONS": "detect_leaks=0"}
    command: list[Word] = [program, name, "--exact", "--nocapture", "--test-threads=1"]
    code = subprocess.run(command, cwd=ROOT, env=env, check=False).returncode
    if not any(crashes.iterdir()):
        crashes.rmdir()
    return code
