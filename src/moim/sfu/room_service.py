"""RoomService: what a back end does with rooms and participants. Each method names its grant.

An effect is there when the answer is: who was removed is in no list any more.
Source: livekit pkg/service/roomservice.go, livekit_room.proto.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from google.protobuf.message import Message
from livekit.protocol.models import DataPacket, DisconnectReason, ParticipantInfo, UserPacket
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.room import (
    CreateRoomRequest,
    DeleteRoomRequest,
    DeleteRoomResponse,
    ForwardParticipantRequest,
    ForwardParticipantResponse,
    ListParticipantsRequest,
    ListParticipantsResponse,
    ListRoomsRequest,
    ListRoomsResponse,
    MoveParticipantRequest,
    MoveParticipantResponse,
    MuteRoomTrackRequest,
    MuteRoomTrackResponse,
    PerformRpcRequest,
    PerformRpcResponse,
    RemoveParticipantResponse,
    RoomConfiguration,
    RoomParticipantIdentity,
    SendDataRequest,
    SendDataResponse,
    UpdateParticipantRequest,
    UpdateRoomMetadataRequest,
    UpdateSubscriptionsRequest,
    UpdateSubscriptionsResponse,
)
from livekit.protocol.rtc import UpdateSubscription

from moim.sfu.hub import Hub
from moim.sfu.joining import attributes_bytes
from moim.sfu.nonces import Nonces
from moim.sfu.participant import Participant
from moim.sfu.refusals import (
    BAD_NONCE,
    DENIED,
    LONG_ATTRIBUTES,
    LONG_DATA,
    LONG_METADATA,
    LONG_NAME,
    LONG_ROOM_NAME,
    NO_ROOM_NAME,
    PARTICIPANT_NOT_FOUND,
    REMOTE_UNMUTE_OFF,
    TRACK_NOT_FOUND,
    UNIMPLEMENTED,
    Reason,
    Refusal,
)
from moim.sfu.room import Room, room_settings
from moim.sfu.rpc import LONGEST_PAYLOAD_BYTES, RESPONSE_TIMEOUT, RpcFailed
from moim.sfu.tokens import VideoGrant

LARGEST_DATA_BYTES: Final = 64_000
NONCE_BYTES: Final = 16

Call = Callable[[VideoGrant, Any], Awaitable[Message]]


class RoomService:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._nonces = Nonces(hub.world.clock)
        self.methods: Final[dict[str, tuple[type[Message], Call]]] = {
            "CreateRoom": (CreateRoomRequest, self.create_room),
            "ListRooms": (ListRoomsRequest, self.list_rooms),
            "DeleteRoom": (DeleteRoomRequest, self.delete_room),
            "ListParticipants": (ListParticipantsRequest, self.list_participants),
            "GetParticipant": (RoomParticipantIdentity, self.get_participant),
            "RemoveParticipant": (RoomParticipantIdentity, self.remove_participant),
            "MutePublishedTrack": (MuteRoomTrackRequest, self.mute_published_track),
            "UpdateParticipant": (UpdateParticipantRequest, self.update_participant),
            "UpdateSubscriptions": (UpdateSubscriptionsRequest, self.update_subscriptions),
            "SendData": (SendDataRequest, self.send_data),
            "UpdateRoomMetadata": (UpdateRoomMetadataRequest, self.update_room_metadata),
            "PerformRpc": (PerformRpcRequest, self.perform_rpc),
            "ForwardParticipant": (ForwardParticipantRequest, self.forward_participant),
            "MoveParticipant": (MoveParticipantRequest, self.move_participant),
        }

    # Grant: roomCreate

    async def create_room(self, grant: VideoGrant, request: CreateRoomRequest) -> RoomInfo:
        """Make a room, or give an existing one the settings that are named."""
        _needs(granted=grant.room_create)
        limit = self._hub.world.config.limit
        if not request.name:
            raise Refusal(NO_ROOM_NAME)
        _check(len(request.name), limit.max_room_name_length, LONG_ROOM_NAME)
        _check(len(request.metadata.encode()), limit.max_metadata_size, LONG_METADATA)
        room = self._hub.rooms.get(request.name)
        if room is None:
            configuration = RoomConfiguration(
                empty_timeout=request.empty_timeout,
                departure_timeout=request.departure_timeout,
                max_participants=request.max_participants,
                metadata=request.metadata,
                tags=request.tags,
            )
            return self._hub.create(
                request.name, room_settings(self._hub.world, configuration)
            ).info()
        settings = room.settings
        settings.empty_timeout_s = request.empty_timeout or settings.empty_timeout_s
        settings.departure_timeout_s = request.departure_timeout or settings.departure_timeout_s
        settings.max_participants = request.max_participants or settings.max_participants
        if request.metadata and request.metadata != settings.metadata:
            room.set_metadata(request.metadata)
        return room.info()

    async def delete_room(
        self, grant: VideoGrant, request: DeleteRoomRequest
    ) -> DeleteRoomResponse:
        _needs(granted=grant.room_create)
        self._hub.room(request.room).close(DisconnectReason.ROOM_DELETED)
        return DeleteRoomResponse()

    # Grant: roomList

    async def list_rooms(self, grant: VideoGrant, request: ListRoomsRequest) -> ListRoomsResponse:
        _needs(granted=grant.room_list)
        return ListRoomsResponse(rooms=self._hub.infos(request.names))

    # Grant: roomAdmin of the room that is named

    async def list_participants(
        self, grant: VideoGrant, request: ListParticipantsRequest
    ) -> ListParticipantsResponse:
        """List who is in a room; a room that does not exist has nobody in it."""
        _needs(granted=grant.may_administer(request.room))
        room = self._hub.rooms.get(request.room)
        people = room.participants.values() if room is not None else ()
        return ListParticipantsResponse(participants=[who.info() for who in people])

    async def get_participant(
        self, grant: VideoGrant, request: RoomParticipantIdentity
    ) -> ParticipantInfo:
        return self._participant(grant, request.room, request.identity)[1].info()

    async def remove_participant(
        self, grant: VideoGrant, request: RoomParticipantIdentity
    ) -> RemoveParticipantResponse:
        """Put somebody out. Where it is said from when on their tokens must be, those before it
        are refused, also of who is not here."""
        _needs(granted=grant.may_administer(request.room))
        if request.revoke_token_ts:
            self._hub.revocations.revoke(request.room, request.identity, request.revoke_token_ts)
        room, participant = self._participant(grant, request.room, request.identity)
        room.dismiss(participant, DisconnectReason.PARTICIPANT_REMOVED)
        return RemoveParticipantResponse()

    async def mute_published_track(
        self, grant: VideoGrant, request: MuteRoomTrackRequest
    ) -> MuteRoomTrackResponse:
        """Mute a track. To unmute is the participant's own, unless it is configured otherwise."""
        room, participant = self._participant(grant, request.room, request.identity)
        track = participant.tracks.get(request.track_sid)
        if track is None:
            raise Refusal(TRACK_NOT_FOUND)
        if not request.muted and not self._hub.world.config.room.enable_remote_unmute:
            raise Refusal(REMOTE_UNMUTE_OFF)
        info = room.mute(track, muted=request.muted, tell_publisher=True)
        return MuteRoomTrackResponse(track=info)

    async def update_participant(
        self, grant: VideoGrant, request: UpdateParticipantRequest
    ) -> ParticipantInfo:
        """Change what is named; everything is checked before anything is changed."""
        room, participant = self._participant(grant, request.room, request.identity)
        limit = self._hub.world.config.limit
        together = {**participant.attributes, **request.attributes}
        _check(len(request.metadata.encode()), limit.max_metadata_size, LONG_METADATA)
        _check(len(request.name), limit.max_participant_name_length, LONG_NAME)
        _check(attributes_bytes(together), limit.max_attributes_size, LONG_ATTRIBUTES)
        participant.metadata = request.metadata or participant.metadata
        participant.name = request.name or participant.name
        participant.change_attributes(request.attributes)
        if request.HasField("permission"):
            room.set_permission(participant, request.permission)
        room.about_changed(participant)
        return participant.info()

    async def update_subscriptions(
        self, grant: VideoGrant, request: UpdateSubscriptionsRequest
    ) -> UpdateSubscriptionsResponse:
        room, participant = self._participant(grant, request.room, request.identity)
        wish = UpdateSubscription(
            track_sids=request.track_sids,
            participant_tracks=request.participant_tracks,
            subscribe=request.subscribe,
        )
        room.switchboard.wish(participant, wish)
        return UpdateSubscriptionsResponse()

    async def send_data(self, grant: VideoGrant, request: SendDataRequest) -> SendDataResponse:
        """Send data to all or to some; the same nonce again is the same request, repeated."""
        room = self._room(grant, request.room)
        if len(request.nonce) not in (0, NONCE_BYTES):
            raise Refusal(BAD_NONCE)
        _check(len(request.data), LARGEST_DATA_BYTES, LONG_DATA)
        if request.nonce and not self._nonces.is_new(room.sid, request.nonce):
            return SendDataResponse()
        user = UserPacket(
            payload=request.data,
            destination_sids=request.destination_sids,
            destination_identities=request.destination_identities,
            topic=request.topic if request.HasField("topic") else None,
        )
        packet = DataPacket(
            kind=request.kind, destination_identities=request.destination_identities, user=user
        )
        chosen = {*request.destination_sids, *request.destination_identities}
        to = [
            who.number
            for who in room.participants.values()
            if who.sid in chosen or who.identity in chosen
        ]
        self._hub.world.engine.send_data(
            room.number,
            packet.SerializeToString(),
            reliable=request.kind == DataPacket.RELIABLE,
            to=to if chosen else None,
        )
        return SendDataResponse()

    async def update_room_metadata(
        self, grant: VideoGrant, request: UpdateRoomMetadataRequest
    ) -> RoomInfo:
        room = self._room(grant, request.room)
        limit = self._hub.world.config.limit
        _check(len(request.metadata.encode()), limit.max_metadata_size, LONG_METADATA)
        room.set_metadata(request.metadata)
        return room.info()

    async def perform_rpc(
        self, grant: VideoGrant, request: PerformRpcRequest
    ) -> PerformRpcResponse:
        """Call a method that a client has registered, and give its answer."""
        room, participant = self._participant(grant, request.room, request.destination_identity)
        _check(len(request.payload.encode()), LONGEST_PAYLOAD_BYTES, LONG_DATA)
        try:
            payload = await room.rpc.call(
                participant, request.method, request.payload, request.response_timeout_ms
            )
        except RpcFailed as error:
            late = error.code == RESPONSE_TIMEOUT
            reason = Reason(
                "deadline_exceeded" if late else "unknown", 408 if late else 500, str(error)
            )
            raise Refusal(reason) from error
        return PerformRpcResponse(payload=payload)

    async def forward_participant(
        self, grant: VideoGrant, request: ForwardParticipantRequest
    ) -> ForwardParticipantResponse:
        """As LiveKit's own open server: not there."""
        self._participant(grant, request.room, request.identity)
        raise Refusal(UNIMPLEMENTED)

    async def move_participant(
        self, grant: VideoGrant, request: MoveParticipantRequest
    ) -> MoveParticipantResponse:
        """As LiveKit's own open server: not there."""
        self._participant(grant, request.room, request.identity)
        raise Refusal(UNIMPLEMENTED)

    def _room(self, grant: VideoGrant, name: str) -> Room:
        _needs(granted=grant.may_administer(name))
        return self._hub.room(name)

    def _participant(self, grant: VideoGrant, name: str, identity: str) -> tuple[Room, Participant]:
        _needs(granted=grant.may_administer(name))
        room = self._hub.rooms.get(name)
        participant = room.participants.get(identity) if room is not None else None
        if room is None or participant is None:
            raise Refusal(PARTICIPANT_NOT_FOUND)
        return room, participant


def _needs(*, granted: bool) -> None:
    if not granted:
        raise Refusal(DENIED)


def _check(size: int, most: int, reason: Reason) -> None:
    if 0 < most < size:
        raise Refusal(reason)
