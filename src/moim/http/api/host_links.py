"""POST /r/{slug}/host-links: a new host link, for a host who wants to share the role."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from moim.http.site import Site


async def new_host_link(request: Request, site: Site) -> Response:
    """`{host_link}`. Raises: `not_host`, `room_unknown`, and what `guard_resource` raises."""
    slug: str = request.path_params["slug"]
    identity = await site.guard_resource(request)
    site.rates.secrets.take(f"i:{identity}")
    secret = await site.rooms.new_host_secret(slug, identity)
    link = site.links(request).host(slug, secret)
    return JSONResponse({"host_link": link}, 201, {"cache-control": "no-store"})


def routes(site: Site) -> list[Route]:
    """New host links."""
    path = "/r/{slug}/host-links"
    return [Route(path, partial(new_host_link, site=site), methods=["POST"])]
