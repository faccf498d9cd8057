"""What `make check` and `make test` run: one line a check, and one count over all of them."""

import json
import os
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tools.bootstrap import node
from tools.bootstrap.places import ROOT, TOOLS, WEB, venv_program
from tools.bootstrap.steps import Word, seconds_since

REPORTS = TOOLS / "reports"
# Only for tests that measure no time and drive no browser.
SIDE_BY_SIDE = ("--numprocesses=auto", "--dist=worksteal")
QUICK = "not browser and not packaging and not processes and not network and not sfu"
UNIT = f"{QUICK} and not served"
SERVED = f"{QUICK} and served"


@dataclass(frozen=True, slots=True)
class Count:
    """Tests that passed, failed and were skipped; a lint counts as one test."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One command, and how to read its count from what it wrote; without, it counts as one."""

    name: str
    command: Sequence[Word]
    cwd: Path = ROOT
    report: Path | None = None
    read: Callable[[Path], Count] | None = None
    env: Mapping[str, str] = field(default_factory=dict)


def python_checks() -> list[Check]:
    python = venv_program("python")
    ruff = venv_program("ruff")
    return [
        Check("mypy --strict", [venv_program("mypy"), "--no-error-summary"]),
        pytest("unit and property tests", "unit", UNIT, *SIDE_BY_SIDE),
        Check("import rules", [venv_program("lint-imports"), "--no-logo"]),
        Check("ruff", [ruff, "check", "--quiet"]),
        Check("ruff format", [ruff, "format", "--check", "--quiet"]),
        Check("calls that only some systems have", [python, "-m", "tools.portable"]),
    ]


def web_checks() -> list[Check]:
    def tool(package: str, *arguments: str) -> list[Word]:
        return [node.node(), node.npm_program(package), *arguments]

    report = REPORTS / "vitest.json"
    caches = WEB / "node_modules" / ".cache"
    json_report = ["--reporter=dot", "--reporter=json", f"--outputFile.json={report}"]
    return [
        Check(
            "svelte-check",
            tool(
                "svelte-check", "--tsconfig=./tsconfig.json", "--fail-on-warnings", "--incremental"
            ),
            WEB,
        ),
        Check("vitest", tool("vitest", "run", *json_report), WEB, report, read_vitest),
        Check(
            "eslint",
            tool("eslint", ".", "--max-warnings=0", "--cache", f"--cache-location={caches}/eslint"),
            WEB,
        ),
        Check(
            "prettier",
            tool(
                "prettier",
                "--check",
                "--log-level=warn",
                "--cache",
                f"--cache-location={caches}/prettier-of-check",
                ".",
            ),
            WEB,
        ),
        Check("wire types", [venv_program("python"), "tools/gen_wire.py", "--check"]),
    ]


def pytest(name: str, report_name: str, markers: str, *options: str, **env: str) -> Check:
    report = REPORTS / f"{report_name}.xml"
    program = venv_program("pytest")
    command: list[Word] = [program, "-q", "-m", markers, f"--junitxml={report}", *options]
    return Check(name, command, ROOT, report, read_junit, env)


def run_together(checks: Sequence[Check], env: Mapping[str, str]) -> Count:
    """Runs checks side by side, as many as there are cores; shows what those say that fail."""
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        counts = pool.map(lambda check: run(check, env), checks)
        return sum(counts, Count())


def run(check: Check, env: Mapping[str, str], *, show: bool = False) -> Count:
    """Runs one check. With `show`, what it says appears as it says it."""
    begun = time.monotonic()
    if check.report is not None:
        check.report.parent.mkdir(parents=True, exist_ok=True)
        check.report.unlink(missing_ok=True)
    done = subprocess.run(
        [os.fspath(part) for part in check.command],
        cwd=check.cwd,
        env={**env, **check.env},
        stdin=subprocess.DEVNULL,
        stdout=None if show else subprocess.PIPE,
        stderr=None if show else subprocess.STDOUT,
        check=False,
    )
    count = _count(check, done.returncode)
    mark = "✗" if count.failed else "✓"
    tests = f"{count}, " if check.read else ""
    output: bytes | None = done.stdout
    said = output.decode(errors="replace") if output and count.failed else ""
    text = f"  {mark}  {check.name} ({tests}{seconds_since(begun)})"
    print(f"{text}\n{said.rstrip()}" if said else text, flush=True)
    return count


def _count(check: Check, returncode: int) -> Count:
    if check.read is None or check.report is None:
        return Count(failed=1) if returncode else Count(passed=1)
    try:
        count = check.read(check.report)
    except (OSError, ValueError, KeyError, ET.ParseError):
        count = Count()  # it died before it could write; the exit code below says so
    if (returncode or count == Count()) and not count.failed:
        # A runner that stopped half way, or found no test at all, has not passed.
        count += Count(failed=1)
    return count


def read_junit(report: Path) -> Count:
    """Source: pytest, `--junitxml` (the xunit2 family)."""
    count = Count()
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - our own
        tests, failures, errors, skipped = (
            int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
        )
        failed = failures + errors
        count += Count(max(0, tests - failed - skipped), failed, skipped)
    return count


def read_vitest(report: Path) -> Count:
    """Source: vitest, the JSON reporter. A file that does not load has no test that could fail."""
    result = json.loads(report.read_text(encoding="utf-8"))
    broken = sum(
        file["status"] == "failed" and not file["assertionResults"]
        for file in result["testResults"]
    )
    skipped = result["numPendingTests"] + result["numTodoTests"]
    return Count(result["numPassedTests"], result["numFailedTests"] + broken, skipped)
