"""Names of tunnels, and which request belongs to which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moim.tunnel.errors import TunnelError
from moim.tunnel.server.names import Doorplate, Found, is_user, tunnel_name

USERS = st.from_regex(r"[a-z][a-z0-9]{0,30}", fullmatch=True)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("localhost", "mina"),
        ("", "mina"),
        ("*", "mina"),
        ("0.0.0.0", "mina"),
        ("mina", "mina"),
        ("tea", "tea-mina"),
        ("Tea", "tea-mina"),
        ("tea-mina", "tea-mina"),
        ("green-tea", "green-tea-mina"),
        ("a.b", None),
        ("-tea", None),
        ("../x", None),
        ("차", None),
        ("t" * 60, None),
    ],
)
def test_what_is_asked_for_becomes_a_name(asked: str, name: str | None) -> None:
    assert tunnel_name("mina", asked) == name


@given(USERS, USERS, st.text(max_size=70))
def test_nobody_gets_a_name_that_somebody_else_could_have(mina: str, joon: str, asked: str) -> None:
    name = tunnel_name(mina, asked)
    if mina != joon and name is not None:
        assert name.rpartition("-")[2] == mina
        assert tunnel_name(joon, name) != name


@pytest.mark.parametrize("name", ["", "Mina", "1mina", "mi-na", "mi.na", "m" * 32, "민아"])
def test_some_names_cannot_be_a_users(name: str) -> None:
    assert not is_user(name)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("mina.tunnels.test", "mina"),
        ("MINA.Tunnels.Test", "mina"),
        ("mina.tunnels.test:443", "mina"),
        ("mina.tunnels.test.", "mina"),
        ("tunnels.test", None),
        ("x.mina.tunnels.test", None),
        ("mina.tunnels.test.evil.test", None),
        (".tunnels.test", None),
        ("", None),
        ("[::1]", None),
    ],
)
def test_sub_domains(host: str, found: str | None) -> None:
    plate = Doorplate.read("https://tunnels.test", by_path=False)
    answer = plate.find(host, "/r/tea?a=b")
    assert answer == (Found(found, "/r/tea?a=b") if found else None)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/mina/", Found("mina", "/", "/mina")),
        ("/mina/r/tea?a=/b", Found("mina", "/r/tea?a=/b", "/mina")),
        ("/mina", Found("mina", "/", "/mina")),
        ("/mina?a=/b", Found("mina", "/?a=/b", "/mina")),
        ("/", None),
        ("//mina/", None),
        ("/../mina/", None),
        ("*", None),
        ("http://tunnels.test/mina/", None),
    ],
)
def test_paths(target: str, found: Found | None) -> None:
    assert Doorplate.read("https://tunnels.test", by_path=True).find("any", target) == found


@pytest.mark.parametrize(
    ("url", "by_path", "shown"),
    [
        ("https://tunnels.test", False, "https://mina.tunnels.test"),
        ("https://tunnels.test:443/", False, "https://mina.tunnels.test"),
        ("http://tunnels.test:8080", False, "http://mina.tunnels.test:8080"),
        ("https://Tunnels.test:8443", True, "https://tunnels.test:8443/mina"),
        ("http://[2001:db8::1]:8080", True, "http://[2001:db8::1]:8080/mina"),
    ],
)
def test_where_a_tunnel_comes_out(url: str, by_path: bool, shown: str) -> None:
    assert Doorplate.read(url, by_path=by_path).url("mina") == shown


@pytest.mark.parametrize(
    "url", ["", "tunnels.test", "ftp://tunnels.test", "https://a/b", "https://a@b", "https://a:x"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(TunnelError, match="is no address for tunnels"):
        Doorplate.read(url, by_path=False)
