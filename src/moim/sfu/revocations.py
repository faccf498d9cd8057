"""Tokens that let nobody in any more, since their holder was removed.

Source: livekit protocol livekit_room.proto, RoomParticipantIdentity.revoke_token_ts: tokens whose
`nbf` is before it. LiveKit's open server has the field and does not act on it (v1.13).
"""

from typing import Final

from moim.sfu.tokens import Claims

MOST_HELD: Final = 10_000


class Revocations:
    """From when on a token of somebody in a room must be; the oldest are let go of first."""

    def __init__(self) -> None:
        self._since_s: dict[tuple[str, str], int] = {}

    def revoke(self, room: str, identity: str, before_s: int) -> None:
        """Refuse what was made before this time; an earlier time takes nothing back."""
        key = (room, identity)
        self._since_s[key] = max(before_s, self._since_s.pop(key, 0))
        if len(self._since_s) > MOST_HELD:
            del self._since_s[next(iter(self._since_s))]

    def cover(self, room: str, identity: str, claims: Claims) -> bool:
        """Whether this token of theirs lets in no more; one without `nbf` is older than all."""
        return claims.not_before_s < self._since_s.get((room, identity), 0)
