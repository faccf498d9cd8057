"""The home page: make a room, join one, see the open ones. Plain forms, no script needed."""

import unicodedata
from dataclasses import dataclass
from functools import partial

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moim.http.api.rooms import listed_now
from moim.http.forms import guarded_form
from moim.http.links import path_of_typed
from moim.http.rates import address_of
from moim.http.site import Site
from moim.http.views.made_room import carry_links
from moim.meeting.text import Name

_NAME = TypeAdapter(Name)
LISTED = "listed"


@dataclass(frozen=True, slots=True)
class Typed:
    """What the reader had typed when it was wrong, so that nothing is typed twice."""

    name: str = ""
    listed: bool = False
    link: str = ""
    name_invalid: bool = False
    link_invalid: bool = False


def _shown(typed: str) -> str:
    """What was typed without what no page may hold (HTML, "Preprocessing the input stream")."""
    return "".join(c for c in typed if unicodedata.category(c) not in ("Cc", "Cn"))


async def home(request: Request, site: Site, typed: Typed = Typed(), status: int = 200) -> Response:
    """GET /."""
    identity = await site.reader(request)
    page = site.pages.render(
        request,
        "home.html",
        status,
        rooms=await listed_now(request, site),
        typed=typed,
        csrf=site.identities.csrf(identity),
    )
    return site.remember(page, request, identity)


async def create_room(request: Request, site: Site) -> Response:
    """POST /rooms: `name`, `visibility` (`listed` or `unlisted`). The creator becomes its host.

    Raises: `rate_limited`, `origin_refused`, `csrf_failed`.
    """
    identity, fields = await guarded_form(request, site)
    listed = fields.get("visibility") == LISTED
    try:
        name = _NAME.validate_python(fields.get("name", ""))
    except ValidationError:
        typed = Typed(name=_shown(fields.get("name", ""))[:200], listed=listed, name_invalid=True)
        return await home(request, site, typed, 422)
    site.rates.rooms.take(f"a:{address_of(request)}", f"i:{identity}")
    made = await site.rooms.create(identity, name, listed=listed)
    response = RedirectResponse(site.links(request).room(made.slug), status_code=303)
    carry_links(response, request, site, made)
    return site.remember(response, request, identity)


async def join_by_link(request: Request, site: Site) -> Response:
    """POST /go: `link`, a link or the code of a room. Leads to the page, whether it exists or not.

    Raises: `origin_refused`, `csrf_failed`.
    """
    _, fields = await guarded_form(request, site)
    link = fields.get("link", "")
    if path := path_of_typed(link):
        return RedirectResponse(site.links(request).to(path), status_code=303)
    return await home(request, site, Typed(link=_shown(link)[:500], link_invalid=True), 422)


async def lead_home(request: Request, site: Site) -> Response:
    """GET of a form's address, which stays in the address bar when the form was wrong."""
    return RedirectResponse(site.links(request).home, status_code=303)


def routes(site: Site) -> list[Route]:
    """The home page and its two forms."""
    return [
        Route("/", partial(home, site=site), name="home"),
        Route("/rooms", partial(create_room, site=site), methods=["POST"]),
        Route("/rooms", partial(lead_home, site=site)),
        Route("/go", partial(join_by_link, site=site), methods=["POST"]),
        Route("/go", partial(lead_home, site=site)),
    ]
