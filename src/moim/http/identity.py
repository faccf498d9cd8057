"""Who a browser is: an identity minted here, signed, and carried in a cookie or a token.

`Identities.identify` is asked by every door, the sockets too. Mounted in another app, that app's
own callback decides instead: a person of that app gets the same identity on every visit and never
learns another's, because it is an HMAC of the app's key for them.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from itsdangerous import BadSignature, Signer, TimestampSigner
from starlette.requests import HTTPConnection
from starlette.responses import Response

from moim.http.links import Links, is_secure
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import Identity

COOKIE = "moim_identity"
# 400 days: what browsers allow at most (RFC 6265bis, section 5.5)
COOKIE_AGE_S = 400 * 24 * 3600
MOST_COOKIE = 300


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the surrounding app knows: a key that stays theirs, a name if it has one."""

    key: str
    name: str | None = None


IdentifyPerson = Callable[[HTTPConnection], Awaitable[Person | None]]
"""The callback of an app that moim is mounted in. None is "not signed in": the door stays shut."""


def new_identity() -> Identity:
    """A fresh identity, 128 random bits."""
    return Identity("u_" + secrets.token_urlsafe(16))


class Identities:
    """Signs and reads identities with one key; equal on all servers of a deployment."""

    def __init__(self, key: bytes, identify: IdentifyPerson | None = None) -> None:
        self._key = key
        self._person = identify
        self._cookie = Signer(key, salt="moim.identity", digest_method=hashlib.sha256)
        self._token = Signer(key, salt="moim.token", digest_method=hashlib.sha256)
        self._csrf = Signer(key, salt="moim.csrf", digest_method=hashlib.sha256)

    def mint(self) -> Identity:
        """A new identity for somebody who has none."""
        return new_identity()

    def token(self, identity: Identity) -> str:
        """What stands for an identity where no cookie can: a second person in one browser."""
        return self._token.sign(identity).decode()

    def of_token(self, token: str) -> Identity:
        """Whose token this is. Raises: `identity_invalid`."""
        try:
            return Identity(self._token.unsign(token[:MOST_COOKIE]).decode())
        except (BadSignature, UnicodeDecodeError):
            raise Refused(ErrorCode.IDENTITY_INVALID) from None

    async def identify(
        self, connection: HTTPConnection, token: str | None = None
    ) -> Identity | None:
        """Who is asking, or None for a browser that has not been here. `connection` may be made
        from any ASGI scope: `HTTPConnection(scope)`.

        Raises: `identity_invalid` for a token that is not ours; `identity_missing` when the app
        around moim does not know the person.
        """
        if token:
            return self.of_token(token)
        if self._person is not None:
            person = await self._person(connection)
            if person is None:
                raise Refused(ErrorCode.IDENTITY_MISSING)
            return self._of_person(person)
        return self._of_cookies(connection)

    def _of_person(self, person: Person) -> Identity:
        digest = hmac.digest(self._key, b"moim.person\0" + person.key.encode(), hashlib.sha256)
        return Identity("u_" + base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode())

    def _of_cookies(self, connection: HTTPConnection) -> Identity | None:
        for value in _cookies_named(connection, COOKIE):
            try:
                return Identity(self._cookie.unsign(value[:MOST_COOKIE]).decode())
            except (BadSignature, UnicodeDecodeError):
                continue
        return None

    def remember(self, response: Response, connection: HTTPConnection, identity: Identity) -> None:
        """Put the identity into the browser, unless the app around moim keeps it."""
        if self._person is None:
            value = self._cookie.sign(identity).decode()
            set_cookie(response, connection, COOKIE, value, COOKIE_AGE_S)

    def csrf(self, identity: Identity) -> str:
        """What a form of this identity carries. Another site can neither read nor guess it."""
        return self._csrf.get_signature(identity).decode()

    def check_csrf(self, identity: Identity | None, given: str | None) -> None:
        """Raises: `csrf_failed`."""
        if (
            identity is None
            or not given
            or not hmac.compare_digest(self.csrf(identity).encode(), given.encode())
        ):
            raise Refused(ErrorCode.CSRF_FAILED)

    def flash(self, purpose: str) -> TimestampSigner:
        """A signer for what a cookie carries over to the next pages for some minutes."""
        return TimestampSigner(
            self._key, salt=f"moim.flash.{purpose}", digest_method=hashlib.sha256
        )


def _cookies_named(connection: HTTPConnection, name: str) -> Iterator[str]:
    # Two moims on one host, one below the other's path, send two cookies of this name.
    for pair in connection.headers.get("cookie", "").split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            yield value.strip('"')


def set_cookie(
    response: Response,
    connection: HTTPConnection,
    name: str,
    value: str,
    age_s: int,
    path: str | None = None,
) -> None:
    """Set a cookie that scripts cannot read and other sites' forms do not send. 0 s removes it."""
    response.set_cookie(
        name,
        value,
        max_age=age_s,
        path=path or Links.of(connection).cookie_path,
        secure=is_secure(connection),
        httponly=True,
        samesite="lax",
    )
