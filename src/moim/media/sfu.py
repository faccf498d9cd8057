"""An SFU as a plane, by LiveKit's own server API, tokens and webhooks: ours or a cluster.

Source: LiveKit, "Server APIs" (Twirp RoomService), "Authentication" (tokens), "Webhooks".
"""

import hashlib
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, TypeVar

import aiohttp
import jwt
from livekit.api import AccessToken, TokenVerifier, VideoGrants, WebhookReceiver
from livekit.api.room_service import RoomService
from livekit.api.twirp_client import ServerError
from livekit.protocol.models import ParticipantInfo, ParticipantPermission, TrackInfo, TrackSource
from livekit.protocol.room import (
    DeleteRoomRequest,
    ListParticipantsRequest,
    MuteRoomTrackRequest,
    RoomParticipantIdentity,
    UpdateParticipantRequest,
)

from moim.media.places import Places
from moim.media.plane import Access, Entry, Present
from moim.meeting.errors import ErrorCode, Unavailable
from moim.meeting.ids import Source
from moim.meeting.model import Track

TOKEN_LIFETIME: Final = timedelta(minutes=2)
"""Long enough to connect; the SFU itself gives who is connected fresh ones."""
PATIENCE_S: Final = 5
TRIAL_ROOM: Final = "moim-trial"
SOURCES: Final = {
    TrackSource.CAMERA: Source.CAMERA,
    TrackSource.MICROPHONE: Source.MICROPHONE,
    TrackSource.SCREEN_SHARE: Source.SCREEN_SHARE,
    TrackSource.SCREEN_SHARE_AUDIO: Source.SCREEN_SHARE_AUDIO,
}
_NUMBERS: Final = {source: number for number, source in SOURCES.items()}
T = TypeVar("T")


class SfuPlane:
    """The SFU, or several that share a key: `places` says which one a room is on."""

    available = True

    def __init__(self, places: Places, key: str, secret: str) -> None:
        self._places = places
        self._key = key
        self._secret = secret
        self._session: aiohttp.ClientSession | None = None
        self._webhooks = WebhookReceiver(TokenVerifier(key, secret))
        self._since_s: dict[tuple[str, str], int] = {}
        """From when on the token of somebody who was removed must be."""

    async def stop(self) -> None:
        """Close the connections to the API."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def access(self, room: str, entry: Entry, *, trial: bool = False) -> Access:
        where = self._places.here if trial else await self._places.place(room)
        grants = VideoGrants(
            room_join=True,
            room=TRIAL_ROOM if trial else room,
            can_publish=not trial and bool(entry.sources),
            can_publish_sources=[] if trial else [source.value for source in entry.sources],
            can_publish_data=not trial and entry.data,
            can_subscribe=True,
            hidden=True if trial else None,
        )
        token = (
            AccessToken(self._key, self._secret)
            .with_identity(entry.identity)
            .with_name(entry.name)
            .with_attributes(dict(entry.attributes))
            .with_grants(grants)
            .with_ttl(TOKEN_LIFETIME)
        )
        since_s = self._since_s.get((room, entry.identity), 0)
        signed = self._not_before(token.to_jwt(), since_s)
        return Access(where.url, signed, where.address)

    async def present(self, room: str) -> tuple[Present, ...]:
        return tuple(
            Present(
                person.identity,
                person.name or person.identity,
                tuple(_track(track) for track in person.tracks if track.source in SOURCES),
                _sources(person.permission),
                person.permission.can_publish_data,
            )
            for person in await self._people(room)
            if not person.permission.hidden
        )

    async def remove(self, room: str, identity: str) -> None:
        now_s = int(time.time())
        # Tokens know whole seconds: what was made in this one is refused, and who is let in again
        # before it is over gets a token of the next.
        self._since_s = {whom: since for whom, since in self._since_s.items() if since > now_s}
        self._since_s[room, identity] = now_s + 1
        whom = RoomParticipantIdentity(room=room, identity=identity, revoke_token_ts=now_s + 1)
        await self._tell(room, lambda rooms: rooms.remove_participant(whom))

    async def mute(self, room: str, identity: str, source: Source) -> None:
        for person in await self._people(room):
            if person.identity != identity:
                continue
            for track in person.tracks:
                if SOURCES.get(track.source) is source and not track.muted:
                    await self._silence(room, identity, track.sid)

    async def _silence(self, room: str, identity: str, track_sid: str) -> None:
        wish = MuteRoomTrackRequest(room=room, identity=identity, track_sid=track_sid, muted=True)
        await self._tell(room, lambda rooms: rooms.mute_published_track(wish))

    async def update(self, room: str, entry: Entry) -> None:
        whom = RoomParticipantIdentity(room=room, identity=entry.identity)
        there = await self._tell(room, lambda rooms: rooms.get_participant(whom))
        if there is None:
            return
        # What else they may (an agent, who only listens) is theirs by their token.
        permission = there.permission
        permission.can_publish = bool(entry.sources)
        permission.can_publish_data = entry.data
        del permission.can_publish_sources[:]
        permission.can_publish_sources.extend(_NUMBERS[source] for source in entry.sources)
        wish = UpdateParticipantRequest(
            room=room,
            identity=entry.identity,
            name=entry.name,
            permission=permission,
            attributes=dict(entry.attributes),
        )
        await self._tell(room, lambda rooms: rooms.update_participant(wish))

    async def close(self, room: str) -> None:
        await self._tell(room, lambda rooms: rooms.delete_room(DeleteRoomRequest(room=room)))

    def room_of(self, body: str, token: str) -> str | None:
        """The room that a webhook is about; None when it is not from the SFU."""
        try:
            return self._webhooks.receive(body, token).room.name
        except Exception:
            return None

    def _not_before(self, token: str, since_s: int) -> str:
        """The token, good from a time in the next second on; every server allows for clocks that
        differ by more."""
        claims = jwt.decode(token, options={"verify_signature": False})
        if claims["nbf"] >= since_s:
            return token
        return jwt.encode({**claims, "nbf": since_s}, self._secret, algorithm="HS256")

    async def _people(self, room: str) -> list[ParticipantInfo]:
        wish = ListParticipantsRequest(room=room)
        found = await self._tell(room, lambda rooms: rooms.list_participants(wish))
        return list(found.participants) if found is not None else []

    async def _tell(self, room: str, asking: Callable[[RoomService], Awaitable[T]]) -> T | None:
        """Ask the SFU that a room is on; None for what is not there. Raises: Unavailable."""
        where = await self._places.find(room)
        if where is None:
            return None
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        key = (self._key, self._secret)
        try:
            return await asking(RoomService(self._session, where.api_url, *key, failover=False))
        except ServerError as error:
            if error.code == "not_found":
                return None
            raise Unavailable(ErrorCode.SFU_UNREACHABLE, f"the SFU said {error.code}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(ErrorCode.SFU_UNREACHABLE, type(error).__name__) from error


def secret_from(key: bytes) -> str:
    """The secret of moim's own SFU, made of the key that signs identities."""
    return hashlib.sha256(b"moim sfu\0" + key).hexdigest()


def _sources(permission: ParticipantPermission) -> tuple[Source, ...]:
    """None named are all of them."""
    if not permission.can_publish:
        return ()
    named = permission.can_publish_sources
    return tuple(source for source in Source if not named or _NUMBERS[source] in named)


def _track(track: TrackInfo) -> Track:
    return Track(source=SOURCES[track.source], muted=track.muted)
