"""The page for browsers that cannot hold a call. It asks nothing of them but HTML."""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moim.http.site import Site


async def unsupported(request: Request, site: Site) -> Response:
    """GET /unsupported, where the room's page sends a browser that fails its test."""
    return site.pages.render(request, "unsupported.html")


def routes(site: Site) -> list[Route]:
    """The page for older browsers."""
    return [Route("/unsupported", partial(unsupported, site=site))]
