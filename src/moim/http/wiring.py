"""The one place where the pages meet the app: `make_site` from real parts, `add_pages` onto it."""

from pathlib import Path

from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount, Route

from moim.http.api import (
    apps,
    condition,
    exports,
    files,
    health,
    host_links,
    identities,
    images,
    line,
    rooms,
    uploads,
)
from moim.http.assets import BUILT, Assets, BuiltFiles
from moim.http.errors import ErrorAnswers, LastResort
from moim.http.files import FileDesk
from moim.http.forwarded import Forwarded
from moim.http.headers import Policy, SecurityHeaders
from moim.http.identity import Identities
from moim.http.images import ImageDesk
from moim.http.language import LanguageSwitch
from moim.http.origins import Origins
from moim.http.own_files import OwnFiles
from moim.http.ports import Rooms
from moim.http.rendering import Pages
from moim.http.site import Options, Rates, Site
from moim.http.subpath import SubPath
from moim.http.views import home, host_link, room, unsupported
from moim.meeting.errors import MoimError
from moim.storage.images import ImageStore


def make_site(
    options: Options,
    *,
    rooms: Rooms,
    images: ImageStore,
    files: FileDesk,
    identities: Identities,
    built: Path = BUILT,
) -> Site:
    """Put the parts together. Nothing is opened or started."""
    own = OwnFiles.read()
    assets = Assets(built, dev=options.dev)
    return Site(
        options=options,
        rooms=rooms,
        images=ImageDesk(images, options.image_max_bytes, options.image_max_pixels),
        files=files,
        identities=identities,
        origins=Origins(options.public_url, options.allowed_origins),
        pages=Pages(assets, own, options.public_url, dev=options.dev),
        own=own,
        rates=Rates.of(options),
    )


def add_pages(app: Starlette, site: Site, built: Path = BUILT) -> None:
    """Give an app the pages: routes, error answers, and what every request passes on its way in.

    Call it after everything else was mounted: sockets then come through the same gates.
    """
    for module in (
        home,
        room,
        host_link,
        unsupported,
        rooms,
        identities,
        host_links,
        exports,
        images,
        line,
        files,
        apps,
        uploads,
        health,
        condition,
    ):
        app.router.routes.extend(module.routes(site))
    app.router.routes.append(Route("/favicon.ico", site.own.favicon))
    app.router.routes.append(Route("/static/own/{name}", site.own.serve))
    app.router.routes.append(Mount("/static/app", BuiltFiles(built), name="built"))

    answers = ErrorAnswers(site.pages, dev=site.options.dev)
    app.add_exception_handler(MoimError, answers.of_moim)
    app.add_exception_handler(HTTPException, answers.of_http)
    app.add_exception_handler(RequestValidationError, answers.of_validation)

    # Starlette puts the last one outside. From outside to inside: who is asking really (only
    # trusted proxies are believed), where we live, security headers, bugs, the language switch.
    app.add_middleware(LanguageSwitch)
    app.add_middleware(LastResort, answers=answers)
    options = site.options
    policy = Policy(options.frame_ancestors, options.livekit_url, options.sfu_addresses)
    app.add_middleware(SecurityHeaders, policy=policy)
    app.add_middleware(SubPath, root_path=site.options.root_path)
    app.add_middleware(
        Forwarded,
        trusted=site.options.trusted_proxies,
        family=site.options.forwarded_header,
    )
