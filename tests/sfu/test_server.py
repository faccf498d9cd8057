"""The program around the SFU: addresses, and what it says when something is missing."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moim import sfu_server
from moim.cli import app
from moim.sfu.config import SfuConfig, read_config


def config(text: str = "", *, dev: bool = False) -> SfuConfig:
    return read_config(text or "keys: {a: b}", {}, dev=dev)[0]


def test_in_development_this_machine_is_an_address_for_media() -> None:
    advertised, bound = sfu_server.media_addresses(config(dev=True))
    assert advertised[0] == "127.0.0.1"
    assert bound == [("0.0.0.0", 7882)]


def test_a_configured_address_is_the_only_one() -> None:
    made = config("keys: {a: b}\nrtc: {node_ip: 192.0.2.7, udp_port: 9}")
    assert sfu_server.media_addresses(made) == (["192.0.2.7"], [("0.0.0.0", 9)])


def test_a_server_for_everybody_names_no_loopback_where_it_has_another_address() -> None:
    advertised, _ = sfu_server.media_addresses(config())
    assert advertised
    assert advertised == ["127.0.0.1"] or not any(
        address.startswith("127.") for address in advertised
    )


def test_without_the_engine_one_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moim_engine", None)
    done = CliRunner().invoke(app, ["sfu", "--dev", "--port", "0"])
    assert getattr(done.exception, "code", "") == "sfu_engine_missing"
    assert "moim[sfu]" in str(done.exception)


def test_a_configuration_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    file = tmp_path / "livekit.yaml"
    file.write_text("keys: {a: b}\nport: seven\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["sfu", "--config", str(file)])
    assert getattr(done.exception, "code", "") == "sfu_config_invalid"
    assert str(done.exception).startswith("port:")
