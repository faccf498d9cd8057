"""Who may open tunnels: the file of keys, and the commands that change it."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest
import structlog

from moim.cli import main
from moim.platform import is_private
from moim.tunnel.errors import TunnelError
from moim.tunnel.server.users import Users, users_file
from tests.tunnel.world import public

Run = Callable[..., tuple[int, str, str]]


def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(users_file(tmp_path))


@pytest.fixture
def moim(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    monkeypatch.setenv("MOIM_DATA_DIR", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A start sets logging up, for an output that ends with the test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(False)
    structlog.reset_defaults()


def test_a_key_is_its_users_until_it_is_removed(users: Users) -> None:
    mina, joon = key(), key()
    users.add("mina", public(mina))
    users.add("joon", public(joon))
    found = users.of(mina)
    assert found is not None
    assert (found.name, found.fingerprint) == ("mina", mina.get_fingerprint())
    assert users.remove("mina") == 1
    assert users.of(mina) is None
    assert users.of(joon) is not None
    assert is_private(users.path)


def test_another_process_that_adds_somebody_is_noticed(users: Users) -> None:
    mina = key()
    assert users.of(mina) is None
    Users(users.path).add("mina", public(mina))
    assert users.of(mina) is not None


def test_one_person_has_several_machines_and_a_key_has_one_person(users: Users) -> None:
    laptop, desk = key(), key()
    for one in (laptop, desk, laptop):
        users.add("mina", public(one))
    assert [user.name for user in users.all()] == ["mina", "mina"]
    with pytest.raises(TunnelError, match="mina's already"):
        users.add("joon", public(desk))


@pytest.mark.parametrize("given", ["", "ssh-ed25519 AAAA", "not a key", "/nowhere/key.pub"])
def test_what_is_no_key_is_refused(users: Users, given: str) -> None:
    with pytest.raises(TunnelError, match="That is no public key") as refused:
        users.add("mina", given)
    assert refused.value.code == "tunnel_user_invalid"


def test_lines_with_options_or_without_a_name_let_nobody_in(users: Users) -> None:
    mina = key()
    users.path.parent.mkdir(parents=True)
    kind, data = public(mina).split()[:2]
    for line in (
        f"{kind} {data}",
        f"{kind} {data} Mina Kim",
        f'command="id" {kind} {data} mina',
        f"# {kind} {data} mina",
        f"{kind} {data[:-8]} mina",
    ):
        users.path.write_text(f"{line}\n", encoding="utf-8")
        assert users.all() == [], line


def test_the_commands_add_list_and_remove(moim: Run, tmp_path: Path) -> None:
    code, shown, _ = moim("tunnel", "key", "--data-dir", str(tmp_path / "laptop"))
    assert code == 0
    assert shown.startswith("ssh-ed25519 ")
    assert moim("tunnel", "key", "--data-dir", str(tmp_path / "laptop"))[1] == shown
    file = tmp_path / "mina.pub"
    file.write_text(shown, encoding="utf-8")
    code, said, _ = moim("tunnel-server", "add", "mina", str(file))
    assert (code, said.startswith("mina may open tunnels now, with the key SHA256:")) == (0, True)
    assert moim("tunnel-server", "users")[1].startswith("mina  SHA256:")
    assert "had 1 key here" in moim("tunnel-server", "remove", "mina")[1]
    assert "Nobody may open a tunnel yet" in moim("tunnel-server", "users")[1]
    code, _, refused = moim("tunnel-server", "add", "Mina", shown)
    assert code == 2
    assert "moim: code tunnel_user_invalid\n" in refused


def test_a_server_without_an_address_says_what_to_write(moim: Run) -> None:
    code, _, refused = moim("tunnel-server")
    assert code == 2
    assert "--url https://tunnels.example.org" in refused
    assert "moim: code tunnel_url_invalid\n" in refused


def test_a_tunnel_without_the_extra_says_how_to_get_it(
    moim: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moim.tunnel.extra.find_spec", lambda _name: None)
    for asks in (("tunnel", "--port", "3000"), ("--tunnel", "--port", "0")):
        code, _, refused = moim(*asks)
        assert code == 2
        assert "pip install 'moim[tunnel]'" in refused
        assert "moim: code tunnel_extra_missing\n" in refused
