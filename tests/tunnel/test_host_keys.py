"""Which machine is at the other end: seen once, held to, and what a person can do about it."""

from pathlib import Path

import asyncssh
import pytest

from moim.platform import is_private
from moim.tunnel.client.host_keys import HostKeys
from moim.tunnel.client.own_key import own_key
from moim.tunnel.errors import TunnelError

HOST = "tunnels.test"


def key(kind: str = "ssh-ed25519") -> asyncssh.SSHKey:
    return asyncssh.generate_private_key(kind).convert_to_public()


def test_the_first_key_is_pinned_for_its_host_and_port(tmp_path: Path) -> None:
    pinned, other = key(), key("ecdsa-sha2-nistp256")
    keys = HostKeys(tmp_path)
    keys.check(HOST, 22, pinned)
    assert keys.remember(HOST, 22, pinned)
    assert not keys.remember(HOST, 22, pinned)
    HostKeys(tmp_path).check(HOST, 22, pinned)
    with pytest.raises(TunnelError) as refused:
        HostKeys(tmp_path).check(HOST, 22, other)
    assert refused.value.code == "tunnel_host_key_changed"
    assert other.get_fingerprint() in str(refused.value)
    keys.check(HOST, 2222, other)  # another port is another server
    keys.check("other.test", 22, other)
    assert is_private(keys.path)


def test_openssh_reads_the_file_and_the_file_of_openssh_is_read(tmp_path: Path) -> None:
    pinned = key()
    keys = HostKeys(tmp_path)
    keys.remember(HOST, 22, pinned)
    keys.remember(HOST, 2222, pinned)
    trusted = asyncssh.read_known_hosts(str(keys.path))
    assert pinned in asyncssh.match_known_hosts(trusted, HOST, "", 2222)[0]
    keys.path.write_text(f"# mine\n\nbroken line\n{keys.path.read_text()}", encoding="utf-8")
    assert keys.known(HOST, 2222) == [pinned]
    assert (HOST, 2222) in keys.hosts()


def test_a_demanded_key_replaces_a_pinned_one(tmp_path: Path) -> None:
    old, new = key(), key()
    HostKeys(tmp_path).remember(HOST, 22, old)
    keys = HostKeys(tmp_path, new.get_fingerprint())
    with pytest.raises(TunnelError):
        keys.check(HOST, 22, old)
    keys.check(HOST, 22, new)
    keys.remember(HOST, 22, new)
    assert HostKeys(tmp_path).known(HOST, 22) == [new]


def test_a_key_of_ones_own_is_made_once_and_another_can_be_named(tmp_path: Path) -> None:
    made = own_key(tmp_path / "a")
    assert own_key(tmp_path / "a") == made
    assert is_private(tmp_path / "a" / "id_ed25519")
    assert own_key(tmp_path / "b", tmp_path / "a" / "id_ed25519") == made
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_a_file_that_is_no_key_is_refused_in_words(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TunnelError, match="cannot be used as a key") as refused:
        own_key(tmp_path, path)
    assert refused.value.code == "tunnel_key_invalid"


def test_a_key_with_a_passphrase_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "key"
    locked = asyncssh.generate_private_key("ssh-ed25519")
    path.write_bytes(locked.export_private_key("pkcs8-pem", passphrase="tea"))
    with pytest.raises(TunnelError, match="without a passphrase"):
        own_key(tmp_path, path)
