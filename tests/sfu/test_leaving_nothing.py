"""A thousand people come and go: nothing of them stays."""

import gc

from moim.sfu.participant import Participant
from moim.sfu.room import Room
from moim.sfu.tracks import PublishedTrack, Subscription
from tests.sfu.fakes import Server
from tests.sfu.test_dual import answer_offers, publish

KEPT = (Participant, Room, PublishedTrack, Subscription)


def alive() -> int:
    gc.collect()
    return sum(isinstance(one, KEPT) for one in gc.get_objects())


def visit(server: Server, number: int) -> None:
    """Somebody comes, publishes, is seen, and goes in one of the ways to go."""
    room = f"room{number % 10}"
    ann = server.join(f"ann{number}", room=room)
    bob = server.join(f"bob{number}", room=room)
    for client in (ann, bob):
        answer_offers(server, client)
        server.connect(client)
    publish(server, ann)
    ways = (
        lambda: ann.ask(leave={}),
        lambda: server.peer_state(ann.session.participant.primary_peer, "failed"),
        lambda: ann.ask(simulate={"node_failure": True}),
        lambda: ann.ask(simulate={"server_leave": True}),
    )
    ways[number % len(ways)]()
    bob.ask(leave={})
    server.engine.calls.clear()


def test_a_thousand_joins_and_leaves_leave_nothing_in_the_rooms() -> None:
    before = alive()
    server = Server()
    for number in range(500):
        visit(server, number)
    # Until the rooms have ended, and the tests' clock has forgotten its last cancelled timer.
    server.pass_s(400)
    directory = server.world.directory
    assert not server.hub.rooms
    for kept in (directory.rooms, directory.participants, directory.peers, directory.tracks):
        assert not kept
    assert server.clock.waiting == 0
    assert alive() <= before
