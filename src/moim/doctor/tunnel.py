"""The way out by a tunnel: what is installed for it, and whether the places used before answer.

Nobody is asked who has not been a tunnel's other end before, or is named in the settings.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from moim import platform
from moim.doctor.finding import BAD, NOTE, OK, Finding
from moim.settings import Settings, variable_of
from moim.tunnel.client import cloudflared
from moim.tunnel.client.host_keys import HostKeys
from moim.tunnel.client.own_key import FILE, tunnel_folder
from moim.tunnel.client.places import place
from moim.tunnel.errors import TunnelError
from moim.tunnel.extra import has_asyncssh

WHAT: Final = "Tunnel"
KEY: Final = "Tunnel key"
PLACE: Final = "Tunnel server"
PATIENCE_S: Final = 5


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything that a tunnel needs; one that nobody asked for is worth a note at most."""
    yield programs(asked_for=settings.tunnel is not None)
    yield key(settings)
    places = set(HostKeys(tunnel_folder(settings.data_dir)).hosts())
    if settings.tunnel is not None:
        try:
            named = place(settings.tunnel)
        except TunnelError as error:
            yield Finding(BAD, PLACE, f"{variable_of('tunnel')}: {error}")
        else:
            if not named.is_cloudflared:
                places.add((named.host, named.port))
            elif cloudflared.find() is None:
                yield Finding(BAD, PLACE, "cloudflared is named and is not installed.")
    for host, port in sorted(places):
        yield await answers(host, port)


def programs(*, asked_for: bool) -> Finding:
    """Which kinds of tunnel this machine can open."""
    kinds = [
        *(["SSH"] if has_asyncssh() else []),
        *(["cloudflared"] if cloudflared.find() else []),
    ]
    if kinds:
        return Finding(OK, WHAT, f"over {' or '.join(kinds)}")
    return Finding(
        BAD if asked_for else NOTE,
        WHAT,
        "none can be opened: `pip install 'moim[tunnel]'` if you want one.",
    )


def key(settings: Settings) -> Finding:
    """The key that this machine shows to the other end."""
    named = settings.tunnel_key
    path = named.expanduser() if named else tunnel_folder(settings.data_dir) / FILE
    if not path.exists():
        if named is not None:
            return Finding(BAD, KEY, f"there is no key {path}: set {variable_of('tunnel_key')}.")
        return Finding(OK, KEY, "made when a tunnel is opened")
    if not platform.is_private(path):
        return Finding(BAD, KEY, f"others can read {path}: run `chmod 600 {path}`.")
    return Finding(OK, KEY, str(path))


async def answers(host: str, port: int) -> Finding:
    """Whether an SSH server speaks there. Source: RFC 4253, section 4.2 (its first words)."""
    said = b""
    with suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                while said[:4] != b"SSH-" and (line := await reader.readline()):
                    said = line
            finally:
                writer.close()
    if said[:4] == b"SSH-":
        return Finding(OK, PLACE, f"{host} answers on port {port}")
    return Finding(
        NOTE,
        PLACE,
        f"{host} does not answer on port {port}. Your network may let no SSH out: "
        "`--tunnel cloudflared` goes over the web's port.",
    )
