"""The doctor's look at the line: what goes through this machine, and how fast its card is."""

from pathlib import Path
from typing import Any

import pytest

from moim import platform
from moim.doctor import NOTE, OK, Finding, bandwidth
from moim.settings import load_settings

ROUTES = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth1 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
eth0 00000000 0100A8C0 0003 0 0 0 00000000 0 0 0
"""


def found(folder: Path, **given: Any) -> Finding:
    (finding,) = bandwidth.examine(load_settings(data_dir=folder, **given))
    return finding


def test_where_no_media_go_through_this_machine_that_is_said(tmp_path: Path) -> None:
    assert "browser to browser" in found(tmp_path, sfu=False).words
    keys = {"livekit_api_key": "key", "livekit_api_secret": "x" * 32}
    said = found(tmp_path, livekit_url="wss://sfu.example.org", **keys)
    assert said.level == OK
    assert "sfu.example.org" in said.words


@pytest.mark.parametrize(
    ("speed_bps", "level", "words"),
    [
        (1_000_000_000, OK, "1000 Mbit/s"),
        (10_000_000, NOTE, "faster card"),
        (None, OK, "does not say"),
    ],
)
def test_the_card_is_compared_with_what_a_call_takes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    speed_bps: int | None,
    level: str,
    words: str,
) -> None:
    monkeypatch.setattr(bandwidth, "missing", lambda: None)
    monkeypatch.setattr(platform, "link_speed_bps", lambda: speed_bps)
    said = found(tmp_path)
    assert (said.id, said.level) == ("bandwidth", level)
    assert words in said.words
    assert "14 Mbit/s" in said.words


@pytest.mark.parametrize(
    ("told", "speed_bps"), [("2500\n", 2_500_000_000), ("-1\n", None), ("\n", None), (None, None)]
)
def test_the_speed_is_that_of_the_card_towards_the_internet(
    tmp_path: Path, told: str | None, speed_bps: int | None
) -> None:
    routes, cards = tmp_path / "route", tmp_path / "net"
    routes.write_text(ROUTES)
    (cards / "eth0").mkdir(parents=True)
    if told is not None:
        (cards / "eth0" / "speed").write_text(told)
    assert platform.link_speed_bps(routes, cards) == speed_bps


def test_a_machine_without_a_way_to_the_internet_has_no_such_card(tmp_path: Path) -> None:
    assert platform.link_speed_bps(tmp_path / "none", tmp_path) is None
