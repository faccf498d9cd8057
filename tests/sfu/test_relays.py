"""Which TURN servers clients are told of, and with which credentials."""

import base64
import hashlib
import hmac

import pytest

from moim.sfu.config import ConfigError, read_config
from moim.sfu.ports import IceServer
from moim.sfu_server import relays_of
from tests.sfu.fakes import Server

SECRET = "between-the-sfu-and-the-relay"
YAML = f"""
rtc:
  stun_servers: ["stun.example.org:3478"]
  turn_servers:
    - {{host: turn.example.org, port: 443, protocol: tls, secret: {SECRET}, ttl: 600}}
    - {{host: old.example.org, username: all, credential: of-you}}
"""


def told(server: Server, sid: str) -> list[IceServer]:
    return [{"urls": [f"turn:{sid}"], "username": f"{server.clock.wall_s()}", "credential": sid}]


def test_each_joiner_has_a_credential_of_its_own_and_a_fresh_one_when_it_comes_back() -> None:
    server = Server(YAML)
    server.world.relays = lambda sid: told(server, sid)
    ann, bob = server.join("ann"), server.join("bob")
    for client in (ann, bob):
        (join,) = client.signals.of("join")
        stun, fixed, own = join.ice_servers
        assert list(stun.urls) == ["stun:stun.example.org:3478"]
        assert list(fixed.urls) == ["turn:old.example.org:3478?transport=udp"]
        assert (fixed.username, fixed.credential) == ("all", "of-you")
        assert (list(own.urls), own.credential) == ([f"turn:{client.sid}"], client.sid)
    server.connect(ann)
    ann.session.lost()
    server.pass_s(5)
    signals, _ = server.try_join("ann", query={"reconnect": "1"})
    (reconnect,) = signals.of("reconnect")
    assert reconnect.ice_servers[2].credential == ann.sid
    assert reconnect.ice_servers[2].username != ann.signals.of("join")[0].ice_servers[2].username


def test_without_a_configured_server_there_is_none() -> None:
    (join,) = Server().join().signals.of("join")
    assert not join.ice_servers


def test_a_shared_secret_signs_for_one_participant_and_is_never_told() -> None:
    config, passed_over = read_config(YAML, {}, dev=True)
    assert not passed_over
    (server,) = relays_of(config)("PA_ann")
    assert server["urls"] == ["turns:turn.example.org:443?transport=tcp"]
    username = server["username"]
    assert username.endswith(":PA_ann")
    signature = hmac.new(SECRET.encode(), username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server["credential"]) == signature
    (join,) = Server(YAML).join().signals.of("join")
    assert SECRET not in str(join)


@pytest.mark.parametrize("spoiled", ["protocol: sctp", "ttl: 1", "port: 0x"])
def test_a_turn_server_that_cannot_be_is_named(spoiled: str) -> None:
    with pytest.raises(ConfigError, match="turn_servers"):
        read_config(f"rtc: {{turn_servers: [{{host: a, {spoiled}}}]}}", {}, dev=True)
