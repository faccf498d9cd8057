"""What every view and resource is given: one object, made by `wiring.make_site`, never global."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from moim.http.files import FileDesk
from moim.http.forwarded import HeaderFamily
from moim.http.headers import no_addresses
from moim.http.identity import Identities
from moim.http.images import ImageDesk
from moim.http.links import Links
from moim.http.origins import Origins
from moim.http.own_files import OwnFiles
from moim.http.ports import Rooms
from moim.http.rates import Rate
from moim.http.rendering import Pages
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import Identity

CSRF_FIELD = "csrf"
CSRF_HEADER = "x-moim-csrf"

IceServer = Mapping[str, str | Sequence[str]]
IceServers = Callable[[str], Sequence[IceServer]]
"""The ICE servers (W3C RTCIceServer) for a page that was asked for under this host name."""


def no_port() -> int | None:
    """Where the SFU is somebody else's, its ports are theirs."""
    return None


def no_relay() -> bool:
    """Whether two networks that let no call pass have a way all the same."""
    return False


def no_ice_servers(_: str) -> Sequence[IceServer]:
    """Browsers of one network find each other without any."""
    return ()


def no_network_probes(_: str) -> Sequence[str]:
    """Without STUN servers a browser learns nothing of its router."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What `moim.app` picks from the settings for the pages. Sizes in bytes."""

    version: str = "0"
    root_path: str = ""
    public_url: str | None = None
    allowed_origins: tuple[str, ...] = ()
    frame_ancestors: tuple[str, ...] = ()
    livekit_url: str | None = None
    """The LiveKit server that pages connect to, where it is not ours."""
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    forwarded_header: HeaderFamily = "x-forwarded"
    ice_servers: IceServers = no_ice_servers
    network_probes: Callable[[str], Sequence[str]] = no_network_probes
    """STUN addresses by which a page finds out what kind of network it is in."""
    relay: Callable[[], bool] = no_relay
    """Whether there is a TURN server."""
    figures: Callable[[], Mapping[str, float]] = dict
    """What this server does at this moment, by name."""
    metrics_token: str | None = None
    sfu: bool = False
    """Whether meetings may move to an SFU."""
    sfu_udp_port: Callable[[], int | None] = no_port
    """The UDP port of moim's own SFU, for whoever has to open it."""
    sfu_addresses: Callable[[], Collection[str]] = no_addresses
    """Of several servers, where pages reach each one's SFU past the proxy, as of now."""
    dev: bool = False
    image_max_bytes: int = 10 * 1024 * 1024
    image_max_pixels: int = 40_000_000
    rooms_per_hour: int = 30
    images_per_minute: int = 30
    files_per_minute: int = 30


@dataclass(frozen=True, slots=True)
class Rates:
    """Token buckets of what the pages let people do."""

    rooms: Rate
    images: Rate
    files: Rate
    secrets: Rate
    identities: Rate
    exports: Rate
    lines: Rate
    trials: Rate

    @classmethod
    def of(cls, options: Options) -> "Rates":
        """As the settings say. Guessing at host links is slowed for everyone alike."""
        return cls(
            rooms=Rate(options.rooms_per_hour, 3600),
            images=Rate(options.images_per_minute, 60),
            files=Rate(options.files_per_minute, 60),
            secrets=Rate(30, 600),
            identities=Rate(60, 600),
            exports=Rate(10, 600),
            # a look is up to four of the ones and one of the others; a class may share an address
            lines=Rate(240, 600),
            trials=Rate(60, 600),
        )


def bearer_token(connection: HTTPConnection) -> str | None:
    """The token that a program has put into the request, if any. Other schemes are no proof of
    anything: browsers add Basic by themselves."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that the pages are made of."""

    options: Options
    rooms: Rooms
    images: ImageDesk
    files: FileDesk
    identities: Identities
    origins: Origins
    pages: Pages
    own: OwnFiles
    rates: Rates = field(repr=False)

    def links(self, request: Request) -> Links:
        """The addresses for this reader."""
        return self.pages.links(request)

    async def reader(self, request: Request) -> Identity:
        """Who reads a page; somebody new gets an identity, which `remember` puts into the answer.

        Raises: `identity_missing` where another app decides and does not know them.
        """
        return await self.identities.identify(request) or self.identities.mint()

    def remember(self, response: Response, request: Request, identity: Identity) -> Response:
        """Keep the reader's identity in the browser."""
        self.identities.remember(response, request, identity)
        return response

    async def caller(self, connection: HTTPConnection) -> Identity:
        """Who asks for a resource: by `Authorization: Bearer <token>`, else by cookie.

        Raises: `identity_missing`, `identity_invalid`.
        """
        identity = await self.identities.identify(connection, bearer_token(connection))
        if identity is None:
            raise Refused(ErrorCode.IDENTITY_MISSING)
        return identity

    async def guard_resource(self, request: Request) -> Identity:
        """A caller who may change something: from a page of ours, and with its CSRF token unless
        the request proves itself with a bearer token, which no other site's page can add.

        Raises: `origin_refused`, `csrf_failed`, `identity_missing`, `identity_invalid`.
        """
        self.origins.check(request)
        identity = await self.caller(request)
        if bearer_token(request) is None:
            self.identities.check_csrf(identity, request.headers.get(CSRF_HEADER))
        return identity
