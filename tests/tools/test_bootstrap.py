"""The way from a bare Python to a running server: its choices, without the network."""

import json
from pathlib import Path

import pytest

from tools.bootstrap import checks, network, python
from tools.bootstrap.checks import Check, Count
from tools.bootstrap.steps import StepFailed, digest, is_stamped, write_stamp

WHEELS: dict[str, str] = json.loads(python.PINS.read_text(encoding="utf-8"))["uv"]["wheels"]


@pytest.mark.parametrize(
    ("system", "machine", "is_musl", "tag"),
    [
        ("linux", "x86_64", False, "manylinux_2_17_x86_64"),
        ("linux", "x86_64", True, "musllinux_1_1_x86_64"),
        ("linux", "aarch64", False, "aarch64"),
        ("linux", "armv6l", False, "linux_armv6l"),
        ("linux", "riscv64", False, "riscv64"),
        ("darwin", "arm64", False, "macosx_11_0_arm64"),
        ("darwin", "x86_64", False, "macosx_10_12_x86_64"),
        ("win32", "AMD64", False, "win_amd64"),
        ("win32", "ARM64", False, "win_arm64"),
    ],
)
def test_each_system_gets_the_uv_that_runs_on_it(
    system: str, machine: str, is_musl: bool, tag: str
) -> None:
    assert tag in python.wheel_for(WHEELS, system, machine, is_musl=is_musl)


def test_a_system_without_a_uv_is_told_what_to_do() -> None:
    with pytest.raises(StepFailed, match="put it at"):
        python.wheel_for(WHEELS, "plan9", "mips", is_musl=False)


def test_a_stamp_follows_contents_and_not_times(tmp_path: Path) -> None:
    source, stamp = tmp_path / "source", tmp_path / "made" / "stamp"
    source.write_text("one", encoding="ascii")
    assert not is_stamped(stamp, digest([source]))
    write_stamp(stamp, digest([source]))
    source.touch()
    assert is_stamped(stamp, digest([source]))
    source.write_text("two", encoding="ascii")
    assert not is_stamped(stamp, digest([source]))


def test_the_index_is_the_one_that_pip_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "pip.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    network._pip_setting.cache_clear()
    assert network.index() == network.PYPI
    config.write_text("[global]\nindex-url = https://mirror.test/simple/\n", encoding="ascii")
    network._pip_setting.cache_clear()
    assert network.index() == "https://mirror.test/simple"
    assert network.environment()["UV_DEFAULT_INDEX"] == "https://mirror.test/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.test/simple")
    assert network.index() == "https://other.test/simple"
    network._pip_setting.cache_clear()


@pytest.mark.parametrize(
    ("returncode", "written", "count"),
    [
        (0, '<testsuites><testsuite tests="5" failures="0" errors="0" skipped="1"/></testsuites>',
         Count(4, 0, 1)),
        (1, '<testsuites><testsuite tests="5" failures="1" errors="1" skipped="0"/></testsuites>',
         Count(3, 2)),
        # It found nothing to run, was killed half way, or wrote nothing at all.
        (0, '<testsuites><testsuite tests="0" failures="0" errors="0" skipped="0"/></testsuites>',
         Count(0, 1)),
        (3, '<testsuites><testsuite tests="2" failures="0" errors="0" skipped="0"/></testsuites>',
         Count(2, 1)),
        (0, "", Count(0, 1)),
    ],
)  # fmt: skip
def test_no_run_passes_that_ended_badly_or_ran_nothing(
    tmp_path: Path, returncode: int, written: str, count: Count
) -> None:
    report = tmp_path / "report.xml"
    report.write_text(written, encoding="ascii")
    check = Check("tests", [], report=report, read=checks.read_junit)
    assert checks._count(check, returncode) == count


def test_a_test_file_that_does_not_load_has_failed(tmp_path: Path) -> None:
    report = tmp_path / "vitest.json"
    result = {
        "numPassedTests": 3,
        "numFailedTests": 1,
        "numPendingTests": 0,
        "numTodoTests": 0,
        "testResults": [
            {"status": "failed", "assertionResults": []},
            {"status": "failed", "assertionResults": [{}]},
            {"status": "passed", "assertionResults": [{}]},
        ],
    }
    report.write_text(json.dumps(result), encoding="ascii")
    assert checks.read_vitest(report) == Count(3, 2)


def test_the_closing_line_is_the_count_alone() -> None:
    assert str(Count(123, 0) + Count(1, 2)) == "124 passed, 2 failed"
