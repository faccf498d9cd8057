"""What whoever runs moim watches: does the process live, may it get visitors, what does it do."""

from functools import partial
from hmac import compare_digest
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from moim.http.site import Site, bearer_token
from moim.meeting.errors import ErrorCode, Refused

PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
NOT_KEPT: Final = {"cache-control": "no-store"}


async def livez(_: Request) -> Response:
    """GET /livez: 200 as long as the process answers at all; else it is to be started again."""
    return JSONResponse({"status": "ok"}, headers=NOT_KEPT)


async def readyz(_: Request, site: Site) -> Response:
    """GET /readyz: 200 when new visitors may be sent here; 503 while the database is away or the
    server stops. Redis that is away is told, and is no reason to send nobody."""
    figures = site.options.figures()
    stopping = bool(figures.get("stopping"))
    if not stopping:
        await site.rooms.listed(1)  # a database that is away answers 503 by itself
    body: dict[str, object] = {"status": "stopping" if stopping else "ok"}
    if "servers" in figures:
        body["servers"] = int(figures["servers"])
        body["bus"] = "ok" if figures["bus_connected"] else "away"
    return JSONResponse(body, 503 if stopping else 200, headers=NOT_KEPT)


async def metrics(request: Request, site: Site) -> Response:
    """GET /metrics, for Prometheus, with `Authorization: Bearer MOIM_METRICS_TOKEN`.

    Source: Prometheus, "Text-based format", version 0.0.4.
    """
    wanted, given = site.options.metrics_token, bearer_token(request) or ""
    if not wanted or not compare_digest(wanted.encode(), given.encode()):
        raise Refused(ErrorCode.PAGE_NOT_FOUND)
    lines = []
    for name, value in sorted(site.options.figures().items()):
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE moim_{name} {kind}", f"moim_{name} {value:g}"]
    headers = {**NOT_KEPT, "content-type": PROMETHEUS}
    return PlainTextResponse("\n".join(lines) + "\n", headers=headers)


def routes(site: Site) -> list[Route]:
    """For those who watch."""
    return [
        Route("/livez", livez),
        Route("/readyz", partial(readyz, site=site)),
        Route("/metrics", partial(metrics, site=site)),
    ]
