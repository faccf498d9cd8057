"""Which machine is at the other end: keys trusted when they are first seen, and held to.

The file is OpenSSH's `known_hosts` without hashes, in the data folder: people can look at it, and
remove a line when they know why a key has changed.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from moim import platform
from moim.tunnel.errors import TunnelError

if TYPE_CHECKING:
    import asyncssh

FILE = "known_hosts"


class HostKeys:
    """The keys seen so far. `demanded` is a fingerprint (`SHA256:…`) that the next key must have,
    whatever was seen before."""

    def __init__(self, folder: Path, demanded: str | None = None) -> None:
        self.path = folder / FILE
        self._demanded = demanded.strip() if demanded else None

    def known(self, host: str, port: int) -> "list[asyncssh.SSHKey]":
        """The keys pinned for a host."""
        import asyncssh

        place = _place(host, port)
        keys = []
        for line in self._lines():
            name, _, key = line.partition(" ")
            if name == place:
                try:
                    keys.append(asyncssh.import_public_key(key))
                except asyncssh.KeyImportError:
                    continue  # a line that somebody has broken trusts nobody
        return keys

    def check(self, host: str, port: int, key: "asyncssh.SSHKey") -> None:
        """Raises: `tunnel_host_key_unexpected`, `tunnel_host_key_changed`."""
        shown = key.get_fingerprint()
        if self._demanded is not None:
            if shown != self._demanded:
                raise TunnelError(
                    "tunnel_host_key_unexpected",
                    f"{host} shows the key {shown}, not the one that you demand. Nothing was sent; "
                    "ask whoever runs it for its fingerprint.",
                )
            return
        known = self.known(host, port)
        if known and key not in known:
            raise TunnelError(
                "tunnel_host_key_changed",
                f"{host} shows another key than before ({shown}): somebody may be in between. "
                f"If its owner says that the key is new, remove its line from {self.path}.",
            )

    def remember(self, host: str, port: int, key: "asyncssh.SSHKey") -> bool:
        """Pin a key; false when it was pinned already."""
        if key in self.known(host, port):
            return False
        place = _place(host, port)
        line = f"{place} {key.export_public_key().decode().strip()}"
        # A demanded key replaces what was pinned: its owner has just said what is right.
        kept = [
            one for one in self._lines() if self._demanded is None or one.partition(" ")[0] != place
        ]
        text = "\n".join([*kept, line]) + "\n"
        platform.write_private_file(self.path, text.encode())
        return True

    def hosts(self) -> list[tuple[str, int]]:
        """Every host that has a pinned key, with its port."""
        found: dict[tuple[str, int], None] = {}
        for line in self._lines():
            name = line.partition(" ")[0]
            host, _, port = name.removeprefix("[").partition("]:")
            found[host, int(port) if port.isdecimal() else 22] = None
        return list(found)

    def _lines(self) -> list[str]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]


def _place(host: str, port: int) -> str:
    return host if port == 22 else f"[{host}]:{port}"
