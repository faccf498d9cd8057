"""Who may open tunnels: a file of public keys, each with its user's name.

    ssh-ed25519 AAAAC3Nza… mina

Lines of OpenSSH's `authorized_keys` with the name as the comment, and without options. It is read
again when it has changed, so that adding and removing somebody needs no restart.
"""

from dataclasses import dataclass
from pathlib import Path

import asyncssh

from moim import platform
from moim.tunnel.errors import TunnelError
from moim.tunnel.server.names import is_user

LONGEST_KEY = 16_384


def users_file(data_dir: Path) -> Path:
    """Where it lies."""
    return data_dir / "tunnel-server" / "authorized_keys"


@dataclass(frozen=True, slots=True)
class User:
    """A name, and one key that stands for it."""

    name: str
    fingerprint: str


class Users:
    """The file, as it is now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_at: tuple[int, int] | None = None
        self._keys: dict[bytes, User] = {}

    def of(self, key: asyncssh.SSHKey) -> User | None:
        """Whose key it is."""
        self._refresh()
        return self._keys.get(key.public_data)

    def all(self) -> list[User]:
        """Everybody, by name."""
        self._refresh()
        return sorted(self._keys.values(), key=lambda user: (user.name, user.fingerprint))

    def add(self, name: str, given: str) -> str:
        """Add a key, as text or as the file that holds it; gives its fingerprint.

        Raises: `tunnel_user_invalid`.
        """
        if not is_user(name):
            raise TunnelError(
                "tunnel_user_invalid",
                f"{name!r} cannot be a name here. Take small letters and digits, a letter first.",
            )
        key = _public_key(given)
        owner = self.of(key)
        if owner is not None and owner.name != name:
            raise TunnelError(
                "tunnel_user_invalid",
                f"This key is {owner.name}'s already. Each person needs a key of their own.",
            )
        if owner is None:
            key.set_comment(name)
            text = "".join(f"{line}\n" for line in self._lines())
            self._write(f"{text}{key.export_public_key().decode().strip()}\n")
        return key.get_fingerprint()

    def remove(self, name: str) -> int:
        """Remove all keys of a name; says how many there were. Raises: `tunnel_user_invalid`."""
        lines = self._lines()
        kept = [line for line in lines if line.split()[2:] != [name]]
        if len(kept) == len(lines):
            raise TunnelError(
                "tunnel_user_invalid",
                f"There is no {name} here. `moim tunnel-server users` lists everybody.",
            )
        self._write("".join(f"{line}\n" for line in kept))
        return len(lines) - len(kept)

    def _lines(self) -> list[str]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines() if line.strip()]

    def _write(self, text: str) -> None:
        platform.write_private_file(self.path, text.encode())
        self._read_at = None

    def _refresh(self) -> None:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            self._read_at, self._keys = None, {}
            return
        seen = (now.st_mtime_ns, now.st_size)
        if seen != self._read_at:
            self._keys = dict(filter(None, map(_entry, self._lines())))
            self._read_at = seen


def _entry(line: str) -> tuple[bytes, User] | None:
    """A line with options, without a name or with an unknown kind of key lets nobody in."""
    parts = line.split()
    if len(parts) != 3 or not is_user(parts[2]):
        return None
    try:
        key = asyncssh.import_public_key(line)
    except asyncssh.KeyImportError:
        return None
    return key.public_data, User(parts[2], key.get_fingerprint())


def _public_key(given: str) -> asyncssh.SSHKey:
    text = given.strip()
    if " " not in text:
        try:
            text = Path(text).expanduser().read_text(encoding="utf-8")[:LONGEST_KEY].strip()
        except (OSError, UnicodeDecodeError):
            text = ""
    try:
        return asyncssh.import_public_key(text)
    except asyncssh.KeyImportError:
        raise TunnelError(
            "tunnel_user_invalid",
            "That is no public key. `moim tunnel key` prints it on the other machine; write it "
            "in quotes, or name its file.",
        ) from None
