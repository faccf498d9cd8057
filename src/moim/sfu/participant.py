"""One seat in a room: who sits there, what they may do, and how they are connected.

    JOINING ──join sent──▶ JOINED ──primary peer connected──▶ ACTIVE ──▶ DISCONNECTED
                              └── no peer within a minute: Leave ─────────▶

The signalling connection may go and come back (`signals`); the seat stays while its media does.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from livekit.protocol.models import (
    ClientInfo,
    ConnectionQuality,
    DisconnectReason,
    ParticipantInfo,
    ParticipantPermission,
    TrackSource,
)
from livekit.protocol.rtc import (
    LeaveRequest,
    SessionDescription,
    SignalResponse,
    SubscriptionPermission,
)

from moim.sfu.frames import Frame
from moim.sfu.joining import JoinWish
from moim.sfu.permissions import may_publish, permission_of
from moim.sfu.ports import Signals, Timer
from moim.sfu.tracks import PublishedTrack, Settings, Subscription

if TYPE_CHECKING:
    from moim.sfu.uplink import Uplink

# Clients before it read `can_reconnect` instead of `action`.
FIRST_WITH_ACTION: Final = 13
FIRST_WITH_OK_RESPONSE: Final = 15
DEPENDENT_KINDS: Final = frozenset({ParticipantInfo.AGENT, ParticipantInfo.EGRESS})

_KINDS: Final = {
    "ingress": ParticipantInfo.INGRESS,
    "egress": ParticipantInfo.EGRESS,
    "sip": ParticipantInfo.SIP,
    "agent": ParticipantInfo.AGENT,
    "connector": ParticipantInfo.CONNECTOR,
    "bridge": ParticipantInfo.BRIDGE,
}
_DETAILS: Final = {
    "cloud_agent": ParticipantInfo.CLOUD_AGENT,
    "forwarded": ParticipantInfo.FORWARDED,
    "connector_whatsapp": ParticipantInfo.CONNECTOR_WHATSAPP,
    "connector_twilio": ParticipantInfo.CONNECTOR_TWILIO,
    "bridge_rtsp": ParticipantInfo.BRIDGE_RTSP,
    "simulation": ParticipantInfo.SIMULATION,
}


class Downlink(Protocol):
    """What brings other people's tracks to a participant."""

    def add(self, subscription: Subscription) -> None: ...
    def remove(self, subscription: Subscription) -> None: ...
    def answer(self, description: SessionDescription) -> None: ...
    def restart_ice(self) -> None: ...
    def close(self) -> None: ...

    @property
    def peer(self) -> int: ...


class Participant:
    def __init__(self, wish: JoinWish, sid: str, joined_ms: int) -> None:
        claims = wish.claims
        self.sid: Final = sid
        self.identity: Final = wish.identity
        self.joined_ms: Final = joined_ms
        self.claims = claims
        self.grant = wish.grant
        self.name = claims.name
        self.metadata = wish.metadata
        self.attributes: dict[str, str] = dict(wish.attributes)
        self.permission: ParticipantPermission = permission_of(wish.grant)
        self.kind = _kind(claims.kind, wish)
        self.kind_details = _details(claims.kind_details)
        self.client: ClientInfo = wish.client
        self.auto_subscribe = wish.auto_subscribe
        self.adaptive_stream = wish.adaptive_stream
        self.single: Final = wish.single
        self.ice_lite: Final = wish.ice_lite

        self.number = 0
        self.room_number = 0
        self.signals: Signals | None = None
        self.state: ParticipantInfo.State = ParticipantInfo.JOINING
        self.version = 0
        self.was_active = False
        self.disconnect_reason: DisconnectReason = DisconnectReason.UNKNOWN_REASON
        self.quality: ConnectionQuality = ConnectionQuality.EXCELLENT
        self.speaking: float = 0
        self.drops_next_resume = ""  # a scenario that clients' tests ask for

        self.uplink: Uplink
        self.downlink: Downlink | None = None
        self.primary_peer = 0
        self.tracks: dict[str, PublishedTrack] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.wishes: dict[str, bool] = {}
        self.settings: dict[str, Settings] = {}
        self.allows: SubscriptionPermission = SubscriptionPermission(all_participants=True)
        self.timers: dict[str, Timer] = {}
        self.held: list[Frame] | None = None
        """What it is told of others once it has settled; None when it is told at once."""

    @property
    def protocol(self) -> int:
        return self.client.protocol

    @property
    def hidden(self) -> bool:
        return self.permission.hidden

    @property
    def gone(self) -> bool:
        return self.state == ParticipantInfo.DISCONNECTED

    @property
    def takes_tracks(self) -> bool:
        """Whether tracks may be brought to it.

        With one peer connection they are in the first answer already: that saves a negotiation.
        """
        if self.single:
            return self.state in (ParticipantInfo.JOINED, ParticipantInfo.ACTIVE)
        return self.state == ParticipantInfo.ACTIVE

    @property
    def dependent(self) -> bool:
        """Agents and recorders serve a room and do not hold it open."""
        return self.kind in DEPENDENT_KINDS or self.permission.recorder

    def may_publish(self, source: TrackSource) -> bool:
        return may_publish(self.permission, source)

    def changed(self) -> None:
        """Count a change: clients drop what has a lower version than they know."""
        self.version += 1

    def info(self) -> ParticipantInfo:
        """Describe the participant as everybody who may see it does."""
        shown = [track.info for track in self.tracks.values() if track.visible]
        return ParticipantInfo(
            sid=self.sid,
            identity=self.identity,
            state=self.state,
            tracks=shown,
            metadata=self.metadata,
            joined_at=self.joined_ms // 1000,
            joined_at_ms=self.joined_ms,
            name=self.name,
            version=self.version,
            permission=self.permission,
            is_publisher=bool(shown),
            kind=self.kind,
            kind_details=self.kind_details,
            attributes=self.attributes,
            disconnect_reason=self.disconnect_reason,
            client_protocol=self.client.client_protocol,
            capabilities=self.client.capabilities,
        )

    def send(self, response: SignalResponse) -> None:
        """Send to this participant alone; while it is away there is nothing to send to."""
        if self.signals is not None:
            self.signals.send(Frame(response))

    def tell(self, frame: Frame) -> None:
        """Send what several are told, now or once it has settled."""
        if self.held is not None:
            self.held.append(frame)
        elif self.signals is not None:
            self.signals.send(frame)

    def settle(self) -> None:
        """Send what was held back, in its order, and hold nothing back any more."""
        held, self.held = self.held or (), None
        for frame in held:
            self.tell(frame)

    def ask_to_leave(self, reason: DisconnectReason, action: LeaveRequest.Action) -> None:
        """Tell the client to go, and whether it is to come back and how."""
        self.send(SignalResponse(leave=leave(reason, action)))

    def allow_to_see(self, sid: str, identity: str, track_sid: str) -> bool:
        """Say whether this publisher lets somebody subscribe to one of its tracks."""
        if self.allows.all_participants:
            return True
        for entry in self.allows.track_permissions:
            if sid == entry.participant_sid or identity == entry.participant_identity:
                return entry.all_tracks or track_sid in entry.track_sids
        return False

    def watchers(self) -> list["Participant"]:
        """Those who are told how this participant's connection and voice are: it, and its
        subscribers. Of a hidden one nobody else hears."""
        if self.hidden:
            return [self]
        others = {who: None for track in self.tracks.values() for who in track.subscriptions}
        return [self, *others]

    def start_timer(self, name: str, timer: Timer) -> None:
        """Keep a timer, in place of the one of that name."""
        self.stop_timer(name)
        self.timers[name] = timer

    def stop_timer(self, name: str) -> None:
        if name in self.timers:
            self.timers.pop(name).cancel()

    def change_attributes(self, changes: Mapping[str, str]) -> None:
        """Set attributes; an empty value deletes its key."""
        self.attributes = {
            name: value for name, value in {**self.attributes, **changes}.items() if value
        }


def leave(reason: DisconnectReason, action: LeaveRequest.Action) -> LeaveRequest:
    return LeaveRequest(
        reason=reason, action=action, can_reconnect=action != LeaveRequest.DISCONNECT
    )


def _kind(name: str, wish: JoinWish) -> ParticipantInfo.Kind:
    if name in _KINDS:
        return _KINDS[name]
    if wish.grant.agent:
        return ParticipantInfo.AGENT
    return ParticipantInfo.EGRESS if wish.grant.recorder else ParticipantInfo.STANDARD


def _details(names: tuple[str, ...]) -> list[ParticipantInfo.KindDetail]:
    return [_DETAILS[name.lower()] for name in names if name.lower() in _DETAILS]
