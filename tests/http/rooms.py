"""Rooms in memory: the port of the pages, without a database behind it."""

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from moim.http.ports import RoomCard, RoomMade, Said
from moim.live.ids import RandomIds
from moim.media.plane import Access
from moim.meeting.errors import ErrorCode, MoimError, Refused
from moim.meeting.features.app import AppId
from moim.meeting.features.file import File
from moim.meeting.ids import FileId, Identity, Role, RoomId
from moim.meeting.images import Image
from moim.meeting.messages import ChatMessage


@dataclass
class RoomsInMemory:
    """Implements `moim.http.ports.Rooms`."""

    cards: dict[str, RoomCard] = field(default_factory=dict)
    hosts: set[tuple[str, Identity]] = field(default_factory=set)
    seats: set[tuple[str, Identity]] = field(default_factory=set)
    secrets: dict[str, str] = field(default_factory=dict)
    images: list[Image] = field(default_factory=list)
    messages: list[ChatMessage] = field(default_factory=list)
    files: list[tuple[Identity, str, File]] = field(default_factory=list)
    apps: set[AppId] = field(default_factory=set)
    deleted: set[FileId] = field(default_factory=set)
    barred: set[Identity] = field(default_factory=set)
    trial: Access | MoimError = field(default_factory=lambda: Refused(ErrorCode.SFU_MISSING))
    """What a trial of the SFU finds."""
    broken: Exception | None = None
    deaf: Exception | None = None
    """What is raised when a room should be told of a file."""

    async def create(self, owner: Identity, name: str, *, listed: bool) -> RoomMade:
        ids = RandomIds()
        slug = ids.slug()
        self.cards[slug] = RoomCard(ids.room(), slug, name, listed, False, 0, 8)
        self.hosts.add((slug, owner))
        return RoomMade(slug, self._secret(slug))

    def _secret(self, slug: str) -> str:
        secret = secrets.token_urlsafe(16)
        self.secrets[secret] = slug
        return secret

    def put(self, slug: str, name: str = "Friday tea", **changes: bool | int) -> RoomCard:
        """A room that is simply there."""
        base = RoomCard(RandomIds().room(), slug, name, True, False, 0, 8)
        card = replace(base, **changes)  # type: ignore[arg-type]
        self.cards[slug] = card
        return card

    async def find(self, slug: str) -> RoomCard:
        if self.broken:
            raise self.broken
        if slug not in self.cards:
            raise Refused(ErrorCode.ROOM_UNKNOWN)
        return self.cards[slug]

    async def listed(self, most: int) -> Sequence[RoomCard]:
        if self.broken:
            raise self.broken
        rooms = [room for room in self.cards.values() if room.listed]
        return sorted(rooms, key=lambda room: -room.people)[:most]

    async def role(self, slug: str, identity: Identity) -> Role:
        await self.find(slug)
        return Role.HOST if (slug, identity) in self.hosts else Role.GUEST

    async def is_seated(self, slug: str, identity: Identity) -> bool:
        await self.find(slug)
        return (slug, identity) in self.seats

    async def may_see_files(self, slug: str, identity: Identity) -> bool:
        await self.find(slug)
        return (slug, identity) in self.seats | self.hosts

    async def is_deleted(self, slug: str, file_id: FileId) -> bool:
        await self.find(slug)
        return file_id in self.deleted

    async def has_app(self, slug: str, app: AppId) -> bool:
        await self.find(slug)
        return app in self.apps

    async def become_host(self, slug: str, identity: Identity, secret: str) -> None:
        await self.find(slug)
        if self.secrets.get(secret) != slug:
            raise Refused(ErrorCode.HOST_LINK_INVALID)
        self.hosts.add((slug, identity))

    async def new_host_secret(self, slug: str, identity: Identity) -> str:
        if (slug, identity) not in self.hosts:
            raise Refused(ErrorCode.NOT_HOST)
        return self._secret(slug)

    async def sfu_trial(self, slug: str) -> Access:
        await self.find(slug)
        if isinstance(self.trial, MoimError):
            raise self.trial
        return self.trial

    async def add_image(self, slug: str, identity: Identity, image: Image) -> None:
        if not await self.is_seated(slug, identity):
            raise Refused(ErrorCode.NOT_PRESENT)
        self.images.append(image)

    async def said(self, slug: str, identity: Identity) -> Said:
        card = await self.find(slug)
        if (slug, identity) not in self.seats | self.hosts:
            raise Refused(ErrorCode.NOT_PRESENT)
        return Said(slug, card.name, self._pages())

    async def _pages(self) -> AsyncIterator[list[ChatMessage]]:
        for at in range(0, len(self.messages), 2):
            yield self.messages[at : at + 2]

    async def writer_name(self, slug: str, identity: Identity) -> str:
        if not await self.is_seated(slug, identity):
            raise Refused(ErrorCode.NOT_PRESENT)
        return "Mina"

    async def share_file(self, room: RoomId, owner: Identity, name: str, file: File) -> None:
        if self.deaf:
            raise self.deaf
        assert room in {card.id for card in self.cards.values()}
        if owner in self.barred:
            raise Refused(ErrorCode.BARRED)
        if all(known.file_id != file.file_id for _, _, known in self.files):
            self.files.append((owner, name, file))
