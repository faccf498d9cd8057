"""How moim itself speaks HTTPS to the internet: by a domain's certificate, or by one's own.

The root reads the settings here and hands small objects on. The local network's CA is in
`moim.lan`.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from moim.listening import ListenError, Listeners, listen
from moim.settings import Settings, SettingsError

if TYPE_CHECKING:
    from moim.https.authority import Authority

HSTS_AUTO_S: Final = 180 * 24 * 3600
HTTPS_PORT: Final = 443

Say = Callable[[str], None]


@dataclass(frozen=True)
class Front:
    """What new connections are shown, who keeps it fresh, and what the port for HTTP answers."""

    context: Callable[[], ssl.SSLContext]
    keep: Callable[[], Awaitable[None]]
    is_public: Callable[[], bool]
    names: tuple[str, ...]
    answers: Mapping[str, str] = field(default_factory=dict)


def front_of(settings: Settings, say: Say) -> Front | None:
    """Make the front that the settings ask for; None when moim itself speaks no HTTPS with them.

    Raises: CertificateError, OSError.
    """
    if settings.domain:
        from moim.https.acme_folder import AcmeFolder
        from moim.https.domain import Domain

        folder = AcmeFolder.of(settings.data_dir, settings.acme_directory)
        domain = Domain.load(settings.domain, folder, authority_of(settings), say)
        return Front(
            context=domain.served.current_context,
            keep=domain.keep,
            is_public=lambda: domain.is_public,
            names=domain.names,
            answers=domain.answers,
        )
    if settings.cert is not None:
        from moim.https.own_files import OwnFiles, advice

        own = OwnFiles.load(settings.cert, settings.key or settings.cert)
        advice(own.served.certificate, own.served.is_public, say)
        return Front(
            context=own.served.current_context,
            keep=own.keep,
            is_public=lambda: own.served.is_public,
            names=tuple(name for name in own.served.certificate.names if "*" not in name),
        )
    return None


def authority_of(settings: Settings) -> "Authority":
    """Give the certificate authority that the settings name; nothing is asked of it yet."""
    from moim.https.acme_folder import AcmeFolder
    from moim.https.authority import Authority

    return Authority(
        settings.acme_directory,
        AcmeFolder.of(settings.data_dir, settings.acme_directory),
        email=settings.acme_email,
        ca_file=settings.acme_ca_file,
    )


def check_agreement(settings: Settings) -> None:
    """Refuse to ask an authority whose terms nobody has agreed to.

    Raises: SettingsError, with the address of the terms where it can be had.
    """
    if not settings.domain or settings.acme_agree:
        return
    from moim.https.refusals import NotIssued

    try:
        terms = asyncio.run(authority_of(settings).terms())
    except NotIssued:
        terms = None
    host = urlsplit(settings.acme_directory).hostname
    raise SettingsError(
        f"The certificate authority {host} asks you to agree to its terms"
        f"{f' ({terms})' if terms else ''}. If you do, start with --agree-terms "
        "(MOIM_ACME_AGREE=on)."
    )


def host_to_listen_on(settings: Settings) -> str:
    """Whoever speaks HTTPS wants to be reached by others: then `localhost` means everywhere."""
    return "0.0.0.0" if settings.secure and settings.host == "localhost" else settings.host  # noqa: S104


def listen_for(settings: Settings) -> Listeners:
    """Take the TCP ports, that for plain HTTP included.

    Raises: ListenError, with what helps where a port of the web cannot be had.
    """
    host = host_to_listen_on(settings)
    listeners = _taken(host, settings.port, settings)
    if settings.http_port is not None:
        try:
            listeners.plain = _taken(host, settings.http_port, settings).tcp
        except ListenError:
            listeners.close()
            raise
    return listeners


def _taken(host: str, port: int, settings: Settings) -> Listeners:
    try:
        return listen(host, port)
    except ListenError as error:
        if not settings.domain and port != settings.http_port:
            raise
        match error.code:
            case "port_forbidden":
                words = (
                    f"This system does not let moim use port {port}. Give the service "
                    "AmbientCapabilities=CAP_NET_BIND_SERVICE, or have the router lead 443 and 80 "
                    "to other ports (docs/share/domain.md)."
                )
            case "port_busy":
                words = (
                    f"Port {port} is used by another program, perhaps a web server. Stop that one, "
                    "or let it lead to moim instead (docs/share/proxy.md)."
                )
            case _:
                raise
        raise ListenError(error.code, words) from None


def hsts_max_age_s(setting: str) -> int | None:
    """Read MOIM_HSTS: seconds, or None for never."""
    match setting:
        case "off":
            return None
        case "auto":
            return HSTS_AUTO_S
        case seconds:
            return int(seconds)


def secure_origin(name: str, port: int) -> str:
    """Give the https:// address of a name."""
    host = f"[{name}]" if ":" in name else name
    return f"https://{host}" if port == HTTPS_PORT else f"https://{host}:{port}"


async def open_plain_port(
    settings: Settings, listeners: Listeners, front: Front | None
) -> Sequence[asyncio.Server]:
    """Answer plain HTTP on its own port, where there is one.

    Behind a router that leads 443 to another port, browsers must hear of 443: the public address
    says so.
    """
    if not listeners.plain:
        return ()
    from moim.https.plain_port import PlainPort

    public = urlsplit(settings.public_url) if settings.public_url else None
    port = PlainPort(
        names=front.names if front else (),
        answers=front.answers if front else {},
        https_port=(public.port or HTTPS_PORT) if public else listeners.port,
        for_good=front.is_public if front else lambda: False,
        head_s=settings.head_timeout_s,
    )
    loop = asyncio.get_running_loop()
    return [await loop.create_server(port.protocol, sock=one) for one in listeners.plain]
