"""A cable between two machines of a test network that is as bad as one likes.

Each end is a TAP device; a thread of this process carries the frames from one to the other and
asks an `impairment.Line` for each what becomes of it. It serves any program on those machines: a
browser, an SDK, a server.

    with World() as world:                         # or two `Namespace`s of one's own
        a, b = world.machine("a"), world.machine("b")
        with BadCable(a, "eth0", b, "eth0", Conditions(loss=0.05, delay_ms=20), seed=1):
            a.ip("addr", "add", "192.168.9.1/24", "dev", "eth0")
            b.ip("addr", "add", "192.168.9.2/24", "dev", "eth0")
            ...                                    # python in the way: some thousand packets a s

Source: Linux, Documentation/networking/tuntap.rst.
"""

import heapq
import itertools
import os
import select
import struct
import threading
import time
from functools import partial
from types import TracebackType
from typing import Final, Self

from tests.network.impairment import Conditions, Line
from tests.network.namespaces import Namespace

_TUN: Final = "/dev/net/tun"
_TUNSETIFF: Final = 0x400454CA
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_FRAME_BYTES: Final = 2048
_ETHERTYPES_OF_IP: Final = (b"\x08\x00", b"\x86\xdd")
_IDLE_S: Final = 1.0
_AT_ONCE: Final = 64


class BadCable:
    """Joins two machines while it is entered; `there` is the way from the first to the second.

    What finds addresses (ARP) passes as on a perfect cable: a call that cannot begin for a second
    says nothing about the loss in it. IPv6 does that with packets like all others.
    """

    def __init__(
        self,
        one: Namespace,
        its: str,
        other: Namespace,
        others: str,
        conditions: Conditions,
        *,
        seed: int,
        back: Conditions | None = None,
    ) -> None:
        """`conditions` hold for both directions, unless `back` says otherwise for the second."""
        self._ends = ((one, its), (other, others))
        self.there = Line(conditions, seed)
        self.back = Line(conditions if back is None else back, seed + 1)
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._carry, name="bad cable", daemon=True)
        self._taps: list[int] = []

    def __enter__(self) -> Self:
        for machine, name in self._ends:
            self._taps.append(machine.inside(partial(_tap, name)))
            machine.ip("link", "set", name, "up")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.write(self._stop_write, b"x")
        self._thread.join()
        for one in (*self._taps, self._stop_read, self._stop_write):
            os.close(one)

    def become(self, conditions: Conditions, *, seed: int) -> None:
        """Be as good or bad as this from now on, in both directions."""
        self.there, self.back = Line(conditions, seed), Line(conditions, seed + 1)

    def _carry(self) -> None:
        one, other = self._taps
        poll = select.poll()
        for handle in (one, other, self._stop_read):
            poll.register(handle, select.POLLIN)
        waiting: list[tuple[float, int, int, bytes]] = []
        number = itertools.count()
        while True:
            pause_s = waiting[0][0] - time.monotonic() if waiting else _IDLE_S
            ready = poll.poll(max(0.0, pause_s) * 1000)
            for handle, _ in ready:
                if handle == self._stop_read:
                    return
                line, to = (self.there, other) if handle == one else (self.back, one)
                for frame in _frames(handle):
                    at_s: float | None = time.monotonic()
                    if frame[12:14] in _ETHERTYPES_OF_IP:
                        at_s = line.carry(len(frame), time.monotonic())
                    if at_s is not None:
                        heapq.heappush(waiting, (at_s, next(number), to, frame))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, to, frame = heapq.heappop(waiting)
                _send(to, frame)


def _tap(name: str) -> int:
    """Make a TAP device of this name on the machine of the calling thread."""
    import fcntl  # not on every system, where these tests are skipped and counted all the same

    handle = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK)
    try:
        request = struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI)
        fcntl.ioctl(handle, _TUNSETIFF, request)
    except OSError:
        os.close(handle)
        raise
    return handle


def _frames(handle: int) -> list[bytes]:
    """What waits at a device, up to a number that leaves the other direction its turn."""
    found: list[bytes] = []
    try:
        while len(found) < _AT_ONCE:
            found.append(os.read(handle, _FRAME_BYTES))
    except BlockingIOError:
        pass
    return found


def _send(handle: int, frame: bytes) -> None:
    try:
        os.write(handle, frame)
    except OSError:
        # The other machine takes no more, or was taken away: a frame is lost, as on a real cable.
        return
