"""What the world outside is told of a room: LiveKit's webhook events, and lines of the log."""

from typing import TYPE_CHECKING, Final

import structlog
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.webhook import WebhookEvent

from moim.sfu.participant import Participant
from moim.sfu.tracks import PublishedTrack
from moim.sfu.world import World

if TYPE_CHECKING:
    from moim.sfu.room import Room

_log: Final = structlog.get_logger("moim.sfu")


class Tidings:
    def __init__(self, world: World, room: "Room") -> None:
        self._world = world
        self._room = room

    def room(self, event: str) -> None:
        _log.info(event, room=self._room.sid)
        self._tell(WebhookEvent(event=event))

    def participant(self, event: str, participant: Participant) -> None:
        _log.info(event, room=self._room.sid, participant=participant.sid)
        self._tell(WebhookEvent(event=event, participant=participant.info()))

    def track(self, event: str, track: PublishedTrack) -> None:
        """The participant of a track's event has a sid and an identity only, as LiveKit's has."""
        who = track.publisher
        self._tell(
            WebhookEvent(
                event=event,
                participant=ParticipantInfo(sid=who.sid, identity=who.identity, name=who.name),
                track=track.info,
            )
        )

    def _tell(self, event: WebhookEvent) -> None:
        event.id = self._world.ids.event()
        event.created_at = int(self._world.clock.wall_s())
        event.room.CopyFrom(self._room.info())
        self._world.hooks.tell(event)
