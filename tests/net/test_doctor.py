"""The doctor: each fault is told with what to do, and a healthy machine has none."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from moim import doctor
from moim.doctor import BAD, NOTE, OK, machine
from moim.listening import listen
from moim.settings import load_settings


async def test_a_healthy_machine_has_nothing_but_what_is_not_built_here(tmp_path: Path) -> None:
    findings = await doctor.examine(load_settings(data_dir=tmp_path, port=0))
    levels = {finding.what: finding.level for finding in findings}
    assert levels.pop("Web client") in (OK, BAD)
    assert levels.pop("Open files") in (OK, NOTE)
    assert levels.pop("media server") in (OK, NOTE)  # its engine needs Rust
    assert levels.pop("Bandwidth") in (OK, NOTE)  # the card may be a slow one
    assert levels == dict.fromkeys(
        ("Python", "Data folder", "Disk", "Clock", "Port", "STUN", "Tunnel", "Tunnel key"), OK
    )


async def test_a_port_of_another_program_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "PATIENCE_S", 0.05)
    taken = listen("localhost", 0)
    try:
        settings = load_settings(data_dir=tmp_path, port=taken.port, stun=False)
        running, finding = await machine.port(settings)
    finally:
        taken.close()
    assert not running
    assert finding.level == BAD
    assert "used by another program" in finding.words


async def test_silence_on_the_stun_port_names_the_firewall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "PATIENCE_S", 0.05)
    finding = await machine.stun_answers(load_settings(data_dir=tmp_path, port=1), running=True)
    assert finding.level == BAD
    assert "firewall" in finding.words


def test_a_data_folder_that_is_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = machine.data_folder(load_settings(data_dir=tmp_path / "file" / "data"))
    assert finding.level == BAD
    assert "MOIM_DATA_DIR" in finding.words


@pytest.mark.skipif(os.name == "nt", reason="Windows has no file modes")
def test_a_key_that_others_can_read_is_noted(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("x" * 64)
    (tmp_path / "secret.key").chmod(0o644)
    assert machine.data_folder(load_settings(data_dir=tmp_path)).level == NOTE


@pytest.mark.parametrize(("free", "level"), [(10**7, BAD), (5 * 10**8, NOTE), (10**11, OK)])
def test_a_full_disk_is_told_before_a_message_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert machine.disk(tmp_path / "not" / "yet").level == level


def test_a_clock_that_went_back_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "moim.db").write_text("")
    written = (tmp_path / "moim.db").stat().st_mtime
    assert machine.clock(tmp_path, written + 5).level == OK
    assert machine.clock(tmp_path, written - 3600).level == BAD
