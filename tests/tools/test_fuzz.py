"""`make fuzz` itself: what it would fuzz, and what it says where it cannot."""

from pathlib import Path

import pytest

from tools.bootstrap import fuzz
from tools.bootstrap.steps import StepFailed


def test_each_parser_that_is_tested_is_fuzzed_and_has_inputs_to_begin_with() -> None:
    names = fuzz.targets()
    assert {"data_packets", "payloads", "streams_of_packets"} <= set(names)
    assert fuzz.TARGETS.read_text(encoding="utf-8").count("#[test]") == len(names)
    assert all(any((fuzz.KEPT / name / "corpus").iterdir()) for name in names)


def test_without_a_nightly_rust_it_says_what_brings_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path))
    with pytest.raises(StepFailed, match="rustup toolchain install nightly"):
        fuzz.run(["--seconds", "1"])
