"""What participants are told of each other's voices, connections and wishes."""

import pytest
from livekit.protocol.models import ConnectionQuality, VideoQuality
from livekit.protocol.rtc import (
    SubscriptionPermission,
    UpdateSubscription,
    UpdateTrackSettings,
)

from moim.sfu import events
from tests.sfu.fakes import Client, Server
from tests.sfu.test_dual import answer_offers, publish


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def three(server: Server) -> tuple[Client, Client, Client]:
    """Ann, who publishes, bob, and zoe, who subscribes to nothing."""
    ann, bob = server.join("ann"), server.join("bob")
    zoe = server.join("zoe", query={"auto_subscribe": "0"})
    for client in (ann, bob, zoe):
        answer_offers(server, client)
        server.connect(client)
    publish(server, ann)
    for client in (ann, bob, zoe):
        client.signals.forget()
    return ann, bob, zoe


def speak(server: Server, *levels: tuple[Client, float]) -> None:
    speakers = [(client.session.participant.number, 1, level) for client, level in levels]
    server.hub.handle(events.Speakers(server.room.number, speakers))


def spoken(client: Client) -> list[tuple[str, float, bool]]:
    return [
        (one.sid, one.level, one.active)
        for update in client.signals.of("speakers_changed")
        for one in update.speakers
    ]


def test_a_voice_is_told_to_those_who_hear_it_and_only_when_it_changes(
    server: Server, three: tuple[Client, Client, Client]
) -> None:
    ann, bob, zoe = three
    speak(server, (ann, 0.52))
    speak(server, (ann, 0.49))
    speak(server)
    expected = [(ann.sid, 0.5, True), (ann.sid, 0, False)]
    assert spoken(ann) == expected
    assert spoken(bob) == expected
    assert spoken(zoe) == []


def test_the_softest_voice_is_one_eighth(
    server: Server, three: tuple[Client, Client, Client]
) -> None:
    ann = three[0]
    speak(server, (ann, 0.01))
    assert spoken(ann) == [(ann.sid, 0.125, True)]


def test_who_begins_to_watch_hears_how_somebody_is(
    server: Server, three: tuple[Client, Client, Client]
) -> None:
    ann, _, zoe = three
    speak(server, (ann, 0.5))
    assert not zoe.signals.sent
    (sid,) = ann.session.participant.tracks
    zoe.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=True))
    (told,) = zoe.signals.of("connection_quality")
    assert [(one.participant_sid, one.quality) for one in told.updates] == [
        (ann.sid, ConnectionQuality.EXCELLENT)
    ]
    assert spoken(zoe) == [(ann.sid, 0.5, True)]


@pytest.mark.parametrize(
    ("loss", "rtt_ms", "quality"),
    [
        (0.0, 20.0, ConnectionQuality.EXCELLENT),
        (0.05, 20.0, ConnectionQuality.GOOD),
        (0.0, 400.0, ConnectionQuality.GOOD),
        (0.3, 20.0, ConnectionQuality.POOR),
        (0.0, 900.0, ConnectionQuality.POOR),
        (None, None, ConnectionQuality.EXCELLENT),
    ],
)
def test_a_connection_is_as_good_as_its_loss_and_delay(
    server: Server,
    three: tuple[Client, Client, Client],
    loss: float | None,
    rtt_ms: float | None,
    quality: int,
) -> None:
    ann, bob, zoe = three
    peer = ann.session.participant.uplink.peer
    for _ in range(2):
        server.hub.handle(events.PeerQuality(peer, loss, None, rtt_ms))
    changes = [] if quality == ConnectionQuality.EXCELLENT else [quality]
    for client, expected in ((ann, changes), (bob, changes), (zoe, [])):
        told = [one.updates[0].quality for one in client.signals.of("connection_quality")]
        assert told == expected


def wanted(client: Client) -> list[list[bool]]:
    return [
        [one.enabled for one in update.subscribed_qualities]
        for update in client.signals.of("subscribed_quality_update")
    ]


LOW, MEDIUM, HIGH, NONE = (
    [True, False, False],
    [True, True, False],
    [True, True, True],
    [False, False, False],
)


def test_a_publisher_is_asked_for_more_at_once_and_for_less_later(
    server: Server, three: tuple[Client, Client, Client]
) -> None:
    ann, bob, zoe = three
    sid = next(iter(ann.session.participant.tracks))
    low = UpdateTrackSettings(track_sids=[sid], quality=VideoQuality.LOW)
    bob.ask(track_setting=low)
    assert wanted(ann) == []
    server.pass_s(5.5)
    assert wanted(ann) == [LOW]
    zoe.ask(track_setting=UpdateTrackSettings(track_sids=[sid], quality=VideoQuality.MEDIUM))
    zoe.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=True))
    assert wanted(ann) == [LOW, MEDIUM]
    zoe.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=False))
    bob.ask(track_setting=UpdateTrackSettings(track_sids=[sid], disabled=True))
    server.pass_s(5.5)
    assert wanted(ann) == [LOW, MEDIUM, NONE]
    update = ann.signals.of("subscribed_quality_update")[-1]
    assert update.track_sid == sid
    assert [codec.codec for codec in update.subscribed_codecs] == ["vp8"]


def test_a_flicker_is_no_change(server: Server, three: tuple[Client, Client, Client]) -> None:
    ann, bob, _ = three
    sid = next(iter(ann.session.participant.tracks))
    bob.ask(track_setting=UpdateTrackSettings(track_sids=[sid], quality=VideoQuality.LOW))
    server.pass_s(2)
    bob.ask(track_setting=UpdateTrackSettings(track_sids=[sid], quality=VideoQuality.HIGH))
    server.pass_s(10)
    assert wanted(ann) == []


def test_a_track_that_nobody_sees_is_off_after_a_while(server: Server) -> None:
    ann = server.join("ann")
    server.connect(ann)
    publish(server, ann)
    server.pass_s(9)
    assert wanted(ann) == []
    server.pass_s(2)
    assert wanted(ann) == [NONE]


def test_who_may_see_a_track_is_the_publishers_to_say(
    server: Server, three: tuple[Client, Client, Client]
) -> None:
    ann, bob, zoe = three
    sid = next(iter(ann.session.participant.tracks))
    nobody = SubscriptionPermission(all_participants=False)
    ann.ask(subscription_permission=nobody)
    for client in (bob, zoe):
        update = client.signals.of("subscription_permission_update")[-1]
        assert (update.participant_sid, update.track_sid, update.allowed) == (ann.sid, sid, False)
    assert not bob.session.participant.subscriptions
    zoe.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=True))
    assert not zoe.session.participant.subscriptions
    some = SubscriptionPermission(all_participants=False)
    some.track_permissions.add(participant_identity="bob", track_sids=[sid])
    ann.ask(subscription_permission=some)
    assert list(bob.session.participant.subscriptions) == [sid]
    assert bob.signals.of("subscription_permission_update")[-1].allowed
    assert len(zoe.signals.of("subscription_permission_update")) == 1
    everybody = SubscriptionPermission(all_participants=True)
    ann.ask(subscription_permission=everybody)
    assert list(zoe.session.participant.subscriptions) == [sid]


def test_a_limit_holds_back_what_is_too_much() -> None:
    server = Server("limit: {subscription_limit_video: 1}")
    ann, eve, bob = server.join("ann"), server.join("eve"), server.join("bob")
    for client in (ann, eve, bob):
        answer_offers(server, client)
        server.connect(client)
    first = publish(server, ann)
    second = publish(server, eve)
    assert list(bob.session.participant.subscriptions) == [first]
    server.room.unpublish(ann.session.participant.tracks[first])
    assert list(bob.session.participant.subscriptions) == [second]


def test_a_hidden_subscriber_does_not_wake_a_publisher(server: Server) -> None:
    ann = server.join("ann")
    server.connect(ann)
    eve = server.join("eve", grant={"hidden": True})
    server.connect(eve)
    sid = publish(server, ann)
    assert list(eve.session.participant.subscriptions) == [sid]
    assert not ann.signals.of("track_subscribed")
    bob = server.join("bob")
    server.connect(bob)
    assert [one.track_sid for one in ann.signals.of("track_subscribed")] == [sid]


def test_video_of_the_go_sdk_is_seen_from_its_first_packet_on(server: Server) -> None:
    ann = server.join("ann", query={"sdk": "go"})
    bob = server.join("bob")
    for client in (ann, bob):
        server.connect(client)
    bob.signals.forget()
    publish(server, ann)
    assert not bob.signals.of("update")
    assert server.engine.options("open_peer")[0]["rtx"] is False
    number = next(iter(ann.session.participant.tracks.values())).number
    assert number is not None
    server.hub.handle(events.MediaStarted(number, "video/h264"))
    track = bob.signals.of("update")[-1].participants[0].tracks[0]
    assert (track.mime_type, track.codecs[0].mime_type) == ("video/h264", "video/h264")


def test_events_about_nobody_are_dropped(server: Server) -> None:
    server.join("ann")
    for event in (
        events.Answered(999, 1, "v=0"),
        events.PeerState(999, "connected", ""),
        events.MediaStarted(999, "video/vp8"),
        events.Forwarding(999, 999, 1, False),
        events.Speakers(999, []),
        events.Speakers(server.room.number, [(999, 1, 0.5)]),
        events.PeerQuality(999, 0.1, None, None),
        events.DataReceived(999, True, b"x"),
        events.DataOverflow(999),
        events.StatsReady(999, {}),
        events.RoomFailed(999, ""),
        events.ChannelOpened(999, "_reliable"),
        events.LayersChanged(999, [0]),
    ):
        server.hub.handle(event)
    assert list(server.room.participants) == ["ann"]


def test_a_reader_that_falls_behind_has_to_start_anew(
    server: Server, three: tuple[Client, Client, Client]
) -> None:
    ann, bob, _ = three
    server.hub.handle(events.DataOverflow(bob.session.participant.number))
    assert bob.signals.of("leave")[0].can_reconnect
    assert not ann.signals.closed
