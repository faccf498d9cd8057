"""What a client asks for when it connects, read from the query of `/rtc` or `/rtc/v1`.

Two forms: parameters of their own (two peer connections), or one `join_request` with everything,
the first offer included (one peer connection). The form decides, not the path: the Go SDK sends
`join_request` to `/rtc`. Everything is checked here, before the upgrade, since a client tells
a refusal from a broken network only by its status and text.
Source: livekit pkg/service/rtcservice.go and utils.go, livekit_rtc.proto.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError
from livekit.protocol.models import ClientInfo, ReconnectReason
from livekit.protocol.rtc import (
    AddTrackRequest,
    JoinRequest,
    SessionDescription,
    SyncState,
    WrappedJoinRequest,
)

from moim.sfu.config import Limits
from moim.sfu.refusals import (
    BAD_ATTRIBUTES,
    BAD_JOIN_REQUEST,
    DENIED,
    LONG_ATTRIBUTES,
    LONG_IDENTITY,
    LONG_METADATA,
    LONG_NAME,
    LONG_ROOM_NAME,
    NO_IDENTITY,
    NO_ROOM_NAME,
    Refusal,
)
from moim.sfu.tokens import Claims, VideoGrant

LARGEST_JOIN_REQUEST_BYTES: Final = 1024 * 1024
MOST_ADD_TRACKS: Final = 20

_SDKS: Final = {
    "js": ClientInfo.JS,
    "ios": ClientInfo.SWIFT,
    "swift": ClientInfo.SWIFT,
    "android": ClientInfo.ANDROID,
    "flutter": ClientInfo.FLUTTER,
    "go": ClientInfo.GO,
    "unity": ClientInfo.UNITY,
    "reactnative": ClientInfo.REACT_NATIVE,
    "rust": ClientInfo.RUST,
    "python": ClientInfo.PYTHON,
    "cpp": ClientInfo.CPP,
    "unityweb": ClientInfo.UNITY_WEB,
    "node": ClientInfo.NODE,
    "unreal": ClientInfo.UNREAL,
    "esp32": ClientInfo.ESP32,
    "dotnet": ClientInfo.DOTNET,
}
_CAPABILITIES: Final = {
    "CAP_PACKET_TRAILER": ClientInfo.CAP_PACKET_TRAILER,
    "CAP_COMPRESSION_DEFLATE_RAW": ClientInfo.CAP_COMPRESSION_DEFLATE_RAW,
}
_REASONS: Final = (
    ReconnectReason.RR_SIGNAL_DISCONNECTED,
    ReconnectReason.RR_PUBLISHER_FAILED,
    ReconnectReason.RR_SUBSCRIBER_FAILED,
    ReconnectReason.RR_SWITCH_CANDIDATE,
)


@dataclass(frozen=True, slots=True)
class JoinWish:
    """A checked wish to enter a room, or to come back to a seat in it (`reconnect`)."""

    claims: Claims
    grant: VideoGrant
    client: ClientInfo
    single: bool
    subject: str
    """Whose token it is: also where its holder publishes as a part of themselves."""
    auto_subscribe: bool = True
    adaptive_stream: bool = False
    ice_lite: bool = True
    reconnect: bool = False
    reconnect_reason: ReconnectReason = ReconnectReason.RR_UNKNOWN
    sid: str = ""
    offer: SessionDescription | None = None
    add_tracks: tuple[AddTrackRequest, ...] = ()
    sync_state: SyncState | None = None
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def room(self) -> str:
        return self.grant.room

    @property
    def identity(self) -> str:
        return self.claims.identity


def read_wish(
    claims: Claims | None, query: Mapping[str, str], limits: Limits, *, needs_join_request: bool
) -> JoinWish:
    """Read and check a wish to join.

    Raises: Refusal with 401 for what the token does not allow, 400 for what cannot be read.
    """
    if claims is None or claims.video is None or not claims.video.room_join:
        raise Refusal(DENIED)
    if not claims.identity:
        raise Refusal(NO_IDENTITY)
    if not claims.video.room:
        raise Refusal(NO_ROOM_NAME)
    if "join_request" in query or needs_join_request:
        wish = _from_join_request(claims, claims.video, query.get("join_request", ""))
    else:
        wish = _from_parameters(claims, claims.video, query)
    _check_limits(wish, limits)
    return wish


def _from_parameters(claims: Claims, grant: VideoGrant, query: Mapping[str, str]) -> JoinWish:
    subject = claims.identity
    suffix = query.get("publish", "")
    if suffix:
        if grant.can_publish is False:
            raise Refusal(DENIED)
        grant = grant.model_copy(update={"can_subscribe": False})
        claims = claims.model_copy(
            update={"identity": f"{claims.identity}#{suffix}", "video": grant}
        )
    return JoinWish(
        claims=claims,
        grant=grant,
        client=_client(query),
        single=False,
        subject=subject,
        auto_subscribe=_flag(query, "auto_subscribe", absent=True),
        adaptive_stream=_flag(query, "adaptive_stream"),
        ice_lite=not _flag(query, "disable_ice_lite"),
        reconnect=_flag(query, "reconnect"),
        reconnect_reason=_reconnect_reason(query.get("reconnect_reason", "")),
        sid=query.get("sid", ""),
        metadata=claims.metadata,
        attributes={**claims.attributes, **_own_attributes(grant, query.get("attributes", ""))},
    )


def _from_join_request(claims: Claims, grant: VideoGrant, text: str) -> JoinWish:
    request = decode_join_request(text)
    settings = request.connection_settings
    own = dict(request.participant_attributes)
    if (request.metadata or own) and not grant.can_update_own_metadata:
        raise Refusal(DENIED)
    return JoinWish(
        claims=claims,
        grant=grant,
        client=request.client_info,
        single=True,
        subject=claims.identity,
        auto_subscribe=settings.auto_subscribe,
        adaptive_stream=settings.adaptive_stream,
        ice_lite=not settings.disable_ice_lite,
        reconnect=request.reconnect,
        reconnect_reason=request.reconnect_reason,
        sid=request.participant_sid,
        offer=request.publisher_offer if request.HasField("publisher_offer") else None,
        add_tracks=tuple(request.add_track_requests)[:MOST_ADD_TRACKS],
        sync_state=request.sync_state if request.HasField("sync_state") else None,
        metadata=request.metadata or claims.metadata,
        attributes={**claims.attributes, **own},
    )


def decode_join_request(text: str) -> JoinRequest:
    """Read URL-safe Base64 of a WrappedJoinRequest, packed or not; padding may be missing.

    Raises: Refusal BAD_JOIN_REQUEST
    """
    try:
        if not text or len(text) > LARGEST_JOIN_REQUEST_BYTES * 2:
            raise Refusal(BAD_JOIN_REQUEST)
        padded = text + "=" * (-len(text) % 4)
        wrapped = WrappedJoinRequest.FromString(base64.b64decode(padded, b"-_", validate=True))
        content = wrapped.join_request
        if wrapped.compression == WrappedJoinRequest.GZIP:
            content = _inflate(content)
        if len(content) > LARGEST_JOIN_REQUEST_BYTES:
            raise Refusal(BAD_JOIN_REQUEST)
        return JoinRequest.FromString(content)
    except (binascii.Error, DecodeError, zlib.error, ValueError) as error:
        raise Refusal(BAD_JOIN_REQUEST) from error


def _inflate(content: bytes) -> bytes:
    """Inflate no more than is allowed: a few bytes can stand for gigabytes."""
    unpacker = zlib.decompressobj(wbits=31)
    inflated = unpacker.decompress(content, LARGEST_JOIN_REQUEST_BYTES + 1)
    if len(inflated) > LARGEST_JOIN_REQUEST_BYTES or not unpacker.eof:
        raise Refusal(BAD_JOIN_REQUEST)
    return inflated


def _own_attributes(grant: VideoGrant, text: str) -> dict[str, str]:
    if not text:
        return {}
    if not grant.can_update_own_metadata:
        raise Refusal(DENIED)
    try:
        padded = text + "=" * (-len(text) % 4)
        value = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Refusal(BAD_ATTRIBUTES) from error
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise Refusal(BAD_ATTRIBUTES)
    return value


def _client(query: Mapping[str, str]) -> ClientInfo:
    return ClientInfo(
        sdk=_SDKS.get(query.get("sdk", "").lower(), ClientInfo.UNKNOWN),
        version=query.get("version", ""),
        protocol=_number(query.get("protocol", "")),
        os=query.get("os", ""),
        os_version=query.get("os_version", ""),
        device_model=query.get("device_model", ""),
        browser=query.get("browser", ""),
        browser_version=query.get("browser_version", ""),
        network=query.get("network", ""),
        client_protocol=_number(query.get("client_protocol", "")),
        capabilities=[
            capability
            for name, capability in _CAPABILITIES.items()
            if name in query.get("capabilities", "").split(",")
        ],
    )


def _flag(query: Mapping[str, str], name: str, *, absent: bool = False) -> bool:
    value = query.get(name)
    return absent if value is None else value.lower() in ("1", "true", "t")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0


def _reconnect_reason(text: str) -> ReconnectReason:
    number = _number(text)
    return next((reason for reason in _REASONS if reason == number), ReconnectReason.RR_UNKNOWN)


def _check_limits(wish: JoinWish, limits: Limits) -> None:
    over = (
        (len(wish.identity), limits.max_participant_identity_length, LONG_IDENTITY),
        (len(wish.claims.name), limits.max_participant_name_length, LONG_NAME),
        (len(wish.room), limits.max_room_name_length, LONG_ROOM_NAME),
        (len(wish.metadata.encode()), limits.max_metadata_size, LONG_METADATA),
        (attributes_bytes(wish.attributes), limits.max_attributes_size, LONG_ATTRIBUTES),
    )
    for size, most, reason in over:
        if most and size > most:
            raise Refusal(reason)


def attributes_bytes(attributes: Mapping[str, str]) -> int:
    """Give the size of all names and values, which is what LiveKit limits."""
    return sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())
