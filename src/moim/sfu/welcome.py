"""Joining and coming back: the first messages of a signalling connection, in their order.

    join:    join ▸ (update to the others) ▸ refresh_token ▸ track_published… ▸ answer | offer
    resume:  reconnect ▸ update of everybody ▸ room_update ▸ refresh_token ▸ offer (ICE restart)

Source: livekit pkg/rtc/participant_signal.go, pkg/service/roommanager.go.
"""

from typing import TYPE_CHECKING, Final

from livekit.protocol.models import ClientConfiguration, Codec, ParticipantInfo
from livekit.protocol.rtc import (
    ICEServer,
    JoinResponse,
    ParticipantUpdate,
    ReconnectResponse,
    RoomUpdate,
    SignalResponse,
    SyncState,
)

from moim.sfu import quirks
from moim.sfu.joining import JoinWish
from moim.sfu.participant import Participant
from moim.sfu.permissions import grant_with
from moim.sfu.ports import PeerMode, Signals
from moim.sfu.publishing import add_track
from moim.sfu.slots import Slots
from moim.sfu.subscriber import SubscriberLink
from moim.sfu.uplink import Uplink
from moim.sfu.world import SERVER_VERSION, World

if TYPE_CHECKING:
    from moim.sfu.room import Room

PING_INTERVAL_S: Final = 5
PING_TIMEOUT_S: Final = 15
REFRESH_EVERY_S: Final = 300
SETTLE_S: Final = 2.5
"""From the answer to a join until a client that loses news on return tells them: two seconds, and
what a busy page may be late."""
SHORTEST_TOKEN_S: Final = 600
_SIF_TRAILER_BYTES: Final = 16


class Welcome:
    def __init__(self, world: World, room: "Room") -> None:
        self._world = world
        self._room = room
        # Ends server-made frames, so that end-to-end encryption lets them through.
        self._sif_trailer = world.ids.random_bytes(_SIF_TRAILER_BYTES)

    def seat(self, wish: JoinWish, signals: Signals) -> Participant:
        """Make a participant, connect it to the engine, and send what it has to know first."""
        world, room = self._world, self._room
        participant = Participant(wish, world.ids.participant(), world.now_ms())
        participant.number = world.engine.open_participant(
            room.number,
            identity=participant.identity,
            sid=participant.sid,
            can_publish_data=participant.permission.can_publish_data,
            can_subscribe=participant.permission.can_subscribe,
            hidden=participant.hidden,
        )
        participant.room_number = room.number
        world.directory.participants[participant.number] = participant
        self._open_peers(participant)
        participant.signals = signals
        participant.state = ParticipantInfo.JOINED
        others = room.seen()
        room.participants[participant.identity] = participant
        participant.send(SignalResponse(join=self._join(participant, others)))
        if not participant.hidden:
            participant.changed()
            room.broadcast(participant)
        self.refresh_token(participant)
        for request in wish.add_tracks:
            add_track(world, room, participant, request)
        room.switchboard.reconcile(participant)
        if wish.claims.returning and quirks.loses_news_on_return(participant.client):
            participant.held = []
            self._settle_later(participant)
        if wish.offer is not None:
            participant.uplink.offer(wish.offer)
        if isinstance(participant.downlink, SubscriberLink):
            participant.downlink.start()
        return participant

    def resume(self, participant: Participant, wish: JoinWish, signals: Signals) -> None:
        """Give a seat a new signalling connection; media and subscriptions are as they were."""
        world, room = self._world, self._room
        if participant.signals is not None:
            participant.signals.close()
        participant.signals = signals
        participant.stop_timer("away")
        participant.send(
            SignalResponse(
                reconnect=ReconnectResponse(
                    ice_servers=ice_servers(world, participant.sid),
                    client_configuration=ClientConfiguration(),
                    server_info=world.server_info,
                    last_message_seq=world.engine.last_sequence(participant.number),
                )
            )
        )
        everybody = [who.info() for who in room.seen() if who is not participant]
        everybody.append(participant.info())
        participant.send(SignalResponse(update=ParticipantUpdate(participants=everybody)))
        participant.send(SignalResponse(room_update=RoomUpdate(room=room.info())))
        self.refresh_token(participant)
        if participant.downlink is not None:
            participant.downlink.restart_ice()
        if wish.sync_state is not None:
            self.synchronise(participant, wish.sync_state)
        if wish.offer is not None:
            participant.uplink.offer(wish.offer)

    def synchronise(self, participant: Participant, state: SyncState) -> bool:
        """Compare what a client holds with what we do; false when it has to start anew."""
        known = participant.tracks
        if any(published.track.sid not in known for published in state.publish_tracks):
            return False
        subscription = state.subscription
        named = [*subscription.track_sids]
        for group in subscription.participant_tracks:
            named += group.track_sids
        if named:
            self._room.switchboard.wish(participant, subscription)
        return True

    def refresh_token(self, participant: Participant) -> None:
        """Send a token that says what is so now, and again before it would be too old."""
        world = self._world
        claims = participant.claims.model_copy(
            update={
                "name": participant.name,
                "metadata": participant.metadata,
                "attributes": dict(participant.attributes),
                "video": grant_with(participant.grant, participant.permission),
                "returning": True,
            }
        )
        left_s = participant.claims.expires_s - world.clock.wall_s()
        token = world.keys.sign(claims, max(SHORTEST_TOKEN_S, left_s))
        participant.send(SignalResponse(refresh_token=token))
        participant.start_timer(
            "refresh", world.clock.later(REFRESH_EVERY_S, lambda: self.refresh_token(participant))
        )

    def _settle_later(self, participant: Participant) -> None:
        timer = self._world.clock.later(SETTLE_S, lambda: self._settle(participant))
        participant.start_timer("settle", timer)

    def _settle(self, participant: Participant) -> None:
        """Tell and bring what was held back, or wait on for who is not connected yet."""
        if participant.state != ParticipantInfo.ACTIVE:
            self._settle_later(participant)
            return
        participant.settle()
        self._room.switchboard.reconcile(participant)

    def ensure_downlink(self, participant: Participant) -> None:
        """Give a connection to somebody who joined without, and may subscribe now."""
        if participant.downlink is None and participant.permission.can_subscribe:
            self._open_downlink(participant).start()

    def _open_peers(self, participant: Participant) -> None:
        """Open the connections that this client's way of joining needs."""
        world, room = self._world, self._room
        peer = self._open_peer(participant, "single" if participant.single else "publisher")
        slots = Slots(world, participant, peer) if participant.single else None
        participant.uplink = Uplink(world, room, participant, peer, slots)
        participant.downlink = slots
        participant.primary_peer = peer
        world.directory.peers[peer] = participant.uplink
        if slots is None and participant.permission.can_subscribe:
            participant.primary_peer = self._open_downlink(participant).peer

    def _open_downlink(self, participant: Participant) -> SubscriberLink:
        peer = self._open_peer(participant, "subscriber")
        link = SubscriberLink(self._world, self._room, participant, peer)
        participant.downlink = link
        self._world.directory.peers[peer] = link
        return link

    def _open_peer(self, participant: Participant, mode: PeerMode) -> int:
        return self._world.engine.open_peer(
            participant.number,
            mode,
            ice_lite=quirks.wants_ice_lite(participant.client, asked_for=participant.ice_lite),
            codecs=quirks.codecs_for(participant.client, mode, self._world.enabled_codecs),
            rtx=quirks.wants_rtx(participant.client),
        )

    def _join(self, participant: Participant, others: list[Participant]) -> JoinResponse:
        world = self._world
        return JoinResponse(
            room=self._room.info(),
            participant=participant.info(),
            other_participants=[other.info() for other in others],
            server_version=SERVER_VERSION,
            ice_servers=ice_servers(world, participant.sid),
            subscriber_primary=participant.primary_peer != participant.uplink.peer,
            client_configuration=ClientConfiguration(),
            server_region=world.config.region,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            server_info=world.server_info,
            sif_trailer=self._sif_trailer,
            enabled_publish_codecs=[
                Codec(mime=codec.mime, fmtp_line=codec.fmtp_line)
                for codec in sorted(
                    world.config.room.enabled_codecs,
                    key=lambda codec: codec.mime.lower().startswith("audio/"),
                )
            ],
            fast_publish=participant.permission.can_publish,
        )


def ice_servers(world: World, sid: str) -> list[ICEServer]:
    """Give the configured servers and our own relays; there is none that anybody else runs.

    sid: of the participant; a credential for a relay is signed for it alone
    """
    rtc = world.config.rtc
    servers = [ICEServer(urls=[f"stun:{host}" for host in rtc.stun_servers])]
    servers += [
        ICEServer(urls=[turn.url], username=turn.username, credential=turn.credential)
        for turn in rtc.turn_servers
        if not turn.secret
    ]
    servers += [ICEServer(**server) for server in world.relays(sid)]
    return [server for server in servers if server.urls]
