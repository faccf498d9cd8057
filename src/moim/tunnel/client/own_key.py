"""The key that this machine shows to the other end, made once in the data folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from moim import platform
from moim.tunnel.errors import TunnelError

if TYPE_CHECKING:
    import asyncssh

FILE = "id_ed25519"


def tunnel_folder(data_dir: Path) -> Path:
    """Where the keys of tunnels lie."""
    return data_dir / "tunnel"


def own_key(folder: Path, given: Path | None = None) -> "asyncssh.SSHKey":
    """The key of this machine, or the one in a file that somebody names.

    A key of one's own, not those in ~/.ssh: a provider that nobody knows need not learn them.
    Raises: `tunnel_key_invalid`.
    """
    import asyncssh

    path = given.expanduser() if given else folder / FILE
    if given is None and not path.exists():
        made = asyncssh.generate_private_key("ssh-ed25519", comment=f"moim@{platform.host_name()}")
        platform.create_private_file(path, made.export_private_key())
    try:
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise TunnelError(
            "tunnel_key_invalid",
            f"{path} cannot be used as a key: {why}. Name the file of a private key without a "
            "passphrase, or none to have one made.",
        ) from None
