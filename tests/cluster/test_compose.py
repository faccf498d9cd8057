"""What `compose.yaml` says is what moim understands; the programs themselves run in the others."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from moim.settings import Settings, variable_of
from tests.cluster.deployment import CONFIGURATION

COMPOSE = Path(__file__).parents[2] / "compose.yaml"
OWN_ADDRESSES = Path(__file__).parents[2] / "deploy" / "own-addresses.yaml"
GIVEN = {"POSTGRES_PASSWORD": "x" * 16, "MOIM_SECRET": "y" * 32}


Services = dict[str, dict[str, object]]


def read(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    filled = re.sub(r"\$\{(\w+):-([^}]*)\}", r"\2", text)
    filled = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: GIVEN[found[1]], filled)
    found: dict[str, Any] = yaml.safe_load(filled)
    return found


def services(path: Path = COMPOSE) -> Services:
    found: Services = read(path)["services"]
    return found


def address_of(service: dict[str, Any]) -> str:
    return str(service["networks"]["default"]["ipv4_address"])


def environment_of(service: dict[str, object]) -> dict[str, Any]:
    environment = service["environment"]
    assert isinstance(environment, dict)
    return environment


def test_every_server_gets_settings_that_hold() -> None:
    known = {variable_of(name): name for name in Settings.model_fields}
    servers = {name: one for name, one in services().items() if name.startswith("moim-")}
    assert len(servers) == 2
    for one in servers.values():
        environment = environment_of(one)
        settings = Settings(**{known[name]: value for name, value in environment.items()})
        assert settings.redis_url
        assert settings.database_url.startswith("postgresql")
        assert one["volumes"] == ["files:/data"], "they share the folder of the files"


def test_each_servers_sfu_is_reached_by_its_name_past_the_others() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    ports = set()
    servers = {name: one for name, one in services().items() if name.startswith("moim-")}
    for name, one in servers.items():
        environment = environment_of(one)
        assert environment["MOIM_NODE"] == name
        assert environment["MOIM_NODE_URL"] == f"http://{name}:3000"
        leads = rf"location /livekit/n/{name}/ \{{\s+proxy_pass http://{name}:3000;"
        assert re.search(leads, text), name
        port = environment["MOIM_SFU_UDP_PORT"]
        for way in ("udp", "tcp"):
            assert f"{port}:{port}/{way}" in str(one["ports"]), "who has no UDP comes by TCP"
        ports.add(port)
    assert len(ports) == len(servers)


def test_the_proxy_leads_to_each_of_them_and_is_believed() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    named = set(re.findall(r"server (moim-\d):3000", text))
    assert named == {name for name in services() if name.startswith("moim-")}
    assert "listen 8080;" in text
    proxy = services()["proxy"]
    assert proxy["ports"] == ["8080:8080"]
    for name in named:
        believed = environment_of(services()[name])["MOIM_TRUSTED_PROXIES"]
        assert believed == address_of(proxy), "nobody else who comes that way is believed"


def test_a_server_that_was_restarted_has_the_address_that_the_proxy_knows() -> None:
    """nginx asks for the addresses of its servers once, at its start."""
    [network] = read(COMPOSE)["networks"]["default"]["ipam"]["config"]
    fixed = [
        ip_address(address_of(services()[name]))
        for name in services()
        if name == "proxy" or name.startswith("moim-")
    ]
    assert len(set(fixed)) == 3
    assert all(address in ip_network(network["subnet"]) for address in fixed)
    assert not any(address in ip_network(network["ip_range"]) for address in fixed)


def test_with_addresses_of_their_own_browsers_reach_each_server_past_the_proxy() -> None:
    known = {variable_of(name): name for name in Settings.model_fields}
    before, beside = services(), services(OWN_ADDRESSES)
    assert set(beside) == {name for name in before if name.startswith("moim-")}
    addresses = set()
    for name, one in beside.items():
        environment = environment_of(before[name]) | environment_of(one)
        settings = Settings(**{known[key]: value for key, value in environment.items()})
        address = urlsplit(settings.node_public_url or "")
        assert one["ports"] == [f"{address.port}:{environment['MOIM_PORT']}"]
        believed = (address_of(before["proxy"]),)
        assert settings.trusted_proxies == believed, "nobody else who comes that way is believed"
        addresses.add(address)
    assert len(addresses) == 2
