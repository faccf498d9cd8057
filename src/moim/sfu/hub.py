"""All rooms of one server: it finds the room of whoever joins, and whom an engine event is for."""

from collections.abc import Callable, Iterable
from typing import Final, assert_never

import structlog
from livekit.protocol.models import ConnectionQuality, DisconnectReason
from livekit.protocol.models import Room as RoomInfo
from livekit.protocol.rtc import LeaveRequest, SignalResponse

from moim.sfu import events
from moim.sfu.frames import Frame
from moim.sfu.joining import JoinWish
from moim.sfu.participant import Participant, leave
from moim.sfu.ports import EngineBusy, Signals
from moim.sfu.refusals import REVOKED, ROOM_NOT_FOUND, SERVER_FULL, Refusal
from moim.sfu.revocations import Revocations
from moim.sfu.room import Room, RoomSettings, configuration_of, room_settings
from moim.sfu.session import Session
from moim.sfu.speakers import say_speakers
from moim.sfu.world import World

_POOR_LOSS: Final = 0.1
_GOOD_LOSS: Final = 0.02
_POOR_RTT_MS: Final = 700
_GOOD_RTT_MS: Final = 300
_log = structlog.get_logger("moim.sfu")


class Hub:
    def __init__(self, world: World) -> None:
        self.world: Final = world
        self.rooms: dict[str, Room] = {}
        self.closing = False
        self.revocations: Final = Revocations()
        self._stats: dict[int, Callable[[dict[str, int]], None]] = {}

    def check(self, wish: JoinWish) -> None:
        """Say before the upgrade whether there is a room to join.

        Raises: Refusal ROOM_NOT_FOUND, SERVER_FULL, REVOKED
        """
        if self.closing:
            raise Refusal(SERVER_FULL)
        if self.revocations.cover(wish.room, wish.subject, wish.claims):
            raise Refusal(REVOKED)
        creates = self.world.config.room.auto_create or wish.grant.room_create
        if wish.room not in self.rooms and not creates:
            raise Refusal(ROOM_NOT_FOUND)

    def enter(self, wish: JoinWish, signals: Signals) -> Session | None:
        """Seat somebody, or give a seat back; None when the first message was `leave`.

        Raises: Refusal as `check`
        """
        self.check(wish)
        if wish.reconnect:
            return self._resume(wish, signals)
        room = self.open(wish)
        if room.full and wish.identity not in room.participants:
            _turn_away(signals, DisconnectReason.JOIN_FAILURE, LeaveRequest.DISCONNECT)
            return None
        try:
            participant = room.join(wish, signals)
        except EngineBusy as error:
            raise Refusal(SERVER_FULL) from error
        return Session(self.world, room, participant, signals)

    def open(self, wish: JoinWish) -> Room:
        """Find the room of a wish, or make it as its token says."""
        room = self.rooms.get(wish.room)
        if room is not None:
            return room
        configuration = configuration_of(wish.claims.room_config)
        return self.create(wish.room, room_settings(self.world, configuration))

    def create(self, name: str, settings: RoomSettings) -> Room:
        room = Room(self.world, name, settings, self._forget)
        self.rooms[name] = room
        return room

    def room(self, name: str) -> Room:
        """Find a room. Raises: Refusal ROOM_NOT_FOUND"""
        room = self.rooms.get(name)
        if room is None:
            raise Refusal(ROOM_NOT_FOUND)
        return room

    def infos(self, names: Iterable[str] = ()) -> list[RoomInfo]:
        wanted = set(names)
        return [room.info() for name, room in self.rooms.items() if not wanted or name in wanted]

    def close(self) -> None:
        """End all rooms: the server stops, and clients may look for it again."""
        self.closing = True
        for room in list(self.rooms.values()):
            room.close(DisconnectReason.SERVER_SHUTDOWN, LeaveRequest.RECONNECT)

    def send_back(self, name: str) -> None:
        """End a room that is on another server now: its clients connect anew, and are led there."""
        room = self.rooms.get(name)
        if room is not None:
            room.close(DisconnectReason.MIGRATION, LeaveRequest.RECONNECT)

    def ask_stats(self, tell: Callable[[dict[str, int]], None]) -> None:
        """Ask the engine for its counters."""
        request = next(self.world.requests)
        self._stats[request] = tell
        self.world.engine.stats(request)

    def handle(self, event: events.EngineEvent) -> None:
        """Give an event of the engine to whom it is about; one about nobody is dropped."""
        directory = self.world.directory
        match event:
            case (
                events.Answered()
                | events.Offered()
                | events.AnswerAccepted()
                | events.Refused()
                | events.NegotiationNeeded()
                | events.PeerState()
            ):
                peer = directory.peers.get(event.peer)
                if peer is not None:
                    peer.handle(event)
            case events.MediaStarted():
                self._media_started(event)
            case events.Speakers():
                room = directory.rooms.get(event.room)
                if room is not None:
                    say_speakers(room, event.speakers)
            case events.PeerQuality():
                self._quality(event)
            case events.DataReceived():
                self._data_received(event)
            case events.DataOverflow():
                self._overflow(event)
            case events.StatsReady():
                tell = self._stats.pop(event.request, None)
                if tell is not None:
                    tell(event.counters)
            case events.RoomFailed():
                failed = directory.rooms.get(event.room)
                if failed is not None:
                    _log.error("room_failed", room=failed.sid, reason=event.reason)
                    failed.close(DisconnectReason.MEDIA_FAILURE)
            case events.ChannelOpened() | events.LayersChanged() | events.Forwarding():
                pass  # the engine acts on them by itself; clients see what arrives
            case _:
                assert_never(event)

    def _resume(self, wish: JoinWish, signals: Signals) -> Session | None:
        room = self.rooms.get(wish.room)
        participant = room.participants.get(wish.identity) if room is not None else None
        if room is None or participant is None or (wish.sid and wish.sid != participant.sid):
            _turn_away(signals, DisconnectReason.STATE_MISMATCH, LeaveRequest.RECONNECT)
            return None
        dropping, participant.drops_next_resume = participant.drops_next_resume, ""
        if dropping == "disconnect_signal_on_resume_no_messages":
            signals.close()
            return None
        room.welcome.resume(participant, wish, signals)
        if dropping:
            signals.close()
        return Session(self.world, room, participant, signals)

    def _forget(self, room: Room) -> None:
        if self.rooms.get(room.name) is room:
            del self.rooms[room.name]

    def _media_started(self, event: events.MediaStarted) -> None:
        track = self.world.directory.tracks.get(event.track)
        room = self._room_of(track.publisher if track is not None else None)
        if track is None or room is None or not track.awaits_media:
            return
        track.awaits_media = False
        track.codec = event.mime.partition("/")[2].lower()
        track.info.mime_type = event.mime.lower()
        track.info.codecs[0].mime_type = event.mime.lower()
        room.publish(track)

    def _quality(self, event: events.PeerQuality) -> None:
        peer = self.world.directory.peers.get(event.peer)
        room = self._room_of(peer.participant if peer is not None else None)
        if peer is None or room is None:
            return
        loss = max(event.loss_up or 0, event.loss_down or 0)
        rtt_ms = event.rtt_ms or 0
        if loss > _POOR_LOSS or rtt_ms > _POOR_RTT_MS:
            quality = ConnectionQuality.POOR
        elif loss > _GOOD_LOSS or rtt_ms > _GOOD_RTT_MS:
            quality = ConnectionQuality.GOOD
        else:
            quality = ConnectionQuality.EXCELLENT
        room.set_quality(peer.participant, quality)

    def _data_received(self, event: events.DataReceived) -> None:
        room = self._room_of(self.world.directory.participants.get(event.participant))
        if room is not None:
            room.rpc.received(event.packet)

    def _overflow(self, event: events.DataOverflow) -> None:
        participant = self.world.directory.participants.get(event.participant)
        room = self._room_of(participant)
        if participant is not None and room is not None:
            room.dismiss(participant, DisconnectReason.STATE_MISMATCH, LeaveRequest.RECONNECT)

    def _room_of(self, participant: Participant | None) -> Room | None:
        return self.world.directory.rooms.get(participant.room_number) if participant else None


def _turn_away(signals: Signals, reason: DisconnectReason, action: LeaveRequest.Action) -> None:
    signals.send(Frame(SignalResponse(leave=leave(reason, action))))
    signals.close()
