"""One peer connection: what a client that joins with a join_request sends and is sent."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from livekit.protocol.models import ClientInfo, SubscriptionError, TrackSource, TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    JoinRequest,
    SessionDescription,
    UpdateSubscription,
    WrappedJoinRequest,
)

from moim.sfu import sdp
from tests.sfu.fakes import Client, Server, media_lines, offer


def join(
    server: Server,
    identity: str,
    *sections: list[str],
    claims: Mapping[str, Any] | None = None,
    **request: Any,
) -> Client:
    """Join as livekit-client does, with a first offer when there are sections."""
    request.setdefault("client_info", ClientInfo(sdk=ClientInfo.JS, protocol=16))
    settings = ConnectionSettings(auto_subscribe=True)
    message = JoinRequest(connection_settings=settings, **request)
    if sections:
        message.publisher_offer.CopyFrom(described(1, *sections))
    wrapped = WrappedJoinRequest(join_request=message.SerializeToString())
    text = base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()
    return server.join(identity, query={"join_request": text}, **(claims or {}))


def described(number: int, *sections: list[str]) -> SessionDescription:
    return SessionDescription(type="offer", sdp=offer(*sections), id=number)


def publishing(server: Server, number: int = 1) -> Client:
    """Join and publish `number` cameras."""
    tracks = [
        AddTrackRequest(cid=f"cam{n}", type=TrackType.VIDEO, source=TrackSource.CAMERA)
        for n in range(number)
    ]
    lines = [media_lines("video", f"p{n}", "sendonly", cid=f"cam{n}") for n in range(number)]
    client = join(server, "ann", *lines, add_track_requests=tracks)
    server.connect(client)
    return client


def slots(*mids: str) -> list[list[str]]:
    return [media_lines("video", mid, "recvonly") for mid in mids]


def lines_of(description: SessionDescription) -> dict[str, sdp.Section]:
    return {line.mid: line for line in sdp.parse(description.sdp).media}


@pytest.fixture
def server() -> Server:
    return Server()


def test_the_first_offer_is_answered_after_join_and_announced_tracks(server: Server) -> None:
    ann = publishing(server)
    assert ann.signals.cases()[:5] == [
        "join",
        "update",
        "refresh_token",
        "track_published",
        "answer",
    ]
    assert not ann.signals.of("join")[0].subscriber_primary
    assert lines_of(ann.signals.of("answer")[0])["p0"].direction == "recvonly"
    assert not ann.signals.of("offer")
    assert [mode for _, mode in server.engine.named("open_peer")] == ["single"]


def test_empty_slots_are_answered_inactive_and_filled_at_the_next_offer(server: Server) -> None:
    bob = join(server, "bob", *slots("0", "1", "2"))
    server.connect(bob)
    first = lines_of(bob.signals.of("answer")[0])
    assert {line.direction for line in first.values()} == {"inactive"}
    ann = publishing(server)
    server.pass_s(1)
    requirement = bob.signals.of("media_sections_requirement")[0]
    assert (requirement.num_audios, requirement.num_videos) == (0, 0)
    bob.ask(offer=described(2, *slots("0", "1", "2")))
    server.flush()
    answer = bob.signals.of("answer")[1]
    sid = next(iter(ann.session.participant.tracks))
    assert answer.mid_to_track_id == {"0": sid}
    line = lines_of(answer)["0"]
    assert line.direction == "sendonly"
    assert f"a=msid:{ann.sid}|camera {sid}" in line.lines
    assert lines_of(answer)["1"].direction == "inactive"
    # The engine knows the slot before it answers the offer: its SSRC is in that answer.
    called = [name for name, *_ in server.engine.calls]
    assert called.index("subscribe") < len(called) - 1 - called[::-1].index("accept_offer")


def test_firefox_finds_a_track_by_the_name_of_its_stream(server: Server) -> None:
    firefox = ClientInfo(sdk=ClientInfo.JS, browser="Firefox", protocol=16)
    bob = join(server, "bob", *slots("0"), client_info=firefox)
    server.connect(bob)
    ann = publishing(server)
    server.pass_s(1)
    bob.ask(offer=described(2, *slots("0")))
    server.flush()
    sid = next(iter(ann.session.participant.tracks))
    assert f"a=msid:{ann.sid}|{sid} {sid}" in lines_of(bob.signals.of("answer")[1])["0"].lines


def test_what_is_there_already_is_in_the_first_answer(server: Server) -> None:
    ann = publishing(server)
    bob = join(server, "bob", *slots("0", "1"))
    sid = next(iter(ann.session.participant.tracks))
    assert bob.signals.of("answer")[0].mid_to_track_id == {"0": sid}
    assert bob.signals.cases().index("join") < bob.signals.cases().index("answer")
    server.connect(bob)
    server.pass_s(1)
    assert not bob.signals.of("media_sections_requirement")


def test_only_what_is_missing_is_asked_for_and_only_once(server: Server) -> None:
    bob = join(server, "bob", *slots("0"))
    server.connect(bob)
    publishing(server, 3)
    server.pass_s(1)
    asked = [one.num_videos for one in bob.signals.of("media_sections_requirement")]
    assert asked == [2]
    bob.ask(offer=described(2, *slots("0", "1", "2")))
    server.flush()
    server.pass_s(1)
    assert len(bob.signals.of("answer")[1].mid_to_track_id) == 3
    assert len(bob.signals.of("media_sections_requirement")) == 1


def test_a_slot_rests_for_one_answer_before_it_carries_another_track(server: Server) -> None:
    bob = join(server, "bob", *slots("0"))
    server.connect(bob)
    ann = publishing(server, 2)
    server.pass_s(1)
    bob.ask(offer=described(2, *slots("0")))
    server.flush()
    first = bob.signals.of("answer")[1].mid_to_track_id["0"]
    bob.ask(subscription=UpdateSubscription(track_sids=[first], subscribe=False))
    assert server.engine.named("unsubscribe")
    server.pass_s(1)
    bob.ask(offer=described(3, *slots("0")))
    server.flush()
    assert lines_of(bob.signals.of("answer")[2])["0"].direction == "inactive"
    server.pass_s(1)
    bob.ask(offer=described(4, *slots("0")))
    server.flush()
    second = bob.signals.of("answer")[3].mid_to_track_id["0"]
    line = lines_of(bob.signals.of("answer")[3])["0"]
    # Clients know the track of a line that is used again by its stream alone.
    assert f"a=msid:{ann.sid}|{second} {second}" in line.lines
    assert {first, second} == set(ann.session.participant.tracks)


def test_a_track_that_ends_before_its_slot_is_answered_leaves_it_idle(server: Server) -> None:
    bob = join(server, "bob", *slots("0"))
    server.connect(bob)
    ann = publishing(server)
    server.pass_s(1)
    bob.ask(offer=described(2, *slots("0")))
    server.hub.rooms["room"].unpublish(next(iter(ann.session.participant.tracks.values())))
    server.flush()
    answer = bob.signals.of("answer")[1]
    assert not answer.mid_to_track_id
    assert lines_of(answer)["0"].direction == "inactive"


def test_a_slot_that_the_client_takes_away_gives_its_track_to_another(server: Server) -> None:
    bob = join(server, "bob", *slots("0"))
    server.connect(bob)
    ann = publishing(server)
    server.pass_s(1)
    bob.ask(offer=described(2, *slots("0")))
    server.flush()
    stopped = media_lines("video", "0", "inactive")
    bob.ask(offer=described(3, stopped, *slots("1")))
    server.flush()
    assert bob.signals.of("answer")[2].mid_to_track_id == {
        "1": next(iter(ann.session.participant.tracks))
    }


def test_a_codec_that_no_slot_has_is_refused(server: Server) -> None:
    bob = join(server, "bob", *slots("0"))
    server.connect(bob)
    ann = publishing(server)
    server.pass_s(1)
    without_vp8 = [line.replace("VP8", "H265").replace("H264", "H265") for line in slots("0")[0]]
    bob.ask(offer=described(2, without_vp8))
    server.flush()
    response = bob.signals.of("subscription_response")[0]
    assert response.err == SubscriptionError.SE_CODEC_UNSUPPORTED
    assert response.track_sid in ann.session.participant.tracks


def test_a_sendrecv_line_of_pion_is_answered_recvonly(server: Server) -> None:
    track = AddTrackRequest(cid="cam", type=TrackType.VIDEO, source=TrackSource.CAMERA)
    lines = media_lines("video", "0", "sendrecv", cid="cam")
    ann = join(server, "ann", lines, add_track_requests=[track])
    line = lines_of(ann.signals.of("answer")[0])["0"]
    assert line.direction == "recvonly"
    assert not [text for text in line.lines if "msid" in text]


def test_who_sends_no_offer_at_first_is_asked_for_lines_when_there_is_something_to_see(
    server: Server,
) -> None:
    publishing(server)
    bob = join(server, "bob")
    assert not bob.signals.of("answer")
    bob.ask(offer=described(0))
    server.flush()
    assert bob.signals.of("answer")[0].id == 0
    server.connect(bob)
    server.pass_s(1)
    assert bob.signals.of("media_sections_requirement")[0].num_videos == 1
