"""What a participant's requests do: one row of a table for each case of SignalRequest.

A session is one signalling connection. It holds no state of its own beyond its participant, so
another connection can take the seat over at any moment; requests over the old one then do nothing.
`docs/livekit.md` says of each case what is done; a test compares the table with the protocol.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

import structlog
from livekit.protocol.models import DisconnectReason, SpeakerInfo
from livekit.protocol.rtc import (
    AddTrackRequest,
    LeaveRequest,
    MuteTrackRequest,
    Ping,
    Pong,
    PublishDataTrackRequest,
    RequestResponse,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    SignalTarget,
    SimulateScenario,
    SpeakersChanged,
    SubscriptionPermission,
    SyncState,
    TrickleRequest,
    UnpublishDataTrackRequest,
    UpdateLocalAudioTrack,
    UpdateLocalVideoTrack,
    UpdateParticipantMetadata,
    UpdateSubscription,
    UpdateTrackSettings,
)

from moim.sfu.joining import attributes_bytes
from moim.sfu.participant import FIRST_WITH_OK_RESPONSE, Participant
from moim.sfu.ports import EngineBusy, Signals
from moim.sfu.publishing import add_track
from moim.sfu.world import World

if TYPE_CHECKING:
    from moim.sfu.room import Room

LONGEST_CANDIDATE: Final = 1024
_log = structlog.get_logger("moim.sfu")


class Session:
    def __init__(
        self, world: World, room: "Room", participant: Participant, signals: Signals
    ) -> None:
        self.participant: Final = participant
        self._world = world
        self._room = room
        self._signals = signals

    def handle(self, request: SignalRequest) -> None:
        """Do what a client asks; a case that is not known is passed over, as LiveKit does."""
        if self._stale:
            return
        case = request.WhichOneof("message")
        handler = self.HANDLERS.get(case) if case is not None else None
        if handler is None:
            _log.debug("request_unknown", case=case)
            return
        try:
            handler(self, getattr(request, case or ""))
        except EngineBusy:
            self._room.dismiss(
                self.participant, DisconnectReason.UNKNOWN_REASON, LeaveRequest.RECONNECT
            )

    def lost(self) -> None:
        """The connection closed without a word: whose media flows may come back to its seat."""
        if self._stale:
            return
        self.participant.signals = None
        if not self.participant.was_active:
            self._room.remove(self.participant, DisconnectReason.SIGNAL_CLOSE)

    def out_of_step(self) -> None:
        """What came is no message of the protocol: the client has to start anew."""
        if not self._stale:
            self.participant.ask_to_leave(DisconnectReason.STATE_MISMATCH, LeaveRequest.RECONNECT)

    @property
    def _stale(self) -> bool:
        return self.participant.gone or self.participant.signals is not self._signals

    # Connections

    def _offer(self, description: SessionDescription) -> None:
        self.participant.uplink.offer(description)

    def _answer(self, description: SessionDescription) -> None:
        if self.participant.downlink is not None:
            self.participant.downlink.answer(description)

    def _trickle(self, request: TrickleRequest) -> None:
        candidate = _candidate(request.candidateInit)
        if not candidate:
            return
        downlink = self.participant.downlink
        subscriber = request.target == SignalTarget.SUBSCRIBER and downlink is not None
        peer = (
            downlink.peer if subscriber and downlink is not None else self.participant.uplink.peer
        )
        self._world.engine.add_ice_candidate(peer, candidate)

    def _ping(self, _: int) -> None:
        self.participant.send(SignalResponse(pong=self._world.now_ms()))

    def _ping_req(self, request: Ping) -> None:
        pong = Pong(last_ping_timestamp=request.timestamp, timestamp=self._world.now_ms())
        self.participant.send(SignalResponse(pong_resp=pong))

    def _leave(self, _: LeaveRequest) -> None:
        self._room.remove(self.participant, DisconnectReason.CLIENT_INITIATED)

    def _sync_state(self, state: SyncState) -> None:
        if not self._room.welcome.synchronise(self.participant, state):
            self._room.dismiss(
                self.participant, DisconnectReason.STATE_MISMATCH, LeaveRequest.RECONNECT
            )

    # Publishing

    def _add_track(self, request: AddTrackRequest) -> None:
        add_track(self._world, self._room, self.participant, request)

    def _mute(self, request: MuteTrackRequest) -> None:
        track = self.participant.tracks.get(request.sid)
        if track is not None:
            self._room.mute(track, muted=request.muted, tell_publisher=False)

    def _update_audio_track(self, request: UpdateLocalAudioTrack) -> None:
        track = self.participant.tracks.get(request.track_sid)
        if track is not None:
            del track.info.audio_features[:]
            track.info.audio_features.extend(request.features)
            self._track_changed()

    def _update_video_track(self, request: UpdateLocalVideoTrack) -> None:
        track = self.participant.tracks.get(request.track_sid)
        if track is not None:
            track.info.width, track.info.height = request.width, request.height
            self._track_changed()

    def _track_changed(self) -> None:
        self.participant.changed()
        self._room.broadcast(self.participant)

    # Subscribing

    def _subscription(self, request: UpdateSubscription) -> None:
        self._room.switchboard.wish(self.participant, request)

    def _track_setting(self, request: UpdateTrackSettings) -> None:
        self._room.switchboard.settings(self.participant, request)

    def _subscription_permission(self, request: SubscriptionPermission) -> None:
        self._room.switchboard.permit(self.participant, request)

    # About itself

    def _update_metadata(self, request: UpdateParticipantMetadata) -> None:
        reason = self._metadata_refusal(request)
        ok = reason == RequestResponse.OK
        if ok:
            who = self.participant
            who.name = request.name or who.name
            who.metadata = request.metadata or who.metadata
            who.change_attributes(request.attributes)
            self._room.about_changed(who)
        if not ok or self.participant.protocol >= FIRST_WITH_OK_RESPONSE:
            self._respond(reason, request_id=request.request_id, update_metadata=request)

    def _metadata_refusal(self, request: UpdateParticipantMetadata) -> RequestResponse.Reason:
        limit = self._world.config.limit
        if not self.participant.permission.can_update_metadata:
            return RequestResponse.NOT_ALLOWED
        together = {**self.participant.attributes, **request.attributes}
        over = (
            (len(request.metadata.encode()), limit.max_metadata_size),
            (len(request.name), limit.max_participant_name_length),
            (attributes_bytes(together), limit.max_attributes_size),
        )
        exceeded = any(0 < most < size for size, most in over)
        return RequestResponse.LIMIT_EXCEEDED if exceeded else RequestResponse.OK

    # What is refused

    def _publish_data_track(self, request: PublishDataTrackRequest) -> None:
        self._respond(RequestResponse.NOT_ALLOWED, publish_data_track=request)

    def _unpublish_data_track(self, request: UnpublishDataTrackRequest) -> None:
        self._respond(RequestResponse.INVALID_HANDLE, unpublish_data_track=request)

    def _data_blob(self, request: Any) -> None:
        self._respond(RequestResponse.NOT_ALLOWED, request_id=request.request_id)

    def _ignore(self, _: Any) -> None:
        """Nothing is to be done."""

    def _respond(self, reason: RequestResponse.Reason, **what: Any) -> None:
        response = RequestResponse(reason=reason, **what)
        self.participant.send(SignalResponse(request_response=response))

    # For the tests of clients

    def _simulate(self, scenario: SimulateScenario) -> None:
        room, who = self._room, self.participant
        match scenario.WhichOneof("scenario"):
            case "speaker_update":
                speaker = SpeakerInfo(sid=who.sid, level=1, active=True)
                update = SignalResponse(speakers_changed=SpeakersChanged(speakers=[speaker]))
                room.send([who], update)
            case "migration" | "switch_candidate_protocol":
                who.ask_to_leave(DisconnectReason.MIGRATION, LeaveRequest.RESUME)
            case "server_leave":
                room.dismiss(who, DisconnectReason.SERVER_SHUTDOWN)
            case "leave_request_full_reconnect":
                room.dismiss(who, DisconnectReason.UNKNOWN_REASON, LeaveRequest.RECONNECT)
            case "node_failure":
                who.signals = None
                self._signals.close()
                room.remove(who, DisconnectReason.SERVER_SHUTDOWN)
            case "disconnect_signal_on_resume" | "disconnect_signal_on_resume_no_messages" as how:
                who.drops_next_resume = how
            case _:
                _log.info("scenario_not_simulated")

    HANDLERS: ClassVar[dict[str, Callable[..., None]]] = {
        "offer": _offer,
        "answer": _answer,
        "trickle": _trickle,
        "add_track": _add_track,
        "mute": _mute,
        "subscription": _subscription,
        "track_setting": _track_setting,
        "leave": _leave,
        "update_layers": _ignore,
        "subscription_permission": _subscription_permission,
        "sync_state": _sync_state,
        "simulate": _simulate,
        "ping": _ping,
        "update_metadata": _update_metadata,
        "ping_req": _ping_req,
        "update_audio_track": _update_audio_track,
        "update_video_track": _update_video_track,
        "publish_data_track_request": _publish_data_track,
        "unpublish_data_track_request": _unpublish_data_track,
        "update_data_subscription": _ignore,
        "store_data_blob_request": _data_blob,
        "get_data_blob_request": _data_blob,
    }


def _candidate(text: str) -> str:
    """Read the `candidate:` line of a trickled candidate; empty when there is none to use."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    candidate = value.get("candidate") if isinstance(value, dict) else None
    if not isinstance(candidate, str) or len(candidate) > LONGEST_CANDIDATE:
        return ""
    return candidate.removeprefix("a=").strip()
