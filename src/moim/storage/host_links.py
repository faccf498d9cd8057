"""Host links: a secret each, of which only the hash is kept, exchanged by one person.

The hash needs no salt and no slowness: the secret is 128 random bits, not a password.
"""

import hashlib
import secrets

from sqlalchemy import insert, or_, update

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import CommandId, Identity, RoomId
from moim.storage.database import Database
from moim.storage.tables import host_link

SECRET_BYTES = 16


def new_secret() -> str:
    """What a host link ends with: 22 URL-safe characters."""
    return secrets.token_urlsafe(SECRET_BYTES)


def hash_of(secret: str) -> str:
    """What is kept of a secret, in hexadecimal."""
    return hashlib.sha256(secret.encode()).hexdigest()


class HostLinks:
    """Makes host links and takes them back once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, room: RoomId, now_ms: int) -> str:
        """A new link's secret. It cannot be shown again."""
        secret = new_secret()
        async with self._database.writing() as connection:
            await connection.execute(
                insert(host_link).values(
                    secret_hash=hash_of(secret), room_id=room, created_ms=now_ms
                )
            )
        return secret

    async def use(self, room: RoomId, secret: str, identity: Identity, now_ms: int) -> CommandId:
        """Take a link: it is this person's now, who may come with it again after a failure.

        Returns the id of the command that grants the role, always the same for one link, so that
        who is demoted later does not become host again by the same link.

        Raises: `host_link_invalid` when there is none or somebody else has used it.
        """
        kept = hash_of(secret)
        query = (
            update(host_link)
            .where(host_link.c.secret_hash == kept, host_link.c.room_id == room)
            .where(or_(host_link.c.used_by.is_(None), host_link.c.used_by == identity))
            .values(used_by=identity, used_ms=now_ms)
        )
        async with self._database.writing() as connection:
            taken = (await connection.execute(query)).rowcount
        if not taken:
            raise Refused(ErrorCode.HOST_LINK_INVALID)
        return CommandId(f"host-link-{kept[:32]}")
