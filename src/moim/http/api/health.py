"""What machines ask: is it alive, what may be indexed, how is it installed."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from moim.http.language import text_for
from moim.http.own_files import ICON, INSTALL_ICON
from moim.http.site import Site

GROUND = "#f4f5f6"


async def healthz(_: Request, site: Site) -> Response:
    """GET /healthz: 200 when rooms can be read. A database that is away answers 503 by itself."""
    await site.rooms.listed(1)
    body = {"status": "ok", "version": site.options.version}
    return JSONResponse(body, headers={"cache-control": "no-store"})


async def robots(request: Request, site: Site) -> Response:
    """GET /robots.txt: the home page may be found, rooms not (their pages say `noindex` too)."""
    links = site.links(request)
    lines = ["User-agent: *", *(f"Disallow: {links.to(path)}" for path in ("/r/", "/h/", "/api/"))]
    return PlainTextResponse("\n".join(lines) + "\n", headers={"cache-control": "max-age=86400"})


async def web_manifest(request: Request, site: Site) -> Response:
    """GET /manifest.webmanifest, so that moim can be put on a home screen (W3C App Manifest)."""
    links = site.links(request)
    text = text_for(request)
    icons = [
        {"src": links.to(site.own.path(ICON)), "sizes": "any", "type": "image/svg+xml"},
        {"src": links.to(site.own.path(INSTALL_ICON)), "sizes": "512x512", "type": "image/png"},
    ]
    body = {
        "id": links.home,
        "name": text.product,
        "short_name": text.product,
        "description": text.tagline,
        "lang": text.locale,
        "start_url": links.home,
        "scope": links.home,
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": GROUND,
        "icons": icons,
    }
    headers = {"cache-control": "private, max-age=3600", "vary": "accept-language, cookie"}
    return JSONResponse(body, media_type="application/manifest+json", headers=headers)


def routes(site: Site) -> list[Route]:
    """For machines."""
    return [
        Route("/healthz", partial(healthz, site=site)),
        Route("/robots.txt", partial(robots, site=site)),
        Route("/manifest.webmanifest", partial(web_manifest, site=site)),
    ]
