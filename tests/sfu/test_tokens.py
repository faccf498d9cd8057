import jwt
import pytest
from livekit import api

from moim.sfu.refusals import BAD_KEY, BAD_TOKEN, Refusal
from moim.sfu.tokens import Claims, Keys, VideoGrant

NOW_S = 1_700_000_000.0
KEYS = Keys({"devkey": "secret", "other": "another"}, lambda: NOW_S)


def token(**claims: object) -> str:
    payload = {"iss": "devkey", "sub": "ann", "exp": NOW_S + 60, **claims}
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        return jwt.encode(payload, "secret", algorithm="HS256")


def refusal(text: str) -> str:
    with pytest.raises(Refusal) as caught:
        KEYS.verify(text)
    return caught.value.reason.text


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_a_token_of_livekits_own_library_says_what_it_grants() -> None:
    grants = api.VideoGrants(
        room_join=True,
        room="room",
        can_publish=False,
        can_publish_sources=["camera"],
        can_update_own_metadata=True,
        hidden=True,
    )
    made = api.AccessToken("devkey", "secret").with_identity("ann").with_name("Ann")
    text = made.with_grants(grants).with_attributes({"a": "b"}).with_kind("agent").to_jwt()
    claims = Keys({"devkey": "secret"}, lambda: jwt_time(text)).verify(text)
    assert (claims.identity, claims.name, claims.kind) == ("ann", "Ann", "agent")
    assert claims.attributes == {"a": "b"}
    assert claims.video is not None
    assert (claims.video.room, claims.video.room_join, claims.video.hidden) == ("room", True, True)
    assert claims.video.can_publish is False
    assert claims.video.can_publish_sources == ("camera",)


def jwt_time(text: str) -> float:
    return float(jwt.decode(text, options={"verify_signature": False})["nbf"])


def test_what_is_signed_here_is_verified_here_with_each_key() -> None:
    grant = VideoGrant(room_join=True, room="room", can_publish=False, can_subscribe=True)
    for key in ("devkey", "other"):
        text = KEYS.sign(Claims(identity="ann", name="앤", video=grant), 600, key=key)
        claims = KEYS.verify(text)
        assert (claims.identity, claims.name, claims.key) == ("ann", "앤", key)
        assert claims.video == grant
        assert claims.expires_s == NOW_S + 600


def test_an_identity_may_stand_in_jti() -> None:
    assert KEYS.verify(token(sub=None, jti="ann")).identity == "ann"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW_S - 61}, BAD_TOKEN),
        ({"exp": None}, BAD_TOKEN),
        ({"exp": "soon"}, BAD_TOKEN),
        ({"nbf": NOW_S + 61}, BAD_TOKEN),
        ({"video": "everything"}, BAD_TOKEN),
        ({"video": {"roomJoin": "perhaps"}}, BAD_TOKEN),
        ({"attributes": {"a": 1}}, BAD_TOKEN),
        ({"kind": "king"}, BAD_TOKEN),
        ({"iss": "nobody"}, BAD_KEY),
    ],
)
def test_a_token_that_is_not_good_now_is_refused(claims: dict[str, object], reason: object) -> None:
    assert refusal(token(**claims)) == getattr(reason, "text", None)


@pytest.mark.parametrize("moment", [{"exp": NOW_S - 59}, {"nbf": NOW_S + 59}])
def test_clocks_may_differ_by_a_minute(moment: dict[str, object]) -> None:
    assert KEYS.verify(token(**moment)).identity == "ann"


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    payload = {"iss": "devkey", "sub": "ann", "exp": NOW_S + 60}
    assert refusal(jwt.encode(payload, "secret", algorithm=algorithm)) == BAD_TOKEN.text


def test_an_unsigned_token_is_refused() -> None:
    payload = {"iss": "devkey", "sub": "ann", "exp": NOW_S + 60}
    assert refusal(jwt.encode(payload, "", algorithm="none")) == BAD_TOKEN.text


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_a_token_signed_with_another_secret_is_refused() -> None:
    payload = {"iss": "devkey", "sub": "ann", "exp": NOW_S + 60}
    assert refusal(jwt.encode(payload, "another", algorithm="HS256")) == BAD_TOKEN.text


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é" * 40, "x" * 100_000, "...."])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert refusal(text) == BAD_TOKEN.text
