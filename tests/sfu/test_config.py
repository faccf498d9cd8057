from ipaddress import IPv4Address

import pytest

from moim.sfu.config import ConfigError, SfuConfig, read_config


def config(text: str = "", **environ: str) -> SfuConfig:
    return read_config(text, environ)[0]


def test_development_needs_nothing() -> None:
    read, passed_over = read_config("", {}, dev=True)
    assert read.keys == {"devkey": "secret"}
    assert read.bind_addresses == ("127.0.0.1",)
    assert (read.port, read.rtc.udp_port) == (7880, 7882)
    assert not passed_over


def test_a_file_of_livekits_is_taken_and_what_we_do_not_have_is_named() -> None:
    text = """
port: 7000
bind_addresses: [""]
log_level: info
redis: {address: "localhost:6379"}
rtc:
  udp_port: 7001
  tcp_port: 7002
  use_external_ip: true
  node_ip: 192.0.2.7
  turn_servers:
    - {host: turn.example.org, port: 443, protocol: tls, username: u, credential: c}
keys: {key1: secret1, 42: 43}
room:
  empty_timeout: 10
  enabled_codecs: [{mime: audio/opus}, {mime: video/VP8}]
webhook: {api_key: key1, urls: ["http://localhost/hook"]}
limit: {max_metadata_size: 1000}
"""
    read, passed_over = read_config(text, {})
    assert (read.port, read.rtc.udp_port, read.rtc.tcp_port) == (7000, 7001, 7002)
    assert read.rtc.node_ip == (IPv4Address("192.0.2.7"),)
    assert read.bind_addresses == ("0.0.0.0",)
    assert read.keys == {"key1": "secret1", "42": "43"}
    assert read.room.empty_timeout == 10
    assert read.room.departure_timeout == 20
    assert [codec.mime for codec in read.room.enabled_codecs] == ["audio/opus", "video/VP8"]
    assert read.rtc.turn_servers[0].host == "turn.example.org"
    assert read.webhook.urls == ("http://localhost/hook",)
    assert read.limit.max_metadata_size == 1000
    assert passed_over == ["log_level", "redis", "rtc.use_external_ip"]


def test_the_environment_has_keys_or_all_of_it() -> None:
    assert config(LIVEKIT_KEYS="key1: secret1\nkey2: secret2").keys == {
        "key1": "secret1",
        "key2": "secret2",
    }
    read = config(LIVEKIT_CONFIG="keys: {a: b}\nport: 9", NODE_IP="192.0.2.1", UDP_PORT="5")
    assert (read.port, read.rtc.udp_port) == (9, 5)
    assert read.rtc.node_ip == (IPv4Address("192.0.2.1"),)


def test_keys_of_ones_own_stay_in_development() -> None:
    assert read_config("keys: {a: b}", {}, dev=True)[0].keys == {"a": "b"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "LIVEKIT_KEYS"),
        ("keys: {a: b}\nport: seven", "port"),
        ("keys: {a: b}\nport: 70000", "port"),
        ("keys: {a: b}\nroom: {empty_timeout: -1}", "room.empty_timeout"),
        ("keys: {a: b}\nrtc: {node_ip: here}", "rtc.node_ip"),
        ("keys: {a: b}\nrtc: {turn_servers: [{}]}", "rtc.turn_servers.0.host"),
        ("keys: [a]", "keys"),
        ("[1, 2]", "name: value"),
        ("keys: {", "line 1"),
        ("keys: {a: b}\nwebhook: {urls: [x], api_key: c}", "webhook.api_key"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        config(text)
