"""The SFU as one ASGI application: signalling, validation, the server's API, health.

    GET  /                    200 OK, while it serves (HEAD too)
    WS   /rtc                 joins, with parameters or a join_request
    WS   /rtc/v1              joins, with a join_request
    GET  /rtc/validate        the same checks, for clients whose WebSocket failed
    GET  /rtc/v1/validate
    POST /twirp/livekit.X/Y   the server's API

Mount it anywhere. Whoever serves it must allow request lines of 64 KiB: a join_request holds a
whole session description. uvicorn's WebSocket library refuses lines over 8 KiB unless the variable
WEBSOCKETS_MAX_LINE_LENGTH says otherwise before it is imported; `moim.sfu_server` sees to it.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from moim.sfu import metrics
from moim.sfu.config import SfuConfig
from moim.sfu.hub import Hub
from moim.sfu.joining import read_wish
from moim.sfu.refusals import Refusal
from moim.sfu.socket import claims_of, serve_socket
from moim.sfu.twirp import twirp_routes

REQUEST_LINE_BYTES: Final = 64 * 1024
_METHODS: Final = ("OPTIONS", "HEAD", "GET", "POST", "PATCH", "DELETE")
_log = structlog.get_logger("moim.sfu")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


def create_app(hub: Hub, config: SfuConfig) -> Asgi:
    """Make the application around the rooms."""

    async def rtc(socket: WebSocket) -> None:
        await serve_socket(socket, hub, config, needs_join_request=False)

    async def rtc_v1(socket: WebSocket) -> None:
        await serve_socket(socket, hub, config, needs_join_request=True)

    def validation(*, needs_join_request: bool) -> Callable[[Request], Awaitable[Response]]:
        async def validate(request: Request) -> Response:
            try:
                claims = claims_of(
                    hub.world.keys,
                    request.query_params.get("access_token", ""),
                    request.headers.get("authorization", ""),
                )
                wish = read_wish(
                    claims,
                    request.query_params,
                    config.limit,
                    needs_join_request=needs_join_request,
                )
                hub.check(wish)
            except Refusal as refusal:
                return PlainTextResponse(refusal.reason.text, refusal.reason.status)
            return PlainTextResponse("success")

        return validate

    async def health(_: Request) -> Response:
        return PlainTextResponse("OK", 503 if hub.closing else 200)

    async def show_metrics(request: Request) -> Response:
        server = request.scope.get("server")
        if not config.prometheus_port or server is None or server[1] != config.prometheus_port:
            return PlainTextResponse("Not Found", 404)
        return PlainTextResponse(await metrics.text(hub), media_type=metrics.CONTENT_TYPE)

    routes = [
        Route("/", health),
        Route("/metrics", show_metrics),
        Route("/rtc/validate", validation(needs_join_request=False)),
        Route("/rtc/v1/validate", validation(needs_join_request=True)),
        WebSocketRoute("/rtc", rtc),
        WebSocketRoute("/rtc/v1", rtc_v1),
        *twirp_routes(hub),
    ]
    path = config.path.rstrip("/")
    app = Starlette(routes=[Mount(path, routes=routes)] if path else routes)
    with_cors = CORSMiddleware(
        app, allow_origins=["*"], allow_methods=list(_METHODS), allow_headers=["*"]
    )
    return _one_slash(with_cors)


def _one_slash(app: Asgi) -> Asgi:
    """Take `//rtc` for `/rtc`: clients join an address that ends in a slash with a path."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("//"):
            scope = {**scope, "path": "/" + path.lstrip("/")}
        await app(scope, receive, send)

    return call
