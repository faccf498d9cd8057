"""The composition root: settings in, one ASGI app out, nothing global.

    app = create_app()                       uvicorn --factory moim.app:create_app
    outer = FastAPI(lifespan=lifespan(app))  in another app, whose `identify` says who people are
    outer.mount("/meet", app)

An app that moim is mounted in must run moim's lifespan: servers run only the outer one's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Mount, WebSocketRoute
from starlette.types import ASGIApp

from moim.figures import figures_of
from moim.http import ca, livekit_webhook
from moim.http.files import FileDesk, FileRules
from moim.http.headers import no_addresses
from moim.http.identity import IdentifyPerson, Identities
from moim.http.links import host_of
from moim.http.scanning import Scanner
from moim.http.site import Options
from moim.http.wiring import add_pages, make_site
from moim.limits import app_limits, door_limits, engine_limits
from moim.live.alone import ALONE
from moim.live.clock import SystemClock
from moim.live.graces import GraceTimes
from moim.live.ids import RandomIds
from moim.live.registry import Registry
from moim.live.room import Tools
from moim.media.ice import Ice, turn_access
from moim.media.places import OnePlace
from moim.media.plane import Mesh
from moim.media.ways import Ways
from moim.meeting.errors import MoimError
from moim.meeting.feature import Limits
from moim.meeting.frames import IceSettings, WireLimits
from moim.meeting.ids import Identity
from moim.meeting.text import NAME_GRAPHEMES, TEXT_GRAPHEMES
from moim.own_sfu import PATH as SFU_PATH
from moim.own_sfu import missing as own_sfu_missing
from moim.reception import Reception
from moim.retention_sweep import RetentionSweep
from moim.settings import Settings, SettingsError, load_settings, signing_key
from moim.signalling import apps, socketio
from moim.signalling.door import Door, Greeting
from moim.signalling.engine import Engine
from moim.signalling.websocket import WebSocketDoor
from moim.storage.database import Database
from moim.storage.file_parts import FileParts
from moim.storage.files import FileStore, StoresOfRooms
from moim.storage.host_links import HostLinks
from moim.storage.image_sweep import ImageSweep
from moim.storage.images import ImageStore
from moim.storage.journal import Journal
from moim.storage.messages import Messages
from moim.storage.rooms import Rooms
from moim.storage.schema import bring_up_to_date
from moim.titles.fetch import PageTitles

if TYPE_CHECKING:
    from moim.cluster import Cluster
    from moim.media.sfu import SfuPlane
    from moim.own_sfu import OwnSfu
    from moim.sfu_gate import SfuGate

FAREWELL_S = 0.5
NODES = "/n"
"""Below it each of several servers has its own SFU's address, by its name."""
MOST_ON_A_MESH = 8
MOST_ON_THE_SFU = 50
SWEEPS_EVERY_S = 3600

Lifespan = Callable[[Any], AbstractAsyncContextManager[None]]


def create_app(
    settings: Settings | None = None,
    *,
    identify: IdentifyPerson | None = None,
    ways: Ways | None = None,
) -> FastAPI:
    """Make one moim. It opens nothing before its lifespan begins.

    `identify` is for an app that moim is mounted in: it says who is asking, instead of our cookie.
    `ways` is what a tunnel says of STUN and TURN, whenever it says it.
    Raises: SettingsError.
    """
    settings = settings or load_settings()
    identities = Identities(signing_key(settings), identify)
    cluster = _cluster(settings)
    database = Database(settings.database_url)
    plane, own_sfu = _plane(settings, cluster, database)
    gate = _gate(own_sfu, cluster)
    backend = _Backend.of(settings, cluster, database, plane)
    site = make_site(
        replace(
            _options(settings, ways or Ways(), backend.figures),
            sfu=plane.available,
            sfu_udp_port=lambda: own_sfu.udp_port if own_sfu is not None else None,
            sfu_addresses=cluster.sfu_addresses if cluster is not None else no_addresses,
        ),
        rooms=backend.reception,
        images=backend.images,
        files=backend.files,
        identities=identities,
    )
    door = Door(
        backend.registry,
        identities.identify,
        site.origins.check,
        _greeting(settings, ways or Ways(), _capacity(settings, plane)),
        door_limits(settings),
    )
    engine = Engine(
        engine_limits(settings),
        apps=cluster.apps if cluster is not None else None,
        sticky=cluster.sticky if cluster is not None else None,
    )
    socketio.SocketIoDoor(engine, door)
    apps.Apps(engine, door, app_limits(settings))

    @asynccontextmanager
    async def running(_: object) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if own_sfu is not None:
                await stack.enter_async_context(own_sfu.running(hear_sfu))
            await stack.enter_async_context(backend.running(engine.refuse_misled))
            try:
                yield
            finally:
                await farewell()
                await engine.stop()

    async def hear_sfu(body: str, token: str) -> bool:
        """Something has happened on the SFU: look. False when it is not the SFU that says so."""
        slug = plane.room_of(body, token) if not isinstance(plane, Mesh) else None
        if slug is None:
            return False
        with suppress(MoimError):
            (await backend.registry.find(slug)).planes.look()
        return True

    async def drain(stop_listening: Callable[[], None]) -> None:
        """Let the meetings on this server's SFU move away, while there is another for them."""
        if cluster is None or cluster.placing is None:
            return
        await cluster.placing.drain()
        stop_listening()  # who is told to come back is led to another one
        cluster.placing.send_back()
        if gate is not None:
            await gate.settled()

    async def farewell() -> None:
        """Tell everybody that the server stops, and close their sockets, while it still can."""
        backend.registry.say_goodbye()
        await engine.hang_up_all()
        with suppress(TimeoutError):
            await asyncio.wait_for(door.emptied(), FAREWELL_S)

    app = FastAPI(lifespan=running, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.rooms = backend.reception  # for the app around: make a room, ask for a role
    app.state.cluster = cluster  # for whoever watches it; None for one server
    app.state.drain = drain  # for the server: it may take a while, and all goes on meanwhile
    app.state.before_stop = farewell  # for the server: to be awaited while sockets are open
    app.router.routes.append(Mount("/socket.io", _shared(engine, settings.allowed_origins)))
    app.router.routes.append(WebSocketRoute("/ws", WebSocketDoor(door).serve))
    if gate is not None:
        app.router.routes.append(Mount(f"{SFU_PATH}{NODES}/{{node}}", gate))
    if own_sfu is not None:
        app.router.routes.append(Mount(SFU_PATH, gate or own_sfu))
    app.router.routes.append(livekit_webhook.route(hear_sfu))
    app.include_router(ca.router(settings.ca_certificate))
    add_pages(app, site)
    return app


def _plane(
    settings: Settings, cluster: "Cluster | None", database: Database
) -> "tuple[Mesh | SfuPlane, OwnSfu | None]":
    """What carries meetings beside the mesh: a LiveKit server, an SFU of our own, or nothing."""
    key, secret = settings.livekit_api_key, settings.livekit_api_secret
    url = settings.livekit_url
    if not settings.sfu and url is None:
        return Mesh(), None
    # Of several servers each would have an SFU to itself, with a part of a meeting's people,
    # unless they reach each other and agree on which of them a meeting's is.
    divided = settings.redis_url is not None and settings.node is None
    if url is None and (divided or own_sfu_missing() is not None):
        return Mesh(), None
    from moim.media.sfu import SfuPlane, secret_from
    from moim.own_sfu import KEY, OwnSfu

    if url is not None and key is not None and secret is not None:
        return SfuPlane(OnePlace(url, lambda: url), key, secret.get_secret_value()), None
    own_secret = secret_from(signing_key(settings))
    own = OwnSfu(settings, own_secret)
    path = settings.root_path + SFU_PATH
    if cluster is None or settings.node is None:
        return SfuPlane(OnePlace(path, lambda: own.api_url), KEY, own_secret), own
    mine = f"{settings.node_public_url or ''}{path}{NODES}/{settings.node}"
    placing = cluster.place(database, own, mine, f"{settings.node_url}{path}")
    return SfuPlane(placing, KEY, own_secret), own


def _gate(own: "OwnSfu | None", cluster: "Cluster | None") -> "SfuGate | None":
    """Where LiveKit clients come in; of several servers each has an address of its own, too, to
    which the proxy leads: where it does not, the servers pass on."""
    if own is None or cluster is None or cluster.placing is None:
        return None
    from moim.sfu_gate import SfuGate

    return SfuGate(own, cluster.placing)


def _capacity(settings: Settings, plane: "Mesh | SfuPlane") -> int:
    """How many people one meeting holds."""
    return settings.max_participants or (MOST_ON_THE_SFU if plane.available else MOST_ON_A_MESH)


def lifespan(*mounted: Starlette) -> Lifespan:
    """The lifespan of an app that these are mounted in."""

    @asynccontextmanager
    async def running(_: object) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in mounted:
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    return running


@dataclass(frozen=True, slots=True)
class _Backend:
    """Everything behind the doors."""

    database: Database
    registry: Registry
    reception: Reception
    images: ImageStore
    files: FileDesk
    sweep: ImageSweep
    retention: RetentionSweep
    cluster: "Cluster | None"
    plane: "Mesh | SfuPlane"
    figures: Callable[[], Mapping[str, float]]

    @classmethod
    def of(
        cls,
        settings: Settings,
        cluster: "Cluster | None",
        database: Database,
        plane: "Mesh | SfuPlane",
    ) -> "_Backend":
        images = ImageStore(settings.data_dir / "images", settings.room_images_max_bytes)
        parts = FileParts(settings.data_dir / "files")
        files = FileStore(database, parts, settings.room_files_max_bytes)
        rooms, journal, messages = Rooms(database), Journal(database), Messages(database)
        tools = Tools(
            journal=journal,
            messages=messages,
            files=StoresOfRooms(images, files),
            clock=SystemClock(),
            ids=RandomIds(),
            limits=Limits(
                participants=_capacity(settings, plane),
                mesh_most=settings.mesh_most,
                sfu=plane.available,
            ),
            plane=plane,
            graces=GraceTimes(settings.grace_s, settings.away_grace_s),
            titles=PageTitles() if settings.link_titles else None,
            bus=cluster.bus if cluster else ALONE,
            holders=cluster.join(database) if cluster else ALONE,
        )
        registry = Registry(rooms, tools)
        links = HostLinks(database)
        capacity = _capacity(settings, plane)
        reception = Reception(registry, rooms, links, journal, messages, plane, capacity)
        sweep = ImageSweep(images, journal, messages)
        kinds = frozenset(kind.lower().lstrip(".") for kind in settings.file_types)
        rules = FileRules(settings.file_max_bytes, kinds)
        desk = FileDesk(files, rules, Scanner(settings.file_scan_command), reception)
        retention = RetentionSweep(registry, rooms, messages, tools.clock)
        figures = partial(figures_of, registry, tools.figures, cluster)
        return cls(
            database, registry, reception, images, desk, sweep, retention, cluster, plane, figures
        )

    @asynccontextmanager
    async def running(self, refuse_misled: Callable[[str], None]) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self.plane.stop)
            await bring_up_to_date(self.database)
            if self.cluster is not None:
                together = self.cluster.running(self.registry, refuse_misled)
                await stack.enter_async_context(together)
            await self.registry.start()
            sweeping = [
                asyncio.create_task(self.sweep.for_ever(_until_next_sweep)),
                asyncio.create_task(self.retention.for_ever(_until_next_sweep)),
                asyncio.create_task(self.files.sweep_for_ever(_until_next_sweep)),
            ]
            try:
                yield
            finally:
                for task in sweeping:
                    task.cancel()
                await asyncio.gather(*sweeping, return_exceptions=True)
                await self.registry.stop()


def _cluster(settings: Settings) -> "Cluster | None":
    """What makes this server one of several, when it is. Raises: SettingsError."""
    needed = {
        "asyncpg": not settings.database_url.startswith("sqlite"),
        "redis": settings.redis_url,
    }
    missing = [name for name, wanted in needed.items() if wanted and find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"MOIM_DATABASE_URL and MOIM_REDIS_URL need {' and '.join(missing)}: "
            'pip install "moim[cluster]"'
        )
    if settings.redis_url is None:
        return None
    from moim.cluster import Cluster

    return Cluster.of(settings.redis_url)


async def _until_next_sweep() -> None:
    await asyncio.sleep(SWEEPS_EVERY_S)


def _shared(engine: ASGIApp, allowed_origins: tuple[str, ...]) -> ASGIApp:
    """Long polling from pages of other origins needs CORS; the door checks who they are."""
    if not allowed_origins:
        return engine
    return CORSMiddleware(
        engine,
        allow_origins=allowed_origins,
        allow_credentials=True,
        allow_methods=("GET", "POST"),
        allow_headers=("*",),
    )


def _ice(settings: Settings, ways: Ways) -> Callable[[], Ice]:
    secret = settings.turn_secret
    ice = Ice(
        stun_urls=tuple(url for url in settings.stun_urls if settings.stun or url != "own"),
        stun_port=settings.stun_port,
        second_stun_port=(settings.stun_second_port or None) if settings.stun else None,
        turn=turn_access(
            settings.turn_urls,
            secret.get_secret_value() if secret is not None else None,
            settings.turn_lifetime_s,
        ),
        policy=settings.ice_transport_policy,
    )
    return lambda: ways.over(ice, settings.turn_lifetime_s)


def _options(settings: Settings, ways: Ways, figures: Callable[[], Mapping[str, float]]) -> Options:
    ice = _ice(settings, ways)
    token = settings.metrics_token
    return Options(
        version=_version(),
        root_path=settings.root_path,
        public_url=settings.public_url,
        allowed_origins=settings.allowed_origins,
        frame_ancestors=settings.frame_ancestors,
        livekit_url=settings.livekit_url,
        trusted_proxies=settings.trusted_proxies,
        forwarded_header=settings.forwarded_header,
        ice_servers=lambda host: ice().servers(host),
        network_probes=lambda host: ice().probes(host),
        relay=lambda: ice().turn is not None,
        figures=figures,
        metrics_token=token.get_secret_value() if token is not None else None,
        dev=settings.dev,
        image_max_bytes=settings.image_max_bytes,
        image_max_pixels=settings.image_max_pixels,
        rooms_per_hour=settings.rooms_per_hour,
        images_per_minute=settings.images_per_minute,
        files_per_minute=settings.files_per_minute,
    )


def _greeting(settings: Settings, ways: Ways, capacity: int) -> Greeting:
    ice, clock = _ice(settings, ways), SystemClock()

    def for_page(http: HTTPConnection) -> list[dict[str, list[str]]]:
        return ice().servers(host_of(http))

    def for_seat(http: HTTPConnection, identity: Identity) -> IceSettings:
        return ice().for_seat(host_of(http), identity, clock.now_ms() / 1000)

    return Greeting(
        version=_version(),
        capacity=capacity,
        limits=WireLimits(
            name_graphemes=NAME_GRAPHEMES,
            text_graphemes=TEXT_GRAPHEMES,
            image_bytes=settings.image_max_bytes,
            file_bytes=settings.file_max_bytes,
        ),
        ice_servers=for_page,
        ice=for_seat,
        now_ms=clock.now_ms,
    )


def _version() -> str:
    try:
        return metadata.version("moim")
    except metadata.PackageNotFoundError:
        return "0"
