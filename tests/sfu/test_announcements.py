"""Who is told of whom, and how soon, in small rooms and in crowds."""

import pytest
from livekit.protocol.models import ParticipantInfo, ParticipantPermission

from moim.sfu.announcements import CROWD, TOGETHER_S
from tests.sfu.fakes import Client, Server
from tests.sfu.test_dual import publish


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def crowd(server: Server) -> list[Client]:
    clients = [server.join(f"p{number}") for number in range(CROWD + 2)]
    server.pass_s(1)
    for client in clients:
        client.signals.forget()
    return clients


def told(client: Client) -> list[list[tuple[str, ParticipantInfo.State]]]:
    """Each update's participants: who, and in which state."""
    updates = client.signals.of("update")
    return [[(one.identity, one.state) for one in update.participants] for update in updates]


def test_in_a_small_room_everybody_is_announced_at_once(server: Server) -> None:
    ann = server.join("ann")
    ann.signals.forget()
    server.join("bob")
    assert told(ann) == [[("bob", ParticipantInfo.JOINED)]]


def test_in_a_crowd_those_who_only_watch_are_announced_together(
    server: Server, crowd: list[Client]
) -> None:
    new = [server.join("late"), server.join("later")]
    server.connect(new[0])
    assert [who for update in told(new[0]) for who in update] == [
        ("late", ParticipantInfo.JOINED),
        ("late", ParticipantInfo.ACTIVE),
    ], "itself at once"
    assert told(crowd[0]) == []
    server.pass_s(TOGETHER_S)
    assert told(crowd[0]) == [[("later", ParticipantInfo.JOINED), ("late", ParticipantInfo.ACTIVE)]]
    server.pass_s(1)
    assert len(told(crowd[0])) == 1


def test_in_a_crowd_a_publisher_is_announced_at_once_and_stays_so(
    server: Server, crowd: list[Client]
) -> None:
    ann = server.join("ann")
    server.connect(ann)
    sid = publish(server, ann)
    assert told(crowd[0]) == [[("ann", ParticipantInfo.ACTIVE)]]
    server.room.unpublish(server.room.track(sid))
    assert len(told(crowd[0])) == 2
    server.room.remove(ann.session.participant, 1)
    assert told(crowd[0])[-1] == [("ann", ParticipantInfo.DISCONNECTED)]


def test_of_somebody_who_came_back_at_once_only_the_new_seat_is_told(
    server: Server, crowd: list[Client]
) -> None:
    server.room.remove(crowd[1].session.participant, 1)
    server.join("p1")
    server.pass_s(TOGETHER_S)
    assert told(crowd[0]) == [[("p1", ParticipantInfo.JOINED)]]


def test_somebody_who_hides_before_the_crowd_was_told_is_only_told_as_gone(
    server: Server, crowd: list[Client]
) -> None:
    ann = server.join("ann")
    server.room.set_permission(ann.session.participant, ParticipantPermission(hidden=True))
    server.pass_s(TOGETHER_S)
    assert told(crowd[0]) == [[("ann", ParticipantInfo.DISCONNECTED)]]


def test_a_room_that_ends_leaves_no_announcement_behind(
    server: Server, crowd: list[Client]
) -> None:
    server.join("ann")
    server.room.close(1)
    crowd[0].signals.forget()
    server.pass_s(1)
    assert told(crowd[0]) == []
