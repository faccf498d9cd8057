"""TURN: credentials that the server can check, a configuration that holds, and who is told what."""

import base64
import hashlib
import hmac
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

import pytest

from moim.media.ice import Ice, turn_access
from moim.media.turn import (
    CoturnOptions,
    TurnAccess,
    coturn_config,
    denied_networks,
    turn_credential,
    turn_servers,
)
from moim.media.turn.coturn import ranges
from tests.network.special_addresses import targets

SECRET = "between-moim-and-the-turn-server-alone"
URLS = ("turn:turn.example.org:3478", "turns:turn.example.org:443?transport=tcp")
ACCESS = TurnAccess(URLS, SECRET, 600)


def plain(**changes: object) -> CoturnOptions:
    return CoturnOptions(**{"secret": SECRET, "realm": "turn.example.org", **changes})  # type: ignore[arg-type]


def lines(options: CoturnOptions) -> list[str]:
    written = coturn_config(options).splitlines()
    return [line for line in written if line and not line.startswith("#")]


def test_a_credential_is_signed_for_one_participant_until_a_time() -> None:
    username, credential = turn_credential(SECRET, "u_mina", 1_700_000_600)
    assert username == "1700000600:u_mina"
    signature = hmac.new(SECRET.encode(), username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(credential) == signature
    assert turn_credential(SECRET, "u_jun", 1_700_000_600).credential != credential
    assert turn_credential(SECRET + "!", "u_mina", 1_700_000_600).credential != credential


def test_a_participant_gets_all_addresses_with_a_fresh_credential() -> None:
    (server,) = turn_servers(ACCESS, "u_mina", 1000.9)
    assert server["urls"] == list(URLS)
    assert server["username"] == "1600:u_mina"
    assert turn_servers(None, "u_mina", 0) == []
    assert turn_access((), SECRET, 600) is None


def test_a_page_is_told_no_credential_and_a_seat_is() -> None:
    ice = Ice(("own",), 3000, 3001, ACCESS, "relay")
    assert ice.servers("meet.example.org") == [{"urls": ["stun:meet.example.org:3000"]}]
    told = ice.for_seat("meet.example.org", "u_mina", 1000)
    assert told.transport_policy == "relay"
    assert told.lifetime_s == 600
    stun, turn = told.servers
    assert (stun.urls, stun.credential) == (["stun:meet.example.org:3000"], None)
    assert (turn.urls, turn.username) == (list(URLS), "1600:u_mina")
    alone = Ice(("own",), 3000).for_seat("meet.example.org", "u_mina", 1000)
    assert (alone.lifetime_s, [one.username for one in alone.servers]) == (None, [None])


@pytest.mark.parametrize(
    ("ice", "expected"),
    [
        (Ice(("own",), 3000, 3001), ["stun:a.example:3000", "stun:a.example:3001"]),
        (Ice(("own",), 3000), ["stun:a.example:3000"]),
        (Ice((), 3000, 3001), []),
        (
            Ice(("stun:stun.example.org",), 3000, 3001, ACCESS),
            ["stun:stun.example.org", "stun:turn.example.org:3478"],
        ),
        (
            Ice(
                turn=TurnAccess(
                    ("turn:t.example?transport=udp", "turn:t.example?transport=tcp"), SECRET, 600
                )
            ),
            ["stun:t.example"],
        ),
    ],
)
def test_a_browser_compares_our_two_ports_and_the_relays_own_stun(
    ice: Ice, expected: list[str]
) -> None:
    assert ice.probes("a.example") == expected


def test_every_special_purpose_address_is_in_a_denied_network() -> None:
    denied = denied_networks()
    for target in targets():
        assert any(target.address in network for network in denied), target


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "11.22.33.1", "2a00:1450::1", "2606:4700::1111", "2001:470::1"],
)
def test_the_public_internet_is_in_none(address: str) -> None:
    assert not any(ip_address(address) in network for network in denied_networks())


def in_range(written: str, address: str) -> bool:
    """As coturn 4.6.1 compares: IPv6 byte by byte, and a first address of zero is no bound."""
    first, _, last = written.partition("-")
    low, high, one = ip_address(first), ip_address(last or first), ip_address(address)
    if low.version != one.version:
        return not int(low) and one.version == 4
    if one.version == 4:
        return int(low) <= int(one) <= int(high)
    above = not int(low) or all(a <= b for a, b in zip(low.packed, one.packed, strict=True))
    return above and all(a <= b for a, b in zip(one.packed, high.packed, strict=True))


@pytest.mark.parametrize("network", denied_networks(), ids=str)
def test_a_network_is_written_so_that_coturn_reads_just_that(
    network: IPv4Network | IPv6Network,
) -> None:
    written = list(ranges(network))
    size = network.num_addresses
    step = [
        network.network_address + place
        for place in (0, 1, 255, size // 2, size - 1)
        if place < size
    ]
    for inside in step:
        refused_by_itself = inside == ip_address("::")
        assert refused_by_itself or any(in_range(one, str(inside)) for one in written), inside
    outside = ["8.8.8.8", "2a00:1450::1", "2606:4700:ffff:ffff::", "2001:470:ffff::1"]
    assert not any(in_range(one, address) for one in written for address in outside)


def test_the_configuration_closes_what_is_not_needed() -> None:
    written = lines(plain())
    assert {
        "use-auth-secret",
        f"static-auth-secret={SECRET}",
        "realm=turn.example.org",
        "fingerprint",
        "stale-nonce=600",
        "no-cli",
        "no-tcp-relay",
        "no-multicast-peers",
        "no-dynamic-ip-list",
        "no-rfc5780",
        "no-tls",
        "user-quota=100",
        "total-quota=2000",
        "max-bps=1000000",
        "min-port=49152",
        "max-port=65535",
    } <= set(written)
    assert not [line for line in written if line.startswith(("web-admin", "allow-", "allowed-"))]


def test_tls_ports_and_addresses_are_written_as_given() -> None:
    written = lines(
        plain(
            cert=Path("/etc/ssl/turn.pem"),
            key=Path("/etc/ssl/turn.key"),
            tls_port=443,
            listening_ips=("11.22.33.1", "2a00:1::1"),
            external_ips=("11.22.33.9/10.0.0.9",),
            total_bytes_per_s=5_000_000,
            log="stdout",
            state_dir=Path("/var/lib/turn"),
        )
    )
    assert {
        "cert=/etc/ssl/turn.pem",
        "pkey=/etc/ssl/turn.key",
        "tls-listening-port=443",
        "no-tlsv1",
        "no-tlsv1_1",
        "listening-ip=11.22.33.1",
        "listening-ip=2a00:1::1",
        "external-ip=11.22.33.9/10.0.0.9",
        # coturn asks about the private one, and two relayed people must be able to meet
        "allowed-peer-ip=10.0.0.9",
        "bps-capacity=5000000",
        "log-file=stdout",
        "pidfile=/var/lib/turn/turnserver.pid",
    } <= set(written)
    assert "no-tls" not in written


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"allow": ("127.0.0.1",)}, "never opened"),
        ({"allow": ("0.0.0.0/0",)}, "never opened"),
        ({"allow": ("::/0",)}, "never opened"),
        ({"allow": ("::ffff:10.0.0.1",)}, "never opened"),
        ({"allow": ("fe80::/64",)}, "never opened"),
        ({"allow": ("169.254.169.254",)}, "never opened"),
        ({"allow": ("an-sfu.example",)}, "no address or network"),
        ({"cert": Path("/etc/ssl/turn.pem")}, "both"),
        ({"realm": "two words"}, "the realm"),
        ({"secret": "a\nno-auth"}, "the secret"),
        ({"external_ips": ("11.22.33.9/10.0.0.9/4",)}, "public/private"),
        ({"listening_ips": ("eth0",)}, "no address"),
        ({"min_port": 60_000, "max_port": 50_000}, "none"),
        ({"user_quota": 0}, "no limit"),
        ({"port": 70_000}, "no port"),
    ],
)
def test_what_cannot_be_written_down_is_refused_in_words(
    changes: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        coturn_config(plain(**changes))


def test_a_lan_and_an_sfu_can_be_allowed() -> None:
    written = lines(plain(allow=("192.168.7.0/24", "10.0.0.5", "fd00:7::/64")))
    assert {
        "allowed-peer-ip=192.168.7.0-192.168.7.255",
        "allowed-peer-ip=10.0.0.5",
        "allowed-peer-ip=fd00:7::-fd00:7::ffff:ffff:ffff:ffff",
    } <= set(written)
    assert ip_network("192.168.0.0/16") in denied_networks()
