"""The program around the SFU: addresses, and what it says when something is missing."""

import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from typer.testing import CliRunner

from moim import sfu_server
from moim.cli import app
from moim.sfu.config import SfuConfig, read_config


def config(text: str = "", *, dev: bool = False) -> SfuConfig:
    return read_config(text or "keys: {a: b}", {}, dev=dev)[0]


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The machine's addresses; a test may change them."""
    found = ["192.0.2.2", "2001:db8::2"]
    monkeypatch.setattr(sfu_server, "own_addresses", lambda: found)
    return found


def test_in_development_this_machine_is_an_address_for_media(addresses: list[str]) -> None:
    advertised, bound = sfu_server.media_addresses(config(dev=True))
    assert advertised == ["127.0.0.1", *addresses]
    assert bound == [("0.0.0.0", 7882), ("::", 7882)]


@pytest.mark.parametrize(
    ("node_ip", "advertised", "bound"),
    [
        ("192.0.2.7", ["192.0.2.7"], ["0.0.0.0"]),
        ('"2001:db8::7"', ["2001:db8::7"], ["::"]),
        ('"192.0.2.7, 2001:db8::7"', ["192.0.2.7", "2001:db8::7"], ["0.0.0.0", "::"]),
    ],
)
def test_configured_addresses_are_the_only_ones(
    node_ip: str, advertised: list[str], bound: list[str]
) -> None:
    made = config(f"keys: {{a: b}}\nrtc: {{node_ip: {node_ip}, udp_port: 9}}")
    assert sfu_server.media_addresses(made) == (advertised, [(one, 9) for one in bound])


@pytest.mark.parametrize(("tcp_port", "ports"), [("", [0, 0]), (", tcp_port: 7", [7, 7])])
def test_clients_without_udp_connect_where_the_others_send(tcp_port: str, ports: list[int]) -> None:
    made = config(f"keys: {{a: b}}\nrtc: {{udp_port: 9{tcp_port}}}")
    bind = [("0.0.0.0", 9), ("::", 9)]
    assert sfu_server.tcp_addresses(made, bind) == list(zip(("0.0.0.0", "::"), ports, strict=True))


def test_no_tcp_port_is_none() -> None:
    made = config("keys: {a: b}\nrtc: {tcp_port: 0}")
    assert sfu_server.tcp_addresses(made, [("0.0.0.0", 9)]) == []


def test_a_server_for_everybody_names_no_loopback_where_it_has_another_address(
    addresses: list[str],
) -> None:
    assert sfu_server.media_addresses(config())[0] == addresses
    addresses.clear()
    assert sfu_server.media_addresses(config()) == (["127.0.0.1"], [("0.0.0.0", 7882)])


def test_the_addresses_of_this_machine_are_those_that_others_reach() -> None:
    found = [ip_address(one) for one in sfu_server.own_addresses()]
    assert not any(one.is_loopback or one.is_link_local for one in found)
    assert sorted(found, key=lambda one: one.version) == found


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
