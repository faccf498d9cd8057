"""Two peer connections: what a client that joins over `/rtc` sends and is sent."""

import json

import pytest
from livekit.protocol.models import (
    DisconnectReason,
    ParticipantInfo,
    TrackSource,
    TrackType,
    VideoQuality,
)
from livekit.protocol.rtc import (
    AddTrackRequest,
    LeaveRequest,
    MuteTrackRequest,
    RequestResponse,
    SessionDescription,
    SignalTarget,
    SimulcastCodec,
    TrickleRequest,
    UpdateParticipantMetadata,
    UpdateSubscription,
    UpdateTrackSettings,
)

from moim.sfu import events, sdp
from tests.sfu.fakes import Client, Server, media_lines, offer

CAMERA = AddTrackRequest(
    cid="cam",
    name="camera",
    type=TrackType.VIDEO,
    source=TrackSource.CAMERA,
    width=1280,
    height=720,
)
MICROPHONE = AddTrackRequest(cid="mic", type=TrackType.AUDIO, source=TrackSource.MICROPHONE)


def described(text: str, number: int = 1) -> SessionDescription:
    return SessionDescription(type="offer", sdp=text, id=number)


def publish(server: Server, client: Client, *, rids: tuple[str, ...] = ()) -> str:
    """Publish a camera; gives its sid."""
    client.ask(add_track=CAMERA)
    client.ask(offer=described(offer(media_lines("video", "1", "sendonly", cid="cam", rids=rids))))
    server.flush()
    sid: str = client.signals.of("track_published")[-1].track.sid
    return sid


def answer_offers(server: Server, client: Client) -> SessionDescription:
    """Answer the last offer of the server, after what it gathers."""
    server.pass_s(1)
    last: SessionDescription = client.signals.of("offer")[-1]
    client.ask(answer=SessionDescription(type="answer", sdp="v=0", id=last.id))
    server.flush()
    return last


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def pair(server: Server) -> tuple[Client, Client]:
    """Ann and bob, connected."""
    ann, bob = server.join("ann"), server.join("bob")
    for client in (ann, bob):
        answer_offers(server, client)
        server.connect(client)
    for client in (ann, bob):
        client.signals.forget()
    return ann, bob


def test_the_first_message_is_join_and_the_second_connection_is_offered(server: Server) -> None:
    ann = server.join("ann", name="Ann", metadata="m", attributes={"a": "b"})
    assert ann.signals.cases() == ["join", "update", "refresh_token", "offer"]
    join = ann.signals.of("join")[0]
    assert (join.room.name, join.participant.identity, join.participant.name) == (
        "room",
        "ann",
        "Ann",
    )
    assert join.room.sid.startswith("RM_")
    assert join.participant.sid.startswith("PA_")
    assert join.subscriber_primary
    assert (join.ping_interval, join.ping_timeout) == (5, 15)
    assert join.server_info.version
    assert join.fast_publish
    assert [codec.mime for codec in join.enabled_publish_codecs] == [
        "video/vp8",
        "video/h264",
        "video/vp9",
        "video/av1",
        "audio/opus",
    ]
    assert not join.ice_servers
    assert ann.signals.of("offer")[0].id == 1
    assert server.engine.options("open_participant")[0]["identity"] == "ann"


def test_a_later_one_sees_who_is_there_and_is_seen(server: Server) -> None:
    ann = server.join("ann")
    bob = server.join("bob")
    others = bob.signals.of("join")[0].other_participants
    assert [other.identity for other in others] == ["ann"]
    assert [one.identity for one in ann.signals.of("update")[-1].participants] == ["bob"]
    server.connect(bob)
    update = ann.signals.of("update")[-1].participants[0]
    assert update.state == ParticipantInfo.ACTIVE
    assert server.hooks.names() == ["room_started", "participant_joined"]


def test_a_refreshed_token_leaves_nothing_to_be_guessed(server: Server) -> None:
    ann = server.join("ann", grant={"can_publish": False})
    claims = server.keys.verify(ann.signals.of("refresh_token")[0])
    assert claims.video is not None
    assert claims.video.can_publish is False
    assert claims.video.can_subscribe is True
    assert claims.video.can_publish_data is False
    answer_offers(server, ann)
    server.connect(ann)
    ann.signals.forget()
    server.pass_s(301)
    renewed = server.keys.verify(ann.signals.of("refresh_token")[0])
    assert renewed.expires_s >= server.clock.wall_s() + 598


def test_a_published_track_is_announced_answered_and_offered(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    sid = publish(server, ann, rids=("q", "h", "f"))
    assert sid.startswith("TR_VC")
    cases = ann.signals.cases()
    assert cases[:3] == ["track_published", "answer", "update"]
    answer = sdp.parse(ann.signals.of("answer")[0].sdp)
    line = answer.section("1")
    assert line is not None
    assert line.direction == "recvonly"
    assert ann.signals.of("answer")[0].id == 1
    track = bob.signals.of("update")[-1].participants[0].tracks[0]
    assert (track.sid, track.mime_type, track.simulcast, track.name) == (
        sid,
        "video/vp8",
        True,
        "camera",
    )
    last = answer_offers(server, bob)
    assert last.mid_to_track_id == {"1": sid}
    carried = sdp.parse(last.sdp).section("1")
    assert carried is not None
    assert f"a=msid:{ann.sid}|camera {sid}" in carried.lines
    assert carried.direction == "sendonly"
    assert ann.signals.of("track_subscribed")[0].track_sid == sid
    assert bob.signals.cases().index("update") < bob.signals.cases().index("offer")


def test_an_offer_may_come_before_its_track_is_announced(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    ann.ask(offer=described(offer(media_lines("video", "1", "sendonly", cid="cam"))))
    server.flush()
    assert not bob.signals.of("update")
    ann.ask(add_track=CAMERA)
    tracks = bob.signals.of("update")[-1].participants[0].tracks
    assert [track.mid for track in tracks] == ["1"]
    assert server.engine.named("publish")[0][1:] == ("1", "video")


def test_a_track_that_firefox_renames_is_the_oldest_of_its_kind(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    ann.ask(add_track=CAMERA)
    ann.ask(add_track=MICROPHONE)
    lines = (
        media_lines("audio", "1", "sendonly", cid="{other-a}"),
        media_lines("video", "2", "sendonly", cid="{other-v}"),
    )
    ann.ask(offer=described(offer(*lines)))
    server.flush()
    tracks = bob.signals.of("update")[-1].participants[0].tracks
    assert {track.mid: track.type for track in tracks} == {
        "1": TrackType.AUDIO,
        "2": TrackType.VIDEO,
    }


def test_a_line_that_stops_sending_ends_its_track(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    sid = publish(server, ann)
    answer_offers(server, bob)
    ann.ask(offer=described(offer(media_lines("video", "1", "inactive")), 2))
    server.flush()
    assert not bob.signals.of("update")[-1].participants[0].tracks
    assert sid not in bob.session.participant.subscriptions
    assert server.engine.named("unpublish")
    last = answer_offers(server, bob)
    assert not last.mid_to_track_id
    idle = sdp.parse(last.sdp).section("1")
    assert idle is not None
    assert idle.direction == "inactive"
    assert server.hooks.names()[-1] == "track_unpublished"


def test_a_line_may_carry_another_track_later(server: Server, pair: tuple[Client, Client]) -> None:
    ann, bob = pair
    first = publish(server, ann)
    second = AddTrackRequest(cid="screen", type=TrackType.VIDEO, source=TrackSource.SCREEN_SHARE)
    ann.ask(add_track=second)
    ann.ask(offer=described(offer(media_lines("video", "1", "sendonly", cid="screen")), 2))
    server.flush()
    tracks = bob.signals.of("update")[-1].participants[0].tracks
    assert [track.source for track in tracks] == [TrackSource.SCREEN_SHARE]
    assert tracks[0].sid != first


def test_the_wished_codec_leads_the_answer(server: Server, pair: tuple[Client, Client]) -> None:
    ann, bob = pair
    wish = AddTrackRequest()
    wish.CopyFrom(CAMERA)
    wish.simulcast_codecs.append(SimulcastCodec(codec="h264", cid="cam"))
    ann.ask(add_track=wish)
    ann.ask(offer=described(offer(media_lines("video", "1", "sendonly", cid="cam"))))
    server.flush()
    line = sdp.parse(ann.signals.of("answer")[0].sdp).section("1")
    assert line is not None
    assert line.first_codec() == "h264"
    track = bob.signals.of("update")[-1].participants[0].tracks[0]
    assert (track.mime_type, track.codecs[0].mime_type) == ("video/h264", "video/h264")


def test_opus_is_answered_with_dtx_and_stereo_as_announced(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, _ = pair
    wish = AddTrackRequest(cid="mic", type=TrackType.AUDIO, stereo=True)
    ann.ask(add_track=wish)
    ann.ask(offer=described(offer(media_lines("audio", "1", "sendonly", cid="mic"))))
    server.flush()
    text = ann.signals.of("answer")[0].sdp
    assert "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1;stereo=1" in text


@pytest.mark.parametrize(
    ("grant", "request_", "reason"),
    [
        ({"can_publish": False}, CAMERA, RequestResponse.NOT_ALLOWED),
        ({"can_publish_sources": ["microphone"]}, CAMERA, RequestResponse.NOT_ALLOWED),
        ({}, AddTrackRequest(cid="x", type=TrackType.DATA), RequestResponse.UNSUPPORTED_TYPE),
        ({}, AddTrackRequest(cid="x", sid="TR_1"), RequestResponse.UNSUPPORTED_TYPE),
        ({}, AddTrackRequest(), RequestResponse.INVALID_REQUEST),
        ({}, AddTrackRequest(cid="x", name="x" * 257), RequestResponse.INVALID_REQUEST),
    ],
)
def test_a_track_that_may_not_be_published_is_refused_with_the_reason(
    server: Server, grant: dict[str, object], request_: AddTrackRequest, reason: int
) -> None:
    ann = server.join("ann", grant=grant)
    ann.ask(add_track=request_)
    response = ann.signals.of("request_response")[0]
    assert response.reason == reason
    assert response.add_track == request_
    assert not ann.session.participant.tracks


def test_too_many_announcements_are_refused(server: Server) -> None:
    ann = server.join("ann")
    for number in range(21):
        ann.ask(add_track=AddTrackRequest(cid=f"c{number}", type=TrackType.AUDIO))
    assert len(ann.signals.of("track_published")) == 20
    assert ann.signals.of("request_response")[0].reason == RequestResponse.LIMIT_EXCEEDED


def test_the_same_track_twice_is_queued(server: Server) -> None:
    ann = server.join("ann")
    ann.ask(add_track=CAMERA)
    ann.ask(add_track=CAMERA)
    assert ann.signals.of("request_response")[0].reason == RequestResponse.QUEUED


def test_one_offer_is_outstanding_at_a_time(server: Server, pair: tuple[Client, Client]) -> None:
    ann, bob = pair
    publish(server, ann)
    server.pass_s(1)
    assert len(bob.signals.of("offer")) == 1
    ann.ask(add_track=MICROPHONE)
    both = (
        media_lines("video", "1", "sendonly", cid="cam"),
        media_lines("audio", "2", "sendonly", cid="mic"),
    )
    ann.ask(offer=described(offer(*both), 2))
    server.flush()
    server.pass_s(1)
    assert len(bob.signals.of("offer")) == 1
    answer_offers(server, bob)
    assert len(bob.signals.of("offer")) == 2
    assert len(bob.signals.of("offer")[1].mid_to_track_id) == 2


def test_an_answer_to_another_offer_is_passed_over(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    publish(server, ann)
    server.pass_s(1)
    before = len(server.engine.named("accept_answer"))
    bob.ask(answer=SessionDescription(type="answer", sdp="v=0", id=77))
    assert len(server.engine.named("accept_answer")) == before


def test_who_does_not_answer_has_to_start_anew(server: Server, pair: tuple[Client, Client]) -> None:
    ann, bob = pair
    publish(server, ann)
    server.pass_s(16)
    leave = bob.signals.of("leave")[0]
    assert (leave.reason, leave.action) == (
        DisconnectReason.STATE_MISMATCH,
        LeaveRequest.RECONNECT,
    )
    assert bob.signals.closed
    assert ann.signals.of("update")[-1].participants[0].state == ParticipantInfo.DISCONNECTED


@pytest.mark.parametrize("text", ["", "hello", "v=0\r\nm=audio\r\n"])
def test_an_offer_that_is_none_ends_the_seat_and_nobody_elses(
    server: Server, pair: tuple[Client, Client], text: str
) -> None:
    ann, bob = pair
    ann.ask(offer=described(text))
    assert ann.signals.of("leave")[0].action == LeaveRequest.RECONNECT
    assert not bob.signals.closed
    assert not server.engine.named("accept_offer")


def test_an_offer_that_the_engine_refuses_ends_the_seat(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    server.engine.refuses = True
    ann.ask(offer=described(offer(media_lines("video", "1", "sendonly"))))
    server.flush()
    assert ann.signals.of("leave")[0].reason == DisconnectReason.STATE_MISMATCH
    assert not bob.signals.closed


def test_candidates_reach_the_connection_that_they_name(server: Server) -> None:
    ann = server.join("ann")
    for target in (SignalTarget.PUBLISHER, SignalTarget.SUBSCRIBER):
        init = json.dumps({"candidate": f"candidate:{target}", "sdpMid": "0", "sdpMLineIndex": 0})
        ann.ask(trickle=TrickleRequest(candidateInit=init, target=target))
    for broken in ("", "x", "[]", '{"candidate": 1}', '{"candidate": ""}', '{"candidate": null}'):
        ann.ask(trickle=TrickleRequest(candidateInit=broken))
    who = ann.session.participant
    assert who.downlink is not None
    assert server.engine.named("add_ice_candidate") == [
        (who.uplink.peer, "candidate:0"),
        (who.downlink.peer, "candidate:1"),
    ]


def test_a_muted_track_is_muted_for_everybody(server: Server, pair: tuple[Client, Client]) -> None:
    ann, bob = pair
    sid = publish(server, ann)
    before = bob.signals.of("update")[-1].participants[0].version
    ann.ask(mute=MuteTrackRequest(sid=sid, muted=True))
    update = bob.signals.of("update")[-1].participants[0]
    assert update.tracks[0].muted
    assert update.version > before
    bob.ask(mute=MuteTrackRequest(sid=sid, muted=False))
    assert ann.session.participant.tracks[sid].info.muted


def test_subscriptions_follow_wishes(server: Server, pair: tuple[Client, Client]) -> None:
    ann, bob = pair
    sid = publish(server, ann)
    peer = bob.session.participant.primary_peer
    assert server.engine.named("subscribe")[-1][0] == peer
    bob.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=False))
    assert server.engine.named("unsubscribe")[-1][0] == peer
    assert not bob.session.participant.subscriptions
    bob.ask(subscription=UpdateSubscription(track_sids=[sid], subscribe=True))
    assert len(server.engine.named("subscribe")) == 2


def test_who_does_not_subscribe_to_all_gets_what_it_asks_for(server: Server) -> None:
    ann = server.join("ann")
    bob = server.join("bob", query={"auto_subscribe": "0"})
    server.connect(ann)
    server.connect(bob)
    sid = publish(server, ann)
    assert not bob.session.participant.subscriptions
    wish = UpdateSubscription(subscribe=True)
    wish.participant_tracks.add(participant_sid=ann.sid, track_sids=[sid])
    bob.ask(subscription=wish)
    assert list(bob.session.participant.subscriptions) == [sid]


def test_a_track_that_never_comes_is_said_to_be_missing(
    server: Server, pair: tuple[Client, Client]
) -> None:
    _, bob = pair
    bob.ask(subscription=UpdateSubscription(track_sids=["TR_none"], subscribe=True))
    server.pass_s(11)
    assert bob.signals.of("subscription_response")[0].track_sid == "TR_none"


@pytest.mark.parametrize(
    ("settings", "layer", "enabled"),
    [
        (UpdateTrackSettings(quality=VideoQuality.LOW), 0, True),
        (UpdateTrackSettings(quality=VideoQuality.HIGH), 2, True),
        (UpdateTrackSettings(width=300, height=200), 0, True),
        (UpdateTrackSettings(width=640, height=360), 1, True),
        (UpdateTrackSettings(width=5000, quality=VideoQuality.LOW), 2, True),
        (UpdateTrackSettings(disabled=True), 0, False),
    ],
)
def test_the_layer_is_what_the_settings_ask_for(
    server: Server,
    pair: tuple[Client, Client],
    settings: UpdateTrackSettings,
    layer: int,
    enabled: bool,
) -> None:
    ann, bob = pair
    wish = AddTrackRequest()
    wish.CopyFrom(CAMERA)
    for quality, width in enumerate((320, 640, 1280)):
        wish.layers.add(quality=quality, width=width, height=width * 9 // 16)
    ann.ask(add_track=wish)
    ann.ask(offer=described(offer(media_lines("video", "1", "sendonly", cid="cam"))))
    server.flush()
    settings.track_sids.append(next(iter(ann.session.participant.tracks)))
    bob.ask(track_setting=settings)
    options = server.engine.options("set_layer")[-1]
    assert (options["layer"], options["enabled"]) == (layer, enabled)


def test_a_codec_that_the_client_refuses_is_told(
    server: Server, pair: tuple[Client, Client]
) -> None:
    ann, bob = pair
    sid = publish(server, ann)
    server.pass_s(1)
    who = bob.session.participant
    request = server.engine.named("create_offer")[-1][1]
    number = ann.session.participant.tracks[sid].number
    assert number is not None
    server.hub.handle(events.AnswerAccepted(who.primary_peer, request, [number]))
    assert bob.signals.of("subscription_response")[0].track_sid == sid


def test_a_name_and_attributes_change_for_everybody(server: Server) -> None:
    ann = server.join("ann", grant={"can_update_own_metadata": True}, attributes={"a": "1"})
    bob = server.join("bob")
    ann.signals.forget()
    change = UpdateParticipantMetadata(
        name="Ann", metadata="m", attributes={"a": "", "b": "2"}, request_id=7
    )
    ann.ask(update_metadata=change)
    update = bob.signals.of("update")[-1].participants[0]
    assert (update.name, update.metadata, dict(update.attributes)) == ("Ann", "m", {"b": "2"})
    response = ann.signals.of("request_response")[0]
    assert (response.request_id, response.reason) == (7, RequestResponse.OK)
    renewed = server.keys.verify(ann.signals.of("refresh_token")[-1])
    assert (renewed.name, renewed.attributes) == ("Ann", {"b": "2"})


@pytest.mark.parametrize(
    ("grant", "change", "reason"),
    [
        ({}, UpdateParticipantMetadata(name="x"), RequestResponse.NOT_ALLOWED),
        (
            {"can_update_own_metadata": True},
            UpdateParticipantMetadata(name="x" * 300),
            RequestResponse.LIMIT_EXCEEDED,
        ),
        (
            {"can_update_own_metadata": True},
            UpdateParticipantMetadata(metadata="x" * 600_000),
            RequestResponse.LIMIT_EXCEEDED,
        ),
        (
            {"can_update_own_metadata": True},
            UpdateParticipantMetadata(attributes={"a": "x" * 70_000}),
            RequestResponse.LIMIT_EXCEEDED,
        ),
    ],
)
def test_a_change_that_is_refused_changes_nothing(
    server: Server, grant: dict[str, object], change: UpdateParticipantMetadata, reason: int
) -> None:
    ann = server.join("ann", grant=grant)
    before = ann.session.participant.info()
    ann.ask(update_metadata=change)
    assert ann.signals.of("request_response")[0].reason == reason
    assert ann.session.participant.info() == before
