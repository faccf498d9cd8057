"""One room: its participants, what they are told of each other, and when it ends.

Without IO: it is driven by calls (`join`, a session's requests, the engine's events, timers of the
clock that was passed in) and acts through ports. Nothing in it waits, so each call is one step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog
from google.protobuf.json_format import ParseDict, ParseError
from livekit.protocol.models import (
    Codec,
    ConnectionQuality,
    DisconnectReason,
    ParticipantInfo,
    ParticipantPermission,
    TrackInfo,
)
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.room import RoomConfiguration
from livekit.protocol.rtc import (
    ConnectionQualityInfo,
    ConnectionQualityUpdate,
    LeaveRequest,
    MuteTrackRequest,
    ParticipantUpdate,
    RoomUpdate,
    SignalResponse,
    TrackUnpublishedResponse,
)

from moim.sfu.announcements import Announcements
from moim.sfu.frames import Frame
from moim.sfu.joining import JoinWish
from moim.sfu.participant import Participant
from moim.sfu.ports import Signals, Timer
from moim.sfu.rpc import ServerRpc
from moim.sfu.speakers import speakers_changed
from moim.sfu.switchboard import Switchboard
from moim.sfu.tidings import Tidings
from moim.sfu.tracks import PublishedTrack
from moim.sfu.welcome import Welcome
from moim.sfu.world import World

JOIN_PATIENCE_S: Final = 60
COUNT_EVERY_S: Final = 5
# Clients that lose their network restart ICE by themselves; longer than that nobody waits.
LOST_PATIENCE_S: Final = 20
_log = structlog.get_logger("moim.sfu")


@dataclass
class RoomSettings:
    """What CreateRoom, a token or the configuration says of a room."""

    empty_timeout_s: float
    departure_timeout_s: float
    max_participants: int
    metadata: str = ""
    tags: dict[str, str] = field(default_factory=dict)


class Room:
    def __init__(
        self,
        world: World,
        name: str,
        settings: RoomSettings,
        ended: "Callable[[Room], None]",
    ) -> None:
        self.world: Final = world
        self.name: Final = name
        self.sid: Final = world.ids.room()
        self.settings = settings
        self.created_ms: Final = world.now_ms()
        self.participants: dict[str, Participant] = {}
        self.number: Final = world.engine.open_room()
        self.closed = False
        self.switchboard: Final = Switchboard(world, self)
        self.announcements: Final = Announcements(world, self)
        self.tidings: Final = Tidings(world, self)
        self.welcome: Final = Welcome(world, self)
        self.rpc: Final = ServerRpc(world, self)
        self._ended = ended
        self._ending: Timer | None = None
        self._counting: Timer | None = None
        world.directory.rooms[self.number] = self
        self.tidings.room("room_started")
        self._end_after(settings.empty_timeout_s)

    # Who is here

    def active(self) -> list[Participant]:
        """Those whose media is connected."""
        everybody = self.participants.values()
        return [who for who in everybody if who.state == ParticipantInfo.ACTIVE]

    def seen(self) -> list[Participant]:
        """Those whom others may know of."""
        return [who for who in self.participants.values() if not who.hidden]

    def visible_tracks(self) -> Iterator[PublishedTrack]:
        for participant in list(self.participants.values()):
            for track in list(participant.tracks.values()):
                if track.visible:
                    yield track

    def track(self, sid: str) -> PublishedTrack | None:
        return next((track for track in self.visible_tracks() if track.sid == sid), None)

    def by_sid(self, sid: str) -> Participant | None:
        return next((who for who in self.participants.values() if who.sid == sid), None)

    @property
    def full(self) -> bool:
        most = self.settings.max_participants
        return 0 < most <= sum(not who.dependent for who in self.participants.values())

    def info(self) -> RoomInfo:
        people = [who for who in self.participants.values() if not who.dependent]
        return RoomInfo(
            sid=self.sid,
            name=self.name,
            empty_timeout=int(self.settings.empty_timeout_s),
            departure_timeout=int(self.settings.departure_timeout_s),
            max_participants=self.settings.max_participants,
            creation_time=self.created_ms // 1000,
            creation_time_ms=self.created_ms,
            enabled_codecs=self.codecs(),
            metadata=self.settings.metadata,
            num_participants=sum(not who.hidden for who in people),
            num_publishers=sum(any(t.visible for t in who.tracks.values()) for who in people),
            active_recording=any(who.permission.recorder for who in self.participants.values()),
        )

    def codecs(self) -> list[Codec]:
        enabled = self.world.config.room.enabled_codecs
        return [Codec(mime=codec.mime, fmtp_line=codec.fmtp_line) for codec in enabled]

    # Coming and going

    def join(self, wish: JoinWish, signals: Signals) -> Participant:
        """Seat somebody; who holds a seat of the same identity is sent away."""
        former = self.participants.get(wish.identity)
        if former is not None:
            former.ask_to_leave(DisconnectReason.DUPLICATE_IDENTITY, LeaveRequest.DISCONNECT)
            self.remove(former, DisconnectReason.DUPLICATE_IDENTITY, tell=False)
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        participant = self.welcome.seat(wish, signals)
        participant.start_timer(
            "join",
            self.world.clock.later(JOIN_PATIENCE_S, lambda: self._never_connected(participant)),
        )
        self._count_soon()
        return participant

    def remove(
        self, participant: Participant, reason: DisconnectReason, *, tell: bool = True
    ) -> None:
        """End a seat, with its tracks and its connections.

        tell: false when the others hear of it anyway: the identity has a new seat, whose
        announcement ends the old one, or the room ends for them too.
        """
        if self.participants.get(participant.identity) is not participant:
            return
        del self.participants[participant.identity]
        for track in list(participant.tracks.values()):
            self.unpublish(track, tell=False)
        for subscription in list(participant.subscriptions.values()):
            self.switchboard.end(subscription)
        participant.state = ParticipantInfo.DISCONNECTED
        participant.disconnect_reason = reason
        participant.changed()
        for timer in list(participant.timers):
            participant.stop_timer(timer)
        self.world.directory.participants.pop(participant.number, None)
        self._close_peers(participant)
        self.world.engine.close_participant(participant.number)
        if participant.signals is not None:
            participant.signals.close()
            participant.signals = None
        if not participant.hidden and tell:
            self.broadcast(participant)
        left = "participant_left" if participant.was_active else "participant_connection_aborted"
        self.tidings.participant(left, participant)
        self._count_soon()
        if not any(not who.dependent for who in self.participants.values()):
            self._end_after(self.settings.departure_timeout_s)

    def dismiss(
        self,
        participant: Participant,
        reason: DisconnectReason,
        action: LeaveRequest.Action = LeaveRequest.DISCONNECT,
    ) -> None:
        """Tell somebody to leave, and end the seat."""
        participant.ask_to_leave(reason, action)
        self.remove(participant, reason)

    def close(
        self,
        reason: DisconnectReason,
        action: LeaveRequest.Action = LeaveRequest.DISCONNECT,
    ) -> None:
        """End the room, and tell everybody why."""
        if self.closed:
            return
        self.closed = True
        for timer in (self._ending, self._counting):
            if timer is not None:
                timer.cancel()
        for participant in list(self.participants.values()):
            participant.ask_to_leave(reason, action)
            self.remove(participant, reason, tell=False)
        self.announcements.close()
        self.world.directory.rooms.pop(self.number, None)
        self.world.engine.close_room(self.number)
        self.tidings.room("room_finished")
        self._ended(self)

    # What the engine says of connections

    def peer_changed(self, participant: Participant, peer: int, state: str) -> None:
        """A peer connection of a participant connected, was interrupted, or failed."""
        if participant.gone:
            return
        match state:
            case "connected":
                participant.stop_timer(f"lost {peer}")
                if peer == participant.primary_peer:
                    self._connected(participant)
            case "disconnected":
                self.set_quality(participant, ConnectionQuality.LOST)
                participant.start_timer(
                    f"lost {peer}",
                    self.world.clock.later(LOST_PATIENCE_S, lambda: self._failed(participant)),
                )
            case _:
                self._failed(participant)

    def _failed(self, participant: Participant) -> None:
        """Media cannot come back over this connection: the client has to make a new one."""
        _log.info("peer_failed", participant=participant.sid)
        self.dismiss(participant, DisconnectReason.CONNECTION_TIMEOUT, LeaveRequest.RECONNECT)

    def _connected(self, participant: Participant) -> None:
        if participant.state == ParticipantInfo.ACTIVE:
            self.set_quality(participant, ConnectionQuality.EXCELLENT)
            return
        participant.stop_timer("join")
        participant.state = ParticipantInfo.ACTIVE
        participant.was_active = True
        participant.changed()
        self.broadcast(participant)
        self.tidings.participant("participant_joined", participant)
        self._say_quality(participant)
        self.switchboard.reconcile(participant)

    def set_quality(self, participant: Participant, quality: ConnectionQuality) -> None:
        """Note how good a connection is; those who see it are told when it changes."""
        if participant.quality != quality:
            participant.quality = quality
            self._say_quality(participant)

    def _say_quality(self, participant: Participant) -> None:
        self.send(participant.watchers(), _quality_of(participant))

    def introduce(self, participant: Participant, watcher: Participant) -> None:
        """Tell a new watcher how somebody is: later it hears of changes alone."""
        if not participant.hidden:
            watcher.send(_quality_of(participant))
            if participant.speaking:
                watcher.send(speakers_changed([participant]))

    # Tracks

    def publish(self, track: PublishedTrack) -> None:
        """Show a track to the others and bring it to those who want it."""
        if track.visible or track.publisher.gone:
            return
        track.visible = True
        track.publisher.changed()
        # The update before the description that carries the track: Rust waits for it only briefly.
        self.broadcast(track.publisher)
        self.tidings.track("track_published", track)
        self.switchboard.track_added(track)

    def unpublish(self, track: PublishedTrack, *, tell: bool = True, revoked: bool = False) -> None:
        """End a track. revoked: its publisher did not stop it, and is told so."""
        publisher = track.publisher
        publisher.uplink.drop(track)
        publisher.tracks.pop(track.sid, None)
        self.switchboard.track_removed(track)
        if track.number is not None:
            self.world.engine.unpublish(track.number)
            self.world.directory.tracks.pop(track.number, None)
            track.number = None
        if revoked:
            response = TrackUnpublishedResponse(track_sid=track.sid)
            publisher.send(SignalResponse(track_unpublished=response))
        if track.visible:
            track.visible = False
            self.tidings.track("track_unpublished", track)
            if tell:
                publisher.changed()
                self.broadcast(publisher)

    def mute(self, track: PublishedTrack, *, muted: bool, tell_publisher: bool) -> TrackInfo:
        """Note that a track is muted or not, and tell those who see it."""
        if track.info.muted != muted:
            track.info.muted = muted
            if tell_publisher:
                request = MuteTrackRequest(sid=track.sid, muted=muted)
                track.publisher.send(SignalResponse(mute=request))
            if track.visible:
                track.publisher.changed()
                self.broadcast(track.publisher)
        return track.info

    # What everybody is told

    def broadcast(self, participant: Participant) -> None:
        """Tell everybody who may know how a participant is now; itself too."""
        self.announcements.tell(participant)

    def send(self, participants: "list[Participant]", response: SignalResponse) -> None:
        """Send one response to several, encoded once."""
        frame = Frame(response)
        for participant in participants:
            if participant.signals is not None:
                participant.signals.send(frame)

    def room_changed(self) -> None:
        """Tell everybody how the room is now."""
        update = SignalResponse(room_update=RoomUpdate(room=self.info()))
        self.send(list(self.participants.values()), update)

    def set_permission(self, participant: Participant, permission: ParticipantPermission) -> None:
        """Change what somebody may do, at once: what it may not publish any more ends."""
        was_hidden = participant.hidden
        participant.permission.CopyFrom(permission)
        self.world.engine.update_participant(
            participant.number,
            can_publish_data=permission.can_publish_data,
            can_subscribe=permission.can_subscribe,
            hidden=permission.hidden,
        )
        for track in list(participant.tracks.values()):
            if not participant.may_publish(track.info.source):
                self.unpublish(track, tell=False, revoked=True)
        self.welcome.ensure_downlink(participant)
        self.switchboard.reconcile(participant)
        if permission.hidden and not was_hidden:
            self._vanish(participant)

    def _vanish(self, participant: Participant) -> None:
        """Tell the others that somebody is gone who is hidden from now on."""
        self.announcements.forget(participant)
        info = participant.info()
        info.state = ParticipantInfo.DISCONNECTED
        others = [who for who in self.participants.values() if who is not participant]
        self.send(others, SignalResponse(update=ParticipantUpdate(participants=[info])))

    def about_changed(self, participant: Participant) -> None:
        """Tell everybody what is new about somebody, and renew the token that says it too."""
        participant.changed()
        self.broadcast(participant)
        self.welcome.refresh_token(participant)

    def set_metadata(self, metadata: str) -> None:
        self.settings.metadata = metadata
        self.room_changed()

    # Time

    def _count_soon(self) -> None:
        """Tell how many are here, but not with each that comes: a crowd would be told a lot."""
        if self._counting is None and not self.closed:
            self._counting = self.world.clock.later(COUNT_EVERY_S, self._count)

    def _count(self) -> None:
        self._counting = None
        self.room_changed()

    def _never_connected(self, participant: Participant) -> None:
        self.dismiss(participant, DisconnectReason.JOIN_FAILURE)

    def _end_after(self, delay_s: float) -> None:
        if self._ending is not None:
            self._ending.cancel()
        if not self.closed:
            self._ending = self.world.clock.later(
                delay_s, lambda: self.close(DisconnectReason.ROOM_CLOSED)
            )

    def _close_peers(self, participant: Participant) -> None:
        if participant.downlink is not None:
            participant.downlink.close()
        for number, peer in list(self.world.directory.peers.items()):
            if peer.participant is participant:
                del self.world.directory.peers[number]


def room_settings(world: World, configuration: RoomConfiguration | None = None) -> RoomSettings:
    """Give the settings of a new room: those of the configuration where nothing else is said."""
    defaults = world.config.room
    wish = configuration or RoomConfiguration()
    return RoomSettings(
        empty_timeout_s=wish.empty_timeout or defaults.empty_timeout,
        departure_timeout_s=wish.departure_timeout or defaults.departure_timeout,
        max_participants=wish.max_participants or defaults.max_participants,
        metadata=wish.metadata,
        tags=dict(wish.tags),
    )


def configuration_of(value: dict[str, object] | None) -> RoomConfiguration | None:
    """Read the `roomConfig` of a token; one that cannot be read is as none."""
    if value is None:
        return None
    try:
        return ParseDict(value, RoomConfiguration(), ignore_unknown_fields=True)
    except ParseError:
        _log.info("room_config_unreadable")
        return None


def _quality_of(participant: Participant) -> SignalResponse:
    info = ConnectionQualityInfo(
        participant_sid=participant.sid,
        quality=participant.quality,
        score=5 if participant.quality == ConnectionQuality.EXCELLENT else 0,
    )
    return SignalResponse(connection_quality=ConnectionQualityUpdate(updates=[info]))
