import base64
import gzip
import json

import pytest
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import (
    AddTrackRequest,
    ConnectionSettings,
    JoinRequest,
    SessionDescription,
    WrappedJoinRequest,
)

from moim.sfu.config import Limits
from moim.sfu.joining import JoinWish, decode_join_request, read_wish
from moim.sfu.refusals import Refusal
from moim.sfu.tokens import Claims, VideoGrant

GRANT = VideoGrant(room_join=True, room="room", can_update_own_metadata=True)
CLAIMS = Claims(identity="ann", video=GRANT, attributes={"a": "token"})


def wish(query: dict[str, str], claims: Claims | None = CLAIMS, **options: bool) -> JoinWish:
    needs = options.get("needs_join_request", False)
    return read_wish(claims, query, Limits(), needs_join_request=needs)


def refused(
    query: dict[str, str], claims: Claims | None = CLAIMS, **options: bool
) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        wish(query, claims, **options)
    return caught.value.reason.status, caught.value.reason.text


def wrapped(request: JoinRequest, *, packed: bool = True, padded: bool = True) -> dict[str, str]:
    content = request.SerializeToString()
    message = WrappedJoinRequest(
        compression=WrappedJoinRequest.GZIP if packed else WrappedJoinRequest.NONE,
        join_request=gzip.compress(content) if packed else content,
    )
    text = base64.urlsafe_b64encode(message.SerializeToString()).decode()
    return {"join_request": text if padded else text.rstrip("=")}


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def test_parameters_say_who_joins_with_what() -> None:
    read = wish(
        {
            "protocol": "16",
            "sdk": "JS",
            "version": "2.1",
            "auto_subscribe": "0",
            "adaptive_stream": "1",
            "disable_ice_lite": "true",
            "capabilities": "CAP_PACKET_TRAILER,CAP_NEW",
            "attributes": b64({"b": "own"}),
        }
    )
    assert (read.room, read.identity, read.single) == ("room", "ann", False)
    assert (read.client.sdk, read.client.protocol, read.client.version) == (
        ClientInfo.JS,
        16,
        "2.1",
    )
    assert list(read.client.capabilities) == [ClientInfo.CAP_PACKET_TRAILER]
    assert (read.auto_subscribe, read.adaptive_stream, read.ice_lite) == (False, True, False)
    assert read.attributes == {"a": "token", "b": "own"}


def test_without_parameters_everything_is_subscribed() -> None:
    read = wish({})
    assert read.auto_subscribe
    assert not read.reconnect
    assert read.client.protocol == 0


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("padded", [True, False])
def test_a_join_request_says_it_all(packed: bool, padded: bool) -> None:
    request = JoinRequest(
        client_info=ClientInfo(sdk=ClientInfo.RUST, protocol=16),
        connection_settings=ConnectionSettings(auto_subscribe=True, disable_ice_lite=True),
        metadata="mine",
        participant_attributes={"a": "own"},
        add_track_requests=[AddTrackRequest(cid="mic")],
        publisher_offer=SessionDescription(type="offer", sdp="v=0"),
        reconnect=True,
        participant_sid="PA_1",
    )
    read = wish(wrapped(request, packed=packed, padded=padded))
    assert read.single
    assert (read.metadata, read.attributes) == ("mine", {"a": "own"})
    assert (read.auto_subscribe, read.ice_lite, read.reconnect) == (True, False, True)
    assert read.offer is not None
    assert read.offer.sdp == "v=0"
    assert [track.cid for track in read.add_tracks] == ["mic"]
    assert read.sid == "PA_1"


def test_a_join_request_that_leaves_it_out_subscribes_to_nothing() -> None:
    read = wish(wrapped(JoinRequest()))
    assert not read.auto_subscribe
    assert read.offer is None


def test_the_new_path_needs_a_join_request() -> None:
    assert refused({}, needs_join_request=True) == (400, "cannot decode join request")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!!!",
        "AAAA",
        base64.urlsafe_b64encode(b"\xff" * 40).decode(),
        base64.urlsafe_b64encode(
            WrappedJoinRequest(
                compression=WrappedJoinRequest.GZIP, join_request=b"not gzip"
            ).SerializeToString()
        ).decode(),
        wrapped(JoinRequest(metadata="x" * (1024 * 1024 + 1)))["join_request"],
        wrapped(JoinRequest(metadata="x" * (1024 * 1024 + 1)), packed=False)["join_request"],
        wrapped(JoinRequest(metadata="x" * 900))["join_request"][:40],
    ],
    # What is compressed holds the time, and a test's name must not change with it.
    ids=["empty", "no base64", "no message", "noise", "no gzip", "bomb", "too long", "cut off"],
)
def test_a_join_request_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        decode_join_request(text)
    assert caught.value.reason.status == 400


def test_what_a_token_does_not_allow_is_refused() -> None:
    denied = (401, "permissions denied")
    may_join = VideoGrant(room_join=True, room="room")
    assert refused({}, None) == denied
    assert refused({}, Claims(identity="ann")) == denied
    assert refused({}, Claims(identity="ann", video=VideoGrant(room="room"))) == denied
    no_metadata = Claims(identity="ann", video=may_join)
    assert refused({"attributes": b64({"a": "b"})}, no_metadata) == denied
    assert refused(wrapped(JoinRequest(metadata="x")), no_metadata) == denied
    silent = Claims(identity="ann", video=may_join.model_copy(update={"can_publish": False}))
    assert refused({"publish": "screen"}, silent) == denied


def test_a_name_that_is_missing_or_too_long_is_refused() -> None:
    assert refused({}, Claims(video=GRANT))[0] == 400
    assert refused({}, Claims(identity="ann", video=VideoGrant(room_join=True)))[0] == 400
    assert refused({}, Claims(identity="x" * 257, video=GRANT))[0] == 400
    assert refused({}, Claims(identity="ann", name="x" * 257, video=GRANT))[0] == 400
    long_room = GRANT.model_copy(update={"room": "x" * 257})
    assert refused({}, Claims(identity="ann", video=long_room))[0] == 400
    assert refused({}, Claims(identity="ann", metadata="x" * 600_000, video=GRANT))[0] == 400
    many = {str(number): "x" * 100 for number in range(1000)}
    assert refused({}, Claims(identity="ann", attributes=many, video=GRANT))[0] == 400


@pytest.mark.parametrize("text", ["!", b64([1]), b64({"a": 1}), b64("x")])
def test_attributes_that_are_none_are_refused(text: str) -> None:
    assert refused({"attributes": text}) == (400, "cannot decode attributes")


def test_a_second_publisher_has_an_identity_of_its_own() -> None:
    read = wish({"publish": "screen"})
    assert read.identity == "ann#screen"
    assert read.grant.can_subscribe is False


@pytest.mark.parametrize("text", ["", "x", "99", "-1", "٣"])
def test_an_unknown_reason_to_reconnect_is_none(text: str) -> None:
    assert wish({"reconnect": "1", "reconnect_reason": text}).reconnect_reason == 0
