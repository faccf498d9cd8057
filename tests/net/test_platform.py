"""What differs between systems: files of one owner, stop signals, addresses."""

import os
import signal
import threading
from pathlib import Path

import pytest

from moim import platform

POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no such thing")


def test_who_comes_second_does_not_replace_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    assert platform.create_private_file(path, b"first")
    assert not platform.create_private_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert platform.is_private(path)
    assert [one.name for one in path.parent.iterdir()] == ["key"]


def test_of_many_that_start_at_once_one_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    made: list[bool] = []

    def make(number: int) -> None:
        made.append(platform.create_private_file(path, bytes([number]) * 1000))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    assert len(set(path.read_bytes())) == 1


@POSIX
def test_a_file_system_without_links_is_served_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(_source: Path, _target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "key"
    assert platform.create_private_file(path, b"first")
    assert not platform.create_private_file(path, b"second")
    assert path.read_bytes() == b"first"


def test_a_stop_signal_calls_and_what_was_there_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    called: list[str] = []
    with platform.stop_signals(lambda: called.append("stop")):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert called == ["stop", "stop"]
    assert signal.getsignal(signal.SIGINT) is before


@POSIX
def test_a_closed_terminal_does_not_stop_what_was_started_with_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    called: list[str] = []
    try:
        with platform.stop_signals(lambda: called.append("stop")):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert called == []


@POSIX
def test_the_data_folder_follows_the_desktop_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert platform.data_folder() == Path("/srv/data/moim")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/mina")
    assert platform.data_folder() == Path("/home/mina/.local/share/moim")


def test_addresses_for_others_are_never_loopback() -> None:
    for ip in platform.network_addresses():
        assert not ip.is_loopback
        assert ip.version == 4 or not ip.is_link_local
