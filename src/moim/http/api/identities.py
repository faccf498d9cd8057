"""POST /api/identities: a second person in one browser ("join as another person")."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from moim.http.rates import address_of
from moim.http.site import Site


async def another_identity(request: Request, site: Site) -> Response:
    """`{identity, token}`. The token goes into the socket's `auth` and into `Authorization`.

    Raises: `csrf_failed`, `origin_refused`, `identity_missing`, `rate_limited`.
    """
    await site.guard_resource(request)
    site.rates.identities.take(f"a:{address_of(request)}")
    identity = site.identities.mint()
    body = {"identity": identity, "token": site.identities.token(identity)}
    return JSONResponse(body, 201, {"cache-control": "no-store"})


def routes(site: Site) -> list[Route]:
    """Fresh identities."""
    return [Route("/api/identities", partial(another_identity, site=site), methods=["POST"])]
