"""Names nobody can guess."""

import secrets

from moim.meeting.ids import Identity, MeetingId, RoomId, Sid

BYTES = 16
# without l and o: an address is read aloud and typed from paper
SLUG_LETTERS = "abcdefghijkmnpqrstuvwxyz"
SLUG_SHAPE = (4, 4, 3)
"""Eleven letters of 24: 50 bits."""


class RandomIds:
    """`Ids` for a real server."""

    def room(self) -> RoomId:
        """`RM_…`"""
        return RoomId("RM_" + secrets.token_urlsafe(BYTES))

    def slug(self) -> str:
        """Such as `kdpr-mwqe-xta`."""
        return "-".join(
            "".join(secrets.choice(SLUG_LETTERS) for _ in range(length)) for length in SLUG_SHAPE
        )

    def sid(self) -> Sid:
        """`PA_…`"""
        return Sid("PA_" + secrets.token_urlsafe(BYTES))

    def meeting(self) -> MeetingId:
        """`MT_…`"""
        return MeetingId("MT_" + secrets.token_urlsafe(BYTES))

    def identity(self) -> Identity:
        """`u_…`"""
        return Identity("u_" + secrets.token_urlsafe(BYTES))

    def command(self) -> str:
        """For what the server does by itself."""
        return secrets.token_urlsafe(BYTES)
