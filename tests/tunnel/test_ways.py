"""What browsers are told of STUN and TURN while a tunnel comes, changes and goes."""

from moim.media.ice import Ice
from moim.media.turn import TurnAccess
from moim.media.ways import Ways

LIFETIME_S = 3600
OF_THE_SETTINGS = Ice(stun_urls=("own",), stun_port=3000)
OF_THE_TUNNEL = Ways(
    stun=("stun:tunnels.test:3478",),
    turn_urls=("turn:tunnels.test:3478",),
    turn_secret="s" * 32,
)


def test_without_a_tunnel_the_settings_hold() -> None:
    assert Ways().over(OF_THE_SETTINGS, LIFETIME_S) == OF_THE_SETTINGS


def test_a_tunnel_brings_its_servers_and_each_seat_a_credential_of_its_own() -> None:
    ice = OF_THE_TUNNEL.over(OF_THE_SETTINGS, LIFETIME_S)
    assert ice.servers("localhost") == [{"urls": ["stun:tunnels.test:3478"]}]
    seats = [ice.for_seat("localhost", identity, 1_000_000).servers for identity in ("a", "b")]
    named = [server for servers in seats for server in servers if server.credential]
    assert [server.username for server in named] == ["1003600:a", "1003600:b"]


def test_to_ask_nobody_is_not_to_say_nothing() -> None:
    assert Ways(stun=()).over(OF_THE_SETTINGS, LIFETIME_S).servers("localhost") == []


def test_a_turn_server_that_the_settings_name_stays() -> None:
    access = TurnAccess(("turn:turn.example.org:3478",), "t" * 32, LIFETIME_S)
    chosen = Ice(stun_urls=("own",), stun_port=3000, turn=access)
    assert OF_THE_TUNNEL.over(chosen, LIFETIME_S).turn == access
