"""The TURN server: does it really relay, over each way that browsers are told, and no further.

A credential as a participant gets it is shown, a relayed address is asked for and given back. That
finds a wrong secret, a closed port and an old certificate before a call does.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from moim.doctor.finding import BAD, NOTE, OK, Finding
from moim.media.turn import turn_credential
from moim.media.turn.client import (
    Allocation,
    Transport,
    TurnClient,
    TurnRefused,
    TurnSilent,
    connect,
)
from moim.settings import Settings, variable_of

PATIENCE_S: Final = 5
LIFETIME_S: Final = 300
IDENTITY: Final = "doctor"
DEFAULT_PORT: Final = {"turn": 3478, "turns": 5349}
FORBIDDEN: Final = 403
# Asked for, never sent to: the machine itself, a private network, the metadata of a cloud.
INSIDE: Final = ("127.0.0.1", "10.0.0.1", "169.254.169.254")

REFUSALS: Final = {
    401: f"does not take the credential: {variable_of('turn_secret')} must be its "
    "static-auth-secret, and both clocks must be right.",
    403: "forbids relaying to this machine.",
    437: "says that the allocation does not fit; try again.",
    440: "has no relay address of this family: give it a public IPv4 address, or write its "
    "configuration with `moim turn-config --family keep`.",
    486: "says that the quota is used up: raise user-quota and total-quota.",
    508: "has no port left to relay with: widen min-port and max-port.",
}


class Place(NamedTuple):
    """A `turn:` address, taken apart. Source: RFC 7065 section 3.1."""

    host: str
    port: int
    transport: Transport


def place_of(url: str) -> Place:
    """Read a `turn:` or `turns:` address that the settings have let pass."""
    scheme, _, rest = url.partition(":")
    where, _, query = rest.partition("?")
    found = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::(\d+))?", where)
    if found is None:
        raise ValueError(f"{url} names no host")
    host, port = found[1].strip("[]"), int(found[2] or DEFAULT_PORT[scheme])
    over_tcp = query == "transport=tcp"
    transport: Transport = "tls" if scheme == "turns" else "tcp" if over_tcp else "udp"
    return Place(host, port, transport)


async def examine(
    settings: Settings, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Finding]:
    """Try every TURN address of the settings."""
    if settings.turn_secret is None:
        return
    secret = settings.turn_secret.get_secret_value()
    for url in settings.turn_urls:
        yield await relays(url, secret, tls)


async def relays(url: str, secret: str, tls: ssl.SSLContext | None = None) -> Finding:
    """Ask one TURN address for a relayed address, and whether it would relay inside."""
    what = "TURN"
    try:
        host, port, transport = place_of(url)
    except ValueError as error:
        return Finding(BAD, what, f"{error}.")
    shown = f"{'UDP' if transport == 'udp' else 'TCP'} port {port} of {host}"
    credential = turn_credential(secret, IDENTITY, int(time.time()) + LIFETIME_S)
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            connect(host, port, transport, credential, tls=tls) as client,
        ):
            allocation = await client.allocate()
            inside = await opens_inside(client)
            await client.release()
    except TurnRefused as error:
        return Finding(BAD, what, f"{url} {REFUSALS.get(error.code, f'refuses: {error}.')}")
    except (TimeoutError, TurnSilent):
        return Finding(
            BAD, what, f"{url} does not answer: start coturn, and let firewalls pass {shown}."
        )
    except socket.gaierror:
        return Finding(BAD, what, f"{url}: nobody knows {host}. Give it a DNS record.")
    except ssl.SSLCertVerificationError as error:
        return Finding(
            BAD,
            what,
            f"{url}: browsers will not trust its certificate ({error.verify_message}). Give "
            f"coturn one for {host}, and restart it after each renewal.",
        )
    except ssl.SSLError:
        return Finding(BAD, what, f"{url}: {shown} speaks no TLS. Give coturn cert and pkey.")
    except OSError as error:
        return Finding(
            BAD, what, f"{url}: {shown} is closed ({error.strerror or error}). Start coturn."
        )
    return judged(url, host, allocation, inside)


async def opens_inside(client: TurnClient) -> list[str]:
    """Addresses behind the server that it would relay to; asking sends nothing there."""
    opened = []
    for address in INSIDE:
        try:
            await client.permit(ipaddress.ip_address(address))
        except TurnRefused as error:
            if error.code != FORBIDDEN:
                continue  # another family, or a limit: not opened either
        else:
            opened.append(address)
    return opened


def judged(url: str, host: str, allocation: Allocation, inside: list[str]) -> Finding:
    """Say what a relayed address means."""
    relayed = allocation.relayed.ip
    if inside:
        return Finding(
            BAD,
            "TURN",
            f"{url} relays into the network behind it ({', '.join(inside)}): strangers get in. "
            "Use the configuration that `moim turn-config` prints.",
        )
    if relayed.is_private and not _private(host):
        return Finding(
            NOTE,
            "TURN",
            f"{url} relays with {relayed}, which others cannot reach: write its configuration "
            "with `moim turn-config --external PUBLIC/PRIVATE`.",
        )
    return Finding(OK, "TURN", f"{url} relays with {relayed}")


def _private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
