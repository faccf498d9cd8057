"""The only module with calls that differ between Linux, macOS and Windows.

Everything else in moim is written once for all systems; a lint rule keeps it so. Where a system
cannot do a thing (owner-only file modes on Windows, limits on open files) the function here does
what comes closest and says so in its docstring.
"""

import contextlib
import ipaddress
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

PRIVATE_FILE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700
WANTED_OPEN_FILES = 65_536

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

ROUTES = Path("/proc/net/route")
CARDS = Path("/sys/class/net")

# Networks inside this machine (containers, virtual machines): no phone can reach them.
INNER_ADAPTERS = ("docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "lxc", "cni", "podman")


def data_folder() -> Path:
    """Say where this system expects a program to keep the data of the person who runs it.

    Source: XDG Base Directory Specification; Apple File System Programming Guide; Windows Known
    Folders (`LOCALAPPDATA`: not roamed, because a database must not be copied while it is open).
    """
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "moim"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "moim"
    xdg = os.environ.get("XDG_DATA_HOME", "")
    # The specification says that a relative value is to be ignored.
    return (Path(xdg) if xdg.startswith("/") else Path.home() / ".local" / "share") / "moim"


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner may look into; an existing one is left as it is."""
    if not path.is_dir():
        path.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
    return path


def write_private_file(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, replacing an older one in one step."""
    draft = _private_draft(path, content)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def create_private_file(path: Path, content: bytes) -> bool:
    """Write a private file unless there is one; false when another was first.

    Two processes that start at once agree on one content, and no reader ever sees half of it.
    """
    draft = _private_draft(path, content)
    try:
        if sys.platform == "win32":
            draft.rename(path)  # refuses to replace, which POSIX rename does not
        else:
            os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:
        # A file system without hard links (exFAT, some network shares).
        if path.exists():
            return False
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return True


def _private_draft(path: Path, content: bytes) -> Path:
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if sys.platform == "win32":
        _leave_only_the_owner(draft)
    return draft


def _leave_only_the_owner(path: Path) -> None:
    """Drop inherited rights on Windows; best effort, since the profile folder is private anyway."""
    owner = os.environ.get("USERNAME")
    if not owner:
        return
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        subprocess.run(  # noqa: S603 - a fixed program, no shell, our own path
            [str(system / "icacls.exe"), str(path), "/inheritance:r", "/grant:r", f"{owner}:F"],
            capture_output=True,
            check=False,
            timeout=5,
        )


def is_private(path: Path) -> bool:
    """Tell whether others on this machine are kept from reading a file (always true on Windows)."""
    return sys.platform == "win32" or path.stat().st_mode & 0o077 == 0


@contextlib.contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` for each Ctrl-C, SIGTERM (and Ctrl-Break on Windows), in the main thread.

    `signal.signal` instead of the event loop's own handlers, which Windows does not have.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    elif signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)  # the terminal was closed, and nobody said nohup
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def claim_address(listener: socket.socket) -> None:
    """Let a restarted server have its port at once, and nobody else have it at the same time.

    On POSIX SO_REUSEADDR skips the TIME_WAIT of the last run. On Windows the same option lets
    another program steal a port in use, so there it is SO_EXCLUSIVEADDRUSE.
    """
    if sys.platform == "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    elif listener.type == socket.SOCK_STREAM:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def open_file_limit() -> int | None:
    """Say how many sockets and files this process may hold; None where there is no such limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_open_file_limit() -> None:
    """Raise the soft limit towards the hard one: macOS starts at 256, one socket a participant."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS refuses values above its kern.maxfilesperproc although the hard limit is infinite.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def network_addresses() -> list[IpAddress]:
    """List the addresses under which others reach this machine, the most likely one first.

    Loopback, addresses of inner networks (containers) and link-local IPv6 (a browser cannot write
    the zone that it needs) are left out.
    """
    import ifaddr

    found: dict[IpAddress, None] = {}
    for adapter in ifaddr.get_adapters():
        if str(adapter.nice_name).startswith(INNER_ADAPTERS) or "vEthernet" in adapter.nice_name:
            continue
        for one in adapter.ips:
            ip = ipaddress.ip_address(one.ip if isinstance(one.ip, str) else one.ip[0])
            if not ip.is_loopback and not (ip.version == 6 and ip.is_link_local):
                found[ip] = None
    way_out = _address_towards_others()
    return sorted(found, key=lambda ip: (ip != way_out, ip.version, ip.is_link_local, int(ip)))


def _address_towards_others() -> IpAddress | None:
    """Give the address that a packet to elsewhere would leave from; none is sent."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        probe.connect(("192.0.2.1", 9))  # RFC 5737: an address that belongs to nobody
        return ipaddress.ip_address(probe.getsockname()[0])
    return None


def link_speed_bps(routes: Path = ROUTES, cards: Path = CARDS) -> int | None:
    """Say how fast the network card towards the internet is; None where the system does not tell
    (Wi-Fi, a virtual machine, anything but Linux).

    Source: Linux, Documentation/ABI/testing/sysfs-class-net, `speed` in Mbit/s.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in routes.read_text("ascii").splitlines()[1:]:
            card, destination, *_ = line.split()
            if destination == "00000000":
                speed_mbps = int((cards / card / "speed").read_text("ascii"))
                return speed_mbps * 1_000_000 if speed_mbps > 0 else None
    return None


def host_name() -> str:
    """Give the name of this machine in lower case, without its domain."""
    return socket.gethostname().lower().partition(".")[0]


def colour_terminal() -> bool:
    """Tell whether people see standard output on a terminal that knows colours.

    Source: https://no-color.org
    """
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
