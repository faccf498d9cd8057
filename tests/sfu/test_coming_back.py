"""Leaving, being sent away, and coming back to the same seat."""

from typing import Any

import pytest
from livekit.protocol.models import ConnectionQuality, DisconnectReason, ParticipantInfo, TrackInfo
from livekit.protocol.rtc import (
    LeaveRequest,
    SimulateScenario,
    SyncState,
    TrackPublishedResponse,
)

from moim.sfu import events
from moim.sfu.refusals import ROOM_NOT_FOUND, Refusal
from tests.sfu.fakes import Client, FakeSignals, Server
from tests.sfu.test_dual import answer_offers, publish

LOST, EXCELLENT = ConnectionQuality.LOST, ConnectionQuality.EXCELLENT


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def pair(server: Server) -> tuple[Client, Client]:
    ann, bob = server.join("ann"), server.join("bob")
    for client in (ann, bob):
        answer_offers(server, client)
        server.connect(client)
    return ann, bob


def come_back(server: Server, identity: str = "ann", **options: Any) -> FakeSignals:
    signals, _ = server.try_join(identity, query={"reconnect": "1", **options})
    server.flush()
    return signals


def states(client: Client) -> list[tuple[str, int]]:
    return [
        (one.identity, one.state)
        for update in client.signals.of("update")
        for one in update.participants
    ]


def test_who_leaves_is_gone_at_once(server: Server, pair: tuple[Client, Client]) -> None:
    ann, bob = pair
    sid = publish(server, ann)
    ann.ask(leave=LeaveRequest())
    assert states(bob)[-1] == ("ann", ParticipantInfo.DISCONNECTED)
    assert ann.signals.closed
    assert sid not in bob.session.participant.subscriptions
    assert server.engine.named("close_participant") == [(ann.session.participant.number,)]
    assert server.hooks.names()[-2:] == ["track_unpublished", "participant_left"]


def test_a_connection_that_breaks_keeps_the_seat(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    bob.signals.forget()
    ann.session.lost()
    server.pass_s(30)
    assert not bob.signals.of("update")
    assert "ann" in server.room.participants


def test_who_never_connected_has_no_seat_to_keep(server: Server) -> None:
    ann = server.join("ann")
    ann.session.lost()
    assert not server.room.participants
    assert server.hooks.names()[-1] == "participant_connection_aborted"


def test_who_does_not_connect_within_a_minute_is_sent_away(server: Server) -> None:
    ann = server.join("ann")
    answer_offers(server, ann)
    server.pass_s(61)
    assert ann.signals.of("leave")[0].reason == DisconnectReason.JOIN_FAILURE
    assert not server.room.participants


def test_a_seat_comes_back_with_everything_it_had(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    sid = publish(server, bob)
    answer_offers(server, ann)
    subscribed = len(server.engine.named("subscribe"))
    ann.session.lost()
    bob.signals.forget()
    server.engine.sequences[ann.session.participant.number] = 41
    signals = come_back(server)
    assert signals.of("reconnect")[0].last_message_seq == 41
    assert signals.cases() == ["reconnect", "update", "room_update", "refresh_token", "offer"]
    everybody = signals.of("update")[0].participants
    assert {one.identity for one in everybody} == {"ann", "bob"}
    assert server.engine.options("create_offer")[-1] == {"ice_restart": True}
    assert signals.of("offer")[0].mid_to_track_id == {"1": sid}
    assert len(server.engine.named("subscribe")) == subscribed
    assert not bob.signals.sent


def test_the_new_connection_wins_while_the_old_one_is_open(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, _ = pair
    come_back(server)
    assert ann.signals.closed
    ann.session.lost()
    assert server.room.participants["ann"].signals is not None
    ann.ask(leave=LeaveRequest())
    assert "ann" in server.room.participants


def test_an_offer_whose_answer_was_lost_is_said_again(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    publish(server, bob)
    server.pass_s(1)
    ann.session.lost()
    signals = come_back(server)
    assert [one.id for one in signals.of("offer")] == [2]
    assert not server.engine.options("create_offer")[-1]["ice_restart"]
    session = server.room.participants["ann"]
    session.downlink.answer(signals.of("offer")[0])
    server.flush()
    assert [one.id for one in signals.of("offer")] == [2, 3]
    assert server.engine.options("create_offer")[-1]["ice_restart"]


@pytest.mark.parametrize("options", [{"identity": "eve"}, {"sid": "PA_other"}])
def test_who_has_no_seat_is_told_to_join_anew(
    server: Server, pair: tuple[Client, Client], options: dict[str, str]
) -> None:
    signals = come_back(server, **options)
    assert signals.cases() == ["leave"]
    leave = signals.of("leave")[0]
    assert (leave.reason, leave.action) == (
        DisconnectReason.STATE_MISMATCH,
        LeaveRequest.RECONNECT,
    )
    assert leave.can_reconnect
    assert signals.closed
    assert set(server.room.participants) == {"ann", "bob"}


def test_the_same_identity_again_sends_the_former_away(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    bob.signals.forget()
    again = server.join("ann")
    leave = ann.signals.of("leave")[0]
    assert (leave.reason, leave.action) == (
        DisconnectReason.DUPLICATE_IDENTITY,
        LeaveRequest.DISCONNECT,
    )
    assert ann.signals.closed
    assert states(bob) == [("ann", ParticipantInfo.JOINED)]
    assert again.sid != ann.sid


def test_a_failed_connection_is_to_be_made_anew(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    server.peer_state(ann.session.participant.primary_peer, "failed")
    leave = ann.signals.of("leave")[0]
    assert (leave.reason, leave.action) == (
        DisconnectReason.CONNECTION_TIMEOUT,
        LeaveRequest.RECONNECT,
    )
    assert states(bob)[-1] == ("ann", ParticipantInfo.DISCONNECTED)


def test_an_interrupted_connection_has_twenty_seconds_to_come_back(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    for client in pair:
        peer = client.session.participant.primary_peer
        server.peer_state(peer, "disconnected")
        assert client.signals.of("connection_quality")[-1].updates[0].quality == LOST
    server.pass_s(10)
    server.peer_state(bob.session.participant.primary_peer, "connected")
    assert bob.signals.of("connection_quality")[-1].updates[0].quality == EXCELLENT
    server.pass_s(11)
    assert ann.signals.of("leave")[0].reason == DisconnectReason.CONNECTION_TIMEOUT
    assert not bob.signals.closed
    assert list(server.room.participants) == ["bob"]


def test_tracks_that_we_do_not_know_need_a_new_start(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, _ = pair
    sid = publish(server, ann)
    known = TrackPublishedResponse(track=TrackInfo(sid=sid))
    ann.ask(sync_state=SyncState(publish_tracks=[known]))
    assert not ann.signals.closed
    unknown = TrackPublishedResponse(track=TrackInfo(sid="TR_none"))
    ann.ask(sync_state=SyncState(publish_tracks=[known, unknown]))
    assert ann.signals.of("leave")[0].action == LeaveRequest.RECONNECT


def test_an_empty_room_ends_after_its_time(server: Server) -> None:
    ann = server.join("ann")
    ann.ask(leave=LeaveRequest())
    server.pass_s(19)
    assert "room" in server.hub.rooms
    server.pass_s(2)
    assert "room" not in server.hub.rooms
    assert server.hooks.names()[-1] == "room_finished"
    assert server.engine.named("close_room")
    assert not server.world.directory.rooms
    assert not server.world.directory.peers
    assert not server.world.directory.participants
    assert server.clock.waiting == 0


def test_a_room_stays_while_somebody_is_there_and_not_for_an_agent(server: Server) -> None:
    ann = server.join("ann")
    answer_offers(server, ann)
    server.connect(ann)
    agent = server.join("helper", kind="agent")
    answer_offers(server, agent)
    server.connect(agent)
    server.pass_s(400)
    assert "room" in server.hub.rooms
    ann.ask(leave=LeaveRequest())
    server.pass_s(21)
    assert agent.signals.of("leave")[0].reason == DisconnectReason.ROOM_CLOSED
    assert "room" not in server.hub.rooms


def test_a_full_room_says_so_in_its_first_message() -> None:
    server = Server("room: {max_participants: 1}")
    server.join("ann")
    signals, session = server.try_join("bob")
    assert session is None
    assert signals.cases() == ["leave"]
    assert signals.of("leave")[0].reason == DisconnectReason.JOIN_FAILURE
    helper, _ = server.try_join("ann")
    assert helper.cases()[0] == "join"


def test_a_room_that_is_not_made_by_joining_has_to_be_there() -> None:
    server = Server("room: {auto_create: false}")
    with pytest.raises(Refusal) as caught:
        server.try_join("ann")
    assert caught.value.reason is ROOM_NOT_FOUND
    session = server.try_join("ann", grant={"room_create": True})[1]
    assert session is not None


def test_a_token_configures_the_room_that_it_makes(server: Server) -> None:
    server.join("ann", room_config={"maxParticipants": 3, "metadata": "from the token"})
    info = server.room.info()
    assert (info.max_participants, info.metadata) == (3, "from the token")


def test_a_hidden_one_is_not_seen(server: Server) -> None:
    ann = server.join("ann")
    ann.signals.forget()
    eve = server.join("eve", grant={"hidden": True})
    server.connect(eve)
    assert not ann.signals.sent
    bob = server.join("bob")
    assert [one.identity for one in bob.signals.of("join")[0].other_participants] == ["ann"]
    assert server.engine.options("open_participant")[1]["hidden"]
    eve.ask(leave=LeaveRequest())
    assert all(identity != "eve" for identity, _ in states(ann) + states(bob))


def test_a_recorder_makes_the_room_a_recorded_one(server: Server) -> None:
    server.join("egress", grant={"recorder": True, "hidden": True})
    info = server.room.info()
    assert info.active_recording
    assert info.num_participants == 0


def test_a_server_that_stops_sends_everybody_to_look_again(
    server: Server, pair: tuple[Client, Client]
) -> None:
    server.hub.close()
    for client in pair:
        leave = client.signals.of("leave")[0]
        assert (leave.reason, leave.action) == (
            DisconnectReason.SERVER_SHUTDOWN,
            LeaveRequest.RECONNECT,
        )
        assert client.signals.closed
    with pytest.raises(Refusal):
        server.try_join("eve")


def test_a_room_that_fails_in_the_engine_ends_alone(
    server: Server, pair: tuple[Client, Client]
) -> None:
    other = server.join("zoe", room="other")
    server.hub.handle(events.RoomFailed(server.room.number, "a bug"))
    assert "room" not in server.hub.rooms
    assert pair[0].signals.of("leave")[0].reason == DisconnectReason.MEDIA_FAILURE
    assert not other.signals.closed


@pytest.mark.parametrize(
    ("scenario", "action", "closed"),
    [
        ({"migration": True}, LeaveRequest.RESUME, False),
        ({"server_leave": True}, LeaveRequest.DISCONNECT, True),
        ({"leave_request_full_reconnect": True}, LeaveRequest.RECONNECT, True),
        ({"node_failure": True}, None, True),
    ],
)
def test_scenarios_are_played(
    server: Server,
    pair: tuple[Client, Client],
    scenario: dict[str, Any],
    action: int | None,
    closed: bool,
) -> None:
    ann, _ = pair
    ann.ask(simulate=SimulateScenario(**scenario))
    assert [leave.action for leave in ann.signals.of("leave")] == (
        [] if action is None else [action]
    )
    assert ann.signals.closed is closed


@pytest.mark.parametrize(
    ("scenario", "cases"),
    [
        ("disconnect_signal_on_resume", ["reconnect", "update", "room_update", "refresh_token"]),
        ("disconnect_signal_on_resume_no_messages", []),
    ],
)
def test_a_resume_that_is_to_fail_fails_once(
    server: Server, pair: tuple[Client, Client], scenario: str, cases: list[str]
) -> None:
    ann, _ = pair
    ann.ask(simulate=SimulateScenario(**{scenario: True}))  # type: ignore[arg-type]
    signals, session = server.try_join("ann", query={"reconnect": "1"})
    assert signals.cases() == cases
    assert signals.closed
    if session is not None:
        session.lost()
    server.flush()
    assert come_back(server).cases()[0] == "reconnect"
