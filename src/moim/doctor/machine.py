"""The machine under moim: Python, data folder, disk, clock, ports. Nothing outside it is asked."""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Final

from moim import platform
from moim.doctor.finding import BAD, NOTE, OK, Finding
from moim.listening import ListenError, listen, listen_udp
from moim.media import stun
from moim.settings import Settings, SettingsError, signing_key, variable_of

OLDEST_PYTHON: Final = (3, 11)
LITTLE_DISK_BYTES: Final = 1024**3
NO_DISK_BYTES: Final = 100 * 1024**2
FEW_FILES: Final = 1024
CLOCK_TOLERANCE_S: Final = 120
PATIENCE_S: Final = 2


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything here, in the order in which a start would need it."""
    yield python()
    yield data_folder(settings)
    yield disk(settings.data_dir)
    yield clock(settings.data_dir, time.time())
    yield web_client()
    taken, finding = await port(settings)
    yield finding
    if settings.stun:
        yield await stun_answers(settings, running=taken)
    yield files()


def python() -> Finding:
    """Compare the running Python with the oldest that moim is written for."""
    running = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return Finding(BAD, "Python", f"{running} is too old: install Python {wanted} or newer.")
    return Finding(OK, "Python", f"{running} on {sys.platform}")


def data_folder(settings: Settings) -> Finding:
    """Write into the data folder, and read the key there."""
    folder = settings.data_dir
    try:
        platform.private_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
        signing_key(settings)
    except OSError as error:
        return Finding(
            BAD,
            "Data folder",
            f"{folder}: {error.strerror}. Give your account the right to write there, or set "
            f"{variable_of('data_dir')}.",
        )
    except SettingsError as error:
        return Finding(BAD, "Data folder", str(error))
    key = folder / "secret.key"
    if key.exists() and not platform.is_private(key):
        return Finding(
            NOTE, "Data folder", f"others can read {key}: run `chmod 600 {key}` to keep it yours."
        )
    return Finding(OK, "Data folder", str(folder))


def disk(folder: Path) -> Finding:
    """Look at the space left where the database grows."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    words = f"{free / 1024**3:.1f} GiB free"
    if free < NO_DISK_BYTES:
        return Finding(BAD, "Disk", f"{words}: messages cannot be saved. Make room.")
    if free < LITTLE_DISK_BYTES:
        return Finding(NOTE, "Disk", f"{words}: images will fill it soon.")
    return Finding(OK, "Disk", words)


def clock(folder: Path, now_s: float) -> Finding:
    """Compare the clock with what was written last: certificates and messages carry its time."""
    written = [moim_file.stat().st_mtime for moim_file in folder.glob("*") if moim_file.is_file()]
    if written and max(written) > now_s + CLOCK_TOLERANCE_S:
        return Finding(
            BAD, "Clock", "it is behind the newest file in the data folder: set the clock right."
        )
    return Finding(OK, "Clock", time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(now_s)))


def web_client() -> Finding:
    """Find the built pages of the meeting."""
    built = resources.files("moim.http") / "static" / "app"
    if built.is_dir() and any(built.iterdir()):
        return Finding(OK, "Web client", "built")
    return Finding(BAD, "Web client", "not built: run `make build` here, or install moim's wheel.")


async def port(settings: Settings) -> tuple[bool, Finding]:
    """Take the TCP port for a moment, or find that moim itself has it (then true)."""
    if not settings.port:
        return False, Finding(OK, "Port", "any free one")
    try:
        listen(settings.host, settings.port).close()
    except ListenError as error:
        if error.code == "port_busy" and await _is_moim(settings):
            return True, Finding(OK, "Port", f"{settings.port}: moim is running there")
        return False, Finding(BAD, "Port", str(error))
    return False, Finding(OK, "Port", f"{settings.port} is free")


async def _is_moim(settings: Settings) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("localhost", settings.port)
            request = f"GET {settings.root_path}/healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"
            try:
                writer.write(request.encode())
                return (await reader.read(4096)).split(b" ")[1:2] == [b"200"]
            finally:
                writer.close()
    return False


async def stun_answers(settings: Settings, *, running: bool) -> Finding:
    """Ask the STUN server of a running moim, or one started for the question."""
    number = settings.stun_port
    server = stun.StunServer()
    try:
        if not running:
            sockets = listen_udp("localhost", number)
            number = sockets[0].getsockname()[1]
            await server.start(sockets)
        seen = await _ask_stun(number)
    except ListenError as error:
        return Finding(BAD, "STUN", f"UDP: {error}")
    finally:
        server.stop()
    if not seen:
        return Finding(
            BAD,
            "STUN",
            f"no answer on UDP port {number}: let the firewall pass UDP {number} to moim.",
        )
    return Finding(OK, "STUN", f"answers on UDP port {number}")


async def _ask_stun(number: int) -> bool:
    loop = asyncio.get_running_loop()
    transaction_id = os.urandom(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.connect(("127.0.0.1", number))
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await loop.sock_sendall(asking, stun.binding_request(transaction_id))
                reply = await loop.sock_recv(asking, stun.MAX_REQUEST_BYTES)
                return reply[8:20] == transaction_id
    return False


def files() -> Finding:
    """Look at how many sockets this process may hold."""
    limit = platform.open_file_limit()
    if limit is not None and limit < FEW_FILES:
        return Finding(
            NOTE,
            "Open files",
            f"{limit} at once; moim raises it as far as it may. `ulimit -n 4096` gives more.",
        )
    return Finding(OK, "Open files", "no limit" if limit is None else f"{limit} at once")
