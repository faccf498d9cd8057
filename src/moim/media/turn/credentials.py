"""Short-lived credentials for a TURN server that shares a secret with moim.

The server needs no list of people: the user name says until when it holds and whose it is, and the
password is a signature of the name. A credential that leaks is worth as much as the time left.

Source: draft-uberti-behave-turn-rest-00 (a REST API for access to TURN services), section 2.2, as
coturn's `use-auth-secret` implements it.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import NamedTuple, NotRequired, TypedDict


class IceServer(TypedDict):
    """An `RTCIceServer` of the W3C API; LiveKit's `ICEServer` has the same fields."""

    urls: list[str]
    username: NotRequired[str]
    credential: NotRequired[str]


@dataclass(frozen=True, slots=True)
class TurnAccess:
    """How to reach a TURN server: `turn:` and `turns:` addresses, and the secret shared with it."""

    urls: tuple[str, ...]
    secret: str
    lifetime_s: int


class TurnCredential(NamedTuple):
    """What a client of the TURN server authenticates with."""

    username: str
    credential: str


def turn_credential(secret: str, identity: str, expires_at_s: int) -> TurnCredential:
    """Sign a credential for one participant; `expires_at_s` is Unix time.

    The server takes what follows the first colon for the person, and counts its quota by that.
    """
    username = f"{expires_at_s}:{identity}"
    signature = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return TurnCredential(username, base64.b64encode(signature).decode())


def turn_servers(access: TurnAccess | None, identity: str, now_s: float) -> list[IceServer]:
    """Give the `iceServers` entry with a fresh credential; empty when there is no TURN server."""
    if access is None or not access.urls:
        return []
    signed = turn_credential(access.secret, identity, int(now_s) + access.lifetime_s)
    return [
        {"urls": list(access.urls), "username": signed.username, "credential": signed.credential}
    ]
