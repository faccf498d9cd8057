"""Network namespaces: machines of cable and kernel, made for one test and gone after it.

Every link is made inside the namespaces themselves, so the machine's own network never changes.
Names hold the id of the process that made them: what a killed run has left is swept by the next.

Source: ip-netns(8), setns(2), veth(4).
"""

import atexit
import ctypes
import itertools
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from tests.programs import need

PREFIX: Final = "moim"
_NAMED: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000
_COMMAND_S: Final = 30

# No duplicate address detection (an address would be unusable for a second) and no router
# advertisements: what is set is what holds.
_SYSCTLS: Final = tuple(
    f"net/ipv6/conf/{which}/{key}=0"
    for which in ("all", "default")
    for key in ("accept_dad", "accept_ra")
)

T = TypeVar("T")

_count = itertools.count(1)
_alive: list["Namespace"] = []


class Namespace:
    """One machine of a test network."""

    def __init__(self, role: str) -> None:
        self.name = f"{PREFIX}-{os.getpid()}-{next(_count)}-{role}"
        _run([need("ip"), "netns", "add", self.name])
        _alive.append(self)
        self.ip("link", "set", "lo", "up")
        self.sysctl(*_SYSCTLS)

    def close(self) -> None:
        """Take the machine away with its links; what still runs in it is the caller's to end."""
        if self in _alive:
            _alive.remove(self)
            _run([need("ip"), "netns", "delete", self.name])

    @property
    def prefix(self) -> list[str]:
        """The words before a command that is to run on this machine."""
        return [need("ip"), "netns", "exec", self.name]

    def ip(self, *words: str) -> None:
        """`ip` on this machine, such as `ip("link", "set", "lan", "up")`."""
        _run([need("ip"), "-n", self.name, *words])

    def sysctl(self, *assignments: str) -> None:
        """Set kernel values of this machine alone, such as `net/ipv4/ip_forward=1`."""

        def write() -> None:
            for assignment in assignments:
                path, _, value = assignment.partition("=")
                Path("/proc/sys", path).write_text(value, encoding="ascii")

        self.inside(write)

    def nft(self, rules: str) -> None:
        """Load a ruleset in the place of the one that was there."""
        _run([*self.prefix, need("nft"), "-f", "-"], f"flush ruleset\n{rules}")

    def inside(self, action: Callable[[], T]) -> T:
        """Do something in a thread of this machine; a socket made there stays there for good."""

        def enter() -> T:
            with (_NAMED / self.name).open("rb") as handle:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(handle.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns to {self.name}")
            return action()

        # The thread ends with its pool, and serves nothing else.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(enter).result()


def cable(one: Namespace, its: str, other: Namespace, others: str) -> None:
    """Join two machines: interface `its` of the one is at the other end of `others`."""
    peer = ("peer", "name", others, "netns", other.name)
    one.ip("link", "add", its, "type", "veth", *peer)
    one.ip("link", "set", its, "up")
    other.ip("link", "set", others, "up")


def sweep() -> None:
    """Take away what runs that were killed have left."""
    for path in _NAMED.glob(f"{PREFIX}-*-*-*"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists():
            subprocess.run([need("ip"), "netns", "delete", path.name], check=False)


def _run(command: Sequence[str], text: str | None = None) -> None:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=_COMMAND_S
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}{text or ''}")


def _close_all() -> None:
    for namespace in tuple(_alive):
        namespace.close()


# A fixture closes its own; this is for a run that Ctrl-C ended half way.
atexit.register(_close_all)
