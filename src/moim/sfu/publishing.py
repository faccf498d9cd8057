"""AddTrack: what a participant announces before it sends it."""

from typing import TYPE_CHECKING, Final

from livekit.protocol.models import TrackType
from livekit.protocol.rtc import (
    AddTrackRequest,
    RequestResponse,
    SignalResponse,
    TrackPublishedResponse,
)

from moim.sfu import quirks
from moim.sfu.participant import Participant
from moim.sfu.tracks import new_track
from moim.sfu.world import World

if TYPE_CHECKING:
    from moim.sfu.room import Room

MOST_PENDING: Final = 20
MOST_NAME: Final = 256
LARGEST_REQUEST_BYTES: Final = 16 * 1024


def add_track(
    world: World, room: "Room", participant: Participant, request: AddTrackRequest
) -> None:
    """Announce a track, or say why not: the client waits ten seconds for one of the two."""
    reason = _refusal(world, room, participant, request)
    if reason is not None:
        response = RequestResponse(reason=reason, add_track=request)
        participant.send(SignalResponse(request_response=response))
        return
    sid = world.ids.track(request.type, request.source)
    track = new_track(participant, request, sid, world.enabled_codecs)
    track.awaits_media = (
        quirks.announces_codec_late(participant.client)
        and track.kind == "video"
        and not (request.simulcast_codecs and request.simulcast_codecs[0].codec)
    )
    participant.tracks[sid] = track
    published = TrackPublishedResponse(cid=request.cid, track=track.info)
    participant.send(SignalResponse(track_published=published))
    participant.uplink.expect(track)


def _refusal(
    world: World, room: "Room", participant: Participant, request: AddTrackRequest
) -> RequestResponse.Reason | None:
    if not participant.may_publish(request.source):
        return RequestResponse.NOT_ALLOWED
    if request.type == TrackType.DATA or request.sid:
        # A second codec for a track (`sid`) is never asked for, since no update names one.
        return RequestResponse.UNSUPPORTED_TYPE
    most = world.config.limit.num_tracks
    there = sum(len(who.tracks) for who in room.participants.values())
    if participant.uplink.pending >= MOST_PENDING or 0 < most <= there:
        return RequestResponse.LIMIT_EXCEEDED
    if request.ByteSize() > LARGEST_REQUEST_BYTES:
        return RequestResponse.INVALID_REQUEST
    if not request.cid or len(request.cid) > MOST_NAME or len(request.name) > MOST_NAME:
        return RequestResponse.INVALID_REQUEST
    if participant.uplink.knows(request.cid):
        return RequestResponse.QUEUED
    return None
