"""HTTPS for the internet: certificate, authority, DNS record, ports, and a proxy in front.

Asked are this machine, its own name, and the certificate authority that it is set to use.
"""

import asyncio
import http.client
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from moim import platform
from moim.doctor.finding import BAD, NOTE, OK, Finding, Level
from moim.front import authority_of, secure_origin
from moim.https import certificate
from moim.https.acme_folder import AcmeFolder, asked_for
from moim.https.certificate import Certificate, CertificateError, missing_names
from moim.https.refusals import NotIssued
from moim.https.schedule import renewal_time
from moim.listening import ListenError, listen
from moim.settings import Settings

PATIENCE_S: Final = 10
ENDS_SOON: Final = timedelta(days=14)
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
ANSWER_BYTES: Final = 4096


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at what the settings ask for; nothing is said of what they do not."""
    now = datetime.now(UTC)
    if settings.domain:
        yield domain_certificate(settings, now)
        yield await authority(settings)
        yield await dns_record(settings.domain)
    if settings.cert is not None:
        yield own_certificate(settings, now)
    if settings.http_port:
        yield await http_port(settings, settings.http_port)
    if settings.domain:
        yield await way_in(settings.domain[0])
    if settings.public_url and settings.public_url.startswith("https://") and not settings.secure:
        yield await asyncio.to_thread(proxy, settings.public_url, settings.root_path)


def domain_certificate(settings: Settings, now: datetime) -> Finding:
    """Look at the certificate that is kept for the domain, and at what failed."""
    what = "Certificate"
    folder = AcmeFolder.of(settings.data_dir, settings.acme_directory)
    asked = asked_for(settings.domain, settings.acme_email)
    kept, attempts = folder.certificate(now), folder.attempts(asked)
    failed = f" The last try failed with {attempts.code}." if attempts.code else ""
    if kept is None:
        if not settings.acme_agree and not attempts.code:
            return Finding(NOTE, what, "none yet: `moim --agree-terms` gets one at the start.")
        level: Level = BAD if failed else NOTE
        return Finding(level, what, f"none yet: moim gets one when it is started.{failed}")
    if missing := missing_names(kept, settings.domain):
        return Finding(
            NOTE, what, f"not for {', '.join(missing)}: moim gets a new one at its start.{failed}"
        )
    if now > renewal_time(kept.begins, kept.ends) + ENDS_SOON / 2:
        return Finding(
            BAD,
            what,
            f"ends on {kept.ends:%Y-%m-%d} and is not renewed.{failed} Leave moim running, and "
            "look at the lines on certificates in its log.",
        )
    return Finding(OK, what, f"{', '.join(kept.names)} until {kept.ends:%Y-%m-%d}")


def own_certificate(settings: Settings, now: datetime) -> Finding:
    """Read one's own certificate as a start would, and as a browser will."""
    what = "Certificate"
    chain = settings.cert
    assert chain is not None  # noqa: S101 - asked for by `examine`
    try:
        read = certificate.read(chain, settings.key or chain, now)
    except CertificateError as error:
        return Finding(BAD, what, f"{error} ({error.code})")
    host = urlsplit(settings.public_url or "").hostname
    if host and not read.covers(host):
        names = ", ".join(read.names) or "no name"
        return Finding(BAD, what, f"it is for {names}, but MOIM_PUBLIC_URL says {host}.")
    return Finding(*_of_own(read, now))


def _of_own(read: Certificate, now: datetime) -> tuple[Level, str, str]:
    ends = f"{', '.join(read.names)} until {read.ends:%Y-%m-%d}"
    if read.ends - now < ENDS_SOON:
        return NOTE, "Certificate", f"{ends}: put a new one in its place soon."
    if read.is_self_signed:
        return NOTE, "Certificate", f"{ends}: it vouches for itself, browsers warn."
    if not read.is_public(now):
        return (
            NOTE,
            "Certificate",
            f"{ends}: browsers do not know who signed it. Its file may lack the certificates "
            "between (take fullchain.pem).",
        )
    return OK, "Certificate", ends


async def authority(settings: Settings) -> Finding:
    """Ask the certificate authority what time it is: it is there, and our clock is right."""
    what = "Authority"
    host = urlsplit(settings.acme_directory).hostname
    try:
        ahead = await authority_of(settings).clock_ahead(datetime.now(UTC))
    except NotIssued as error:
        return Finding(BAD, what, f"{error} ({error.code})")
    if ahead is not None and abs(ahead) > CLOCK_TOLERANCE:
        return Finding(
            BAD,
            what,
            f"its clock and ours differ by {abs(ahead.total_seconds()) / 60:.0f} minutes: set "
            "this machine's clock right.",
        )
    return Finding(OK, what, f"{host} answers")


async def dns_record(names: tuple[str, ...]) -> Finding:
    """Compare where the names lead with the addresses that this machine has."""
    what = "DNS record"
    own = {str(ip) for ip in platform.network_addresses()}
    elsewhere: dict[str, list[str]] = {}
    for name in names:
        found = await addresses_of(name)
        if not found:
            return Finding(
                BAD, what, f"{name} leads nowhere: give it an A record with your public address."
            )
        if others := sorted(found - own):
            elsewhere[name] = others
    if not elsewhere:
        return Finding(OK, what, f"{', '.join(names)}: this machine")
    name, others = next(iter(elsewhere.items()))
    return Finding(
        NOTE,
        what,
        f"{name} leads to {', '.join(others)}, which is no address of this machine. That is right "
        "behind a router that passes TCP 80 and 443 on; else correct the record (A and AAAA).",
    )


async def addresses_of(name: str) -> set[str]:
    """Look a name up; empty when there is none."""
    loop = asyncio.get_running_loop()
    with suppress(OSError, TimeoutError, UnicodeError):
        async with asyncio.timeout(PATIENCE_S):
            found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            return {str(where[0]).partition("%")[0] for *_, where in found}
    return set()


async def http_port(settings: Settings, port: int) -> Finding:
    """Take the port for plain HTTP for a moment, or find that moim has it."""
    what = "HTTP port"
    try:
        listen(settings.host, port).close()
    except ListenError as error:
        if error.code == "port_busy" and await _leads_to_https(port):
            return Finding(OK, what, f"{port}: moim is running there")
        return Finding(BAD, what, str(error))
    return Finding(OK, what, f"{port} is free")


async def _leads_to_https(port: int) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("localhost", port)
            try:
                writer.write(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
                head = await reader.read(ANSWER_BYTES)
                return head.split(b" ")[1:2] in ([b"307"], [b"308"]) and b"https://" in head
            finally:
                writer.close()
    return False


async def way_in(name: str) -> Finding:
    """Go to our own name from here, as a visitor does; not every router lets that pass."""
    what = "Way in"
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(name, 443, ssl=context)
            writer.close()
    except ssl.SSLCertVerificationError as error:
        return Finding(
            NOTE,
            what,
            f"{name} answers with a certificate that is refused: {error.verify_message}.",
        )
    except (OSError, TimeoutError, UnicodeError):
        return Finding(
            NOTE,
            what,
            f"{name} is not reached on port 443 from here. Some routers do not let a machine reach "
            f"itself by its public name: try {secure_origin(name, 443)} on a phone without Wi-Fi.",
        )
    return Finding(OK, what, f"{name} answers on port 443, with a certificate that browsers trust")


def proxy(public_url: str, root_path: str) -> Finding:
    """Visit the public address: does the proxy say HTTPS, and does it pass WebSockets on?"""
    what = "Proxy"
    try:
        page = _ask(public_url, f"{root_path}/", {})
        socket_answer = _ask(
            public_url,
            f"{root_path}/ws",
            {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            },
        )
    except ssl.SSLCertVerificationError as error:
        return Finding(
            BAD, what, f"browsers refuse its certificate: {error.verify_message}. Renew it there."
        )
    except (OSError, http.client.HTTPException):
        return Finding(
            NOTE,
            what,
            f"{public_url} is not reached from here: start moim and the proxy, then ask again.",
        )
    if page.status != http.client.OK:
        return Finding(
            BAD, what, f"{public_url} answers {page.status}: lead it to moim, and start moim."
        )
    if not any("secure" in cookie.lower().split("; ") for cookie in page.cookies):
        return Finding(
            BAD,
            what,
            "moim does not learn that visitors come over HTTPS: let the proxy set X-Forwarded-For "
            "and X-Forwarded-Proto, and name its address in MOIM_TRUSTED_PROXIES.",
        )
    if socket_answer.status != http.client.SWITCHING_PROTOCOLS:
        return Finding(
            BAD, what, "it does not pass WebSockets on: let it keep the Upgrade header (HTTP/1.1)."
        )
    return Finding(OK, what, f"{public_url} leads here, with HTTPS and WebSockets")


class _Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.cookies = answer.headers.get_all("set-cookie") or []


def _ask(origin: str, path: str, headers: dict[str, str]) -> _Answer:
    parts = urlsplit(origin)
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port, timeout=PATIENCE_S, context=ssl.create_default_context()
    )
    try:
        connection.request("GET", path, headers=headers)
        return _Answer(connection.getresponse())
    finally:
        connection.close()
