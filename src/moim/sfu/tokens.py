"""Access tokens: who somebody is, and what they may do. The SFU has no other accounts.

A token is a JWT (HS256) whose `iss` names one of the configured keys, whose `sub` is the identity
and whose claims are LiveKit's grants. A secret may be short (`secret`, in development), so its
length is not checked here; the operator who chooses it is told so by the launcher.
Source: livekit protocol auth/grants.go, RFC 7519.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from moim.sfu.refusals import BAD_KEY, BAD_TOKEN, Refusal

LEEWAY_S: Final = 60
LONGEST_BYTES: Final = 64 * 1024
_ALGORITHM: Final = "HS256"

Now = Callable[[], float]


class _Claims(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore"
    )


class VideoGrant(_Claims):
    """What LiveKit calls the video grant; what is absent means what its comment says."""

    room_create: bool = False
    room_list: bool = False
    room_record: bool = False
    room_admin: bool = False
    room_join: bool = False
    room: str = ""
    destination_room: str = ""
    can_publish: bool | None = None  # absent is yes
    can_subscribe: bool | None = None  # absent is yes
    can_publish_data: bool | None = None  # absent is as can_publish
    can_publish_sources: tuple[str, ...] = ()  # empty is every source
    can_update_own_metadata: bool | None = None  # absent is no
    can_subscribe_metrics: bool | None = None  # absent is no
    can_manage_agent_session: bool | None = None  # absent is no
    ingress_admin: bool = False
    hidden: bool = False
    recorder: bool = False
    agent: bool = False

    def may_administer(self, room: str) -> bool:
        return self.room_admin and self.room == room


Kind = Literal["", "standard", "ingress", "egress", "sip", "agent", "connector", "bridge"]


class Claims(_Claims):
    """A token that has been verified, or that is about to be signed."""

    identity: str = ""
    name: str = ""
    metadata: str = ""
    attributes: dict[str, str] = Field(default_factory=dict)
    kind: Kind = ""
    kind_details: tuple[str, ...] = ()
    sha256: str = ""
    room_config: dict[str, Any] | None = None
    room_preset: str = ""
    video: VideoGrant | None = None
    expires_s: float = 0
    not_before_s: float = 0
    key: str = ""
    returning: bool = False
    """Ours alone, in tokens that a participant was given for when it connects anew."""


class Keys:
    """The pairs of API key and secret; all of them are good at the same time."""

    def __init__(self, secrets: Mapping[str, str], now: Now) -> None:
        self._secrets = dict(secrets)
        self._now = now

    def verify(self, token: str) -> Claims:
        """Give what a token says, when it is signed by one of the keys and good now.

        Raises: Refusal BAD_TOKEN, BAD_KEY
        """
        if len(token) > LONGEST_BYTES:
            raise Refusal(BAD_TOKEN)
        key = self._issuer(token)
        secret = self._secrets.get(key)
        if secret is None:
            raise Refusal(BAD_KEY)
        try:
            with _short_secrets():
                payload = jwt.decode(
                    token,
                    secret,
                    algorithms=[_ALGORITHM],
                    # The times are checked below, by the clock that was passed in.
                    options={
                        "require": ["exp"],
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                        "verify_aud": False,
                        "verify_sub": False,
                        "verify_jti": False,
                    },
                )
            self._check_times(payload)
            identity = payload.get("sub") or payload.get("jti") or ""
            times = {
                "expires_s": float(payload["exp"]),
                "not_before_s": float(payload.get("nbf") or 0),
            }
            known = {name: value for name, value in payload.items() if value is not None}
            return Claims.model_validate({**known, **times, "identity": identity, "key": key})
        except (jwt.InvalidTokenError, ValidationError, ValueError, TypeError) as error:
            raise Refusal(BAD_TOKEN) from error

    def sign(self, claims: Claims, lifetime_s: float, *, key: str = "") -> str:
        """Sign a token that `verify` takes, by the key that is named or that signed the claims."""
        name = key or claims.key
        now_s = int(self._now())
        payload = claims.model_dump(
            by_alias=True,
            exclude={"identity", "expires_s", "not_before_s", "key"},
            exclude_defaults=True,
            mode="json",
        )
        if claims.video is not None:
            payload["video"] = claims.video.model_dump(
                by_alias=True, exclude_none=True, mode="json"
            )
        payload |= {
            "iss": name,
            "sub": claims.identity,
            "nbf": now_s,
            "exp": now_s + int(lifetime_s),
        }
        return self._encode(payload, name)

    def sign_body(self, sha256: str, lifetime_s: float, *, key: str) -> str:
        """Sign that a request's body is ours: `sha256` is the Base64 of its digest."""
        now_s = int(self._now())
        payload = {"iss": key, "nbf": now_s, "exp": now_s + int(lifetime_s), "sha256": sha256}
        return self._encode(payload, key)

    def __contains__(self, key: str) -> bool:
        return key in self._secrets

    def _encode(self, payload: dict[str, Any], key: str) -> str:
        with _short_secrets():
            return jwt.encode(payload, self._secrets[key], algorithm=_ALGORITHM)

    def _issuer(self, token: str) -> str:
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except jwt.InvalidTokenError as error:
            raise Refusal(BAD_TOKEN) from error
        if not isinstance(issuer, str):
            raise Refusal(BAD_KEY)
        return issuer

    def _check_times(self, payload: Mapping[str, Any]) -> None:
        now_s = self._now()
        if float(payload["exp"]) + LEEWAY_S <= now_s:
            raise jwt.ExpiredSignatureError("expired")
        if float(payload.get("nbf") or 0) - LEEWAY_S > now_s:
            raise jwt.ImmatureSignatureError("not yet valid")


class _short_secrets(warnings.catch_warnings):  # noqa: N801 - reads as a with statement
    """LiveKit's own development secret has six letters: PyJWT would warn at each join."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
