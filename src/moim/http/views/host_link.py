"""The host link: its page has one button, so that a link preview which opens it changes nothing."""

from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moim.http.forms import guarded_form
from moim.http.rates import address_of
from moim.http.site import Site
from moim.http.views.room import NOINDEX

# The address holds a secret: it goes nowhere, not even to ourselves.
PRIVATE = {"referrer-policy": "no-referrer", "cache-control": "no-store", **NOINDEX}


async def ask(request: Request, site: Site) -> Response:
    """GET /h/{slug}/{secret}. Whether the secret is right is not said yet.

    Raises: `room_unknown`.
    """
    room = await site.rooms.find(request.path_params["slug"])
    identity = await site.reader(request)
    page = site.pages.render(
        request, "host_link.html", room=room, csrf=site.identities.csrf(identity)
    )
    page.headers.update(PRIVATE)
    return site.remember(page, request, identity)


async def exchange(request: Request, site: Site) -> Response:
    """POST /h/{slug}/{secret}: the secret becomes a role, and leaves the address.

    Raises: `host_link_invalid`, `room_unknown`, `rate_limited`, `origin_refused`, `csrf_failed`.
    """
    slug: str = request.path_params["slug"]
    identity, _ = await guarded_form(request, site, null_origin=True)
    site.rates.secrets.take(f"a:{address_of(request)}", f"i:{identity}")
    await site.rooms.become_host(slug, identity, request.path_params["secret"])
    response = RedirectResponse(site.links(request).room(slug), status_code=303, headers=PRIVATE)
    return site.remember(response, request, identity)


def routes(site: Site) -> list[Route]:
    """The host link."""
    path = "/h/{slug}/{secret}"
    return [
        Route(path, partial(ask, site=site), methods=["GET"]),
        Route(path, partial(exchange, site=site), methods=["POST"]),
    ]
