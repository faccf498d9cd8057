"""Who connects anew with livekit-client is told nothing that its page would never hear of."""

import pytest
from livekit.protocol.models import ClientInfo, ParticipantInfo
from livekit.protocol.rtc import LeaveRequest

from moim.sfu.welcome import SETTLE_S
from tests.sfu.fakes import Client, Server
from tests.sfu.test_coming_back import states
from tests.sfu.test_dual import answer_offers, publish
from tests.sfu.test_single import join, publishing, slots


@pytest.fixture
def server() -> Server:
    return Server()


def come_anew(server: Server, identity: str, **about: object) -> Client:
    """With the token that a participant is given for it."""
    before = server.keys.verify(server.join(identity).signals.of("refresh_token")[0])
    return come(server, identity, returning=before.returning, **about)


def come(server: Server, identity: str, **about: object) -> Client:
    client = server.join(identity, **about)
    answer_offers(server, client)
    server.connect(client)
    return client


def test_what_is_there_already_is_in_the_first_answer(server: Server) -> None:
    sid = next(iter(publishing(server).session.participant.tracks))
    token = server.keys.verify(server.join("bob").signals.of("refresh_token")[0])
    assert token.returning
    bob = join(server, "bob", *slots("0"), claims={"returning": True})
    assert sid in bob.session.participant.subscriptions


def test_what_comes_while_it_settles_is_told_and_brought_afterwards(server: Server) -> None:
    bob = come_anew(server, "bob")
    ann = come(server, "ann")
    sid = publish(server, ann)
    assert "ann" not in dict(states(bob))
    assert not bob.session.participant.subscriptions
    server.pass_s(SETTLE_S)
    assert [state for who, state in states(bob) if who == "ann"][-1] == ParticipantInfo.ACTIVE
    assert sid in bob.session.participant.subscriptions


def test_who_comes_and_goes_meanwhile_is_told_in_that_order(server: Server) -> None:
    bob = come_anew(server, "bob")
    ann = come(server, "ann")
    ann.ask(leave=LeaveRequest())
    server.pass_s(SETTLE_S)
    told = [state for who, state in states(bob) if who == "ann"]
    assert told[0] == ParticipantInfo.JOINED
    assert told[-1] == ParticipantInfo.DISCONNECTED


def test_it_is_waited_for_until_it_is_connected(server: Server) -> None:
    bob = server.join("bob", returning=True)
    answer_offers(server, bob)
    ann = come(server, "ann")
    sid = publish(server, ann)
    server.pass_s(2 * SETTLE_S)
    server.connect(bob)
    assert not bob.session.participant.subscriptions
    server.pass_s(SETTLE_S)
    assert sid in bob.session.participant.subscriptions


def test_who_comes_for_the_first_time_is_told_at_once(server: Server) -> None:
    bob = come(server, "bob")
    sid = publish(server, come(server, "ann"))
    assert "ann" in dict(states(bob))
    assert sid in bob.session.participant.subscriptions


def test_a_client_that_loses_nothing_is_told_at_once(server: Server) -> None:
    bob = come_anew(server, "bob", query={"sdk": "python"})
    assert bob.session.participant.client.sdk == ClientInfo.PYTHON
    sid = publish(server, come(server, "ann"))
    assert sid in bob.session.participant.subscriptions


def test_who_goes_while_it_settles_leaves_nothing_behind(server: Server) -> None:
    bob = come_anew(server, "bob")
    bob.ask(leave=LeaveRequest())
    publish(server, come(server, "ann"))
    server.pass_s(2 * SETTLE_S)
    assert "ann" not in dict(states(bob))
