"""The server's API over HTTP: Twirp, in JSON and in protobuf.

    POST /twirp/livekit.RoomService/CreateRoom      Authorization: Bearer <token>
    200  the response's message                      4xx, 5xx  {"code": "...", "msg": "..."}

Services that this server does not have answer `unimplemented`, so that tools say so plainly.
Source: twitchtv/twirp, "Twirp Wire Protocol" version 7.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from moim.sfu.frames import from_json
from moim.sfu.hub import Hub
from moim.sfu.ports import EngineBusy
from moim.sfu.refusals import DENIED, SERVER_FULL, UNIMPLEMENTED, Reason, Refusal
from moim.sfu.room_service import RoomService
from moim.sfu.socket import claims_of
from moim.sfu.tokens import VideoGrant

LARGEST_BODY_BYTES: Final = 10 * 1024 * 1024
OTHER_SERVICES: Final = frozenset(
    {
        "AgentDispatchService",
        "Connector",
        "Egress",
        "Ingress",
        "PhoneNumberService",
        "SIP",
        "WhatsAppConnector",
    }
)
_BAD_ROUTE: Final = Reason("bad_route", 404, "no such method: use POST and a method of a service")
_BAD_TYPE: Final = Reason("bad_route", 404, "use application/json or application/protobuf")
_MALFORMED: Final = Reason("malformed", 400, "the request cannot be decoded")
_TOO_LARGE: Final = Reason("malformed", 413, "the request is too large")
_INTERNAL: Final = Reason("internal", 500, "internal error")
_log = structlog.get_logger("moim.sfu")


@dataclass(frozen=True, slots=True)
class Method:
    """One method: the message it takes, and what it does with it for a caller with a grant."""

    takes: type[Message]
    call: Callable[[VideoGrant, Any], Awaitable[Message]]


def twirp_routes(hub: Hub) -> list[Route]:
    service = RoomService(hub)
    methods = {name: Method(takes, call) for name, (takes, call) in service.methods.items()}

    async def room_service(request: Request) -> Response:
        method = methods.get(request.path_params["method"])
        if method is None or request.method != "POST":
            return _error(_BAD_ROUTE)
        return await _answer(hub, request, method)

    async def other(request: Request) -> Response:
        known = request.path_params["service"] in OTHER_SERVICES
        return _error(UNIMPLEMENTED if known else _BAD_ROUTE)

    verbs = ["GET", "POST"]
    return [
        Route("/twirp/livekit.RoomService/{method}", room_service, methods=verbs),
        Route("/twirp/livekit.{service}/{method}", other, methods=verbs),
    ]


async def _answer(hub: Hub, request: Request, method: Method) -> Response:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/protobuf"):
        return _error(_BAD_TYPE)
    try:
        claims = claims_of(hub.world.keys, "", request.headers.get("authorization", ""))
        if claims is None or claims.video is None:
            raise Refusal(DENIED)
        message = _decode(await _body(request), kind, method.takes())
        response = await method.call(claims.video, message)
    except Refusal as refusal:
        return _error(refusal.reason)
    except EngineBusy:
        return _error(SERVER_FULL)
    except Exception:
        # The door's edge: what went wrong here is ours, and is nobody else's request.
        _log.exception("twirp_failed", method=request.url.path)
        return _error(_INTERNAL)
    if kind == "application/json":
        text = json_format.MessageToJson(
            response,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
            indent=None,
        )
        return Response(text, media_type=kind)
    return Response(response.SerializeToString(), media_type=kind)


async def _body(request: Request) -> bytes:
    """Read the body, no more of it than is allowed. Raises: Refusal"""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY_BYTES:
            raise Refusal(_TOO_LARGE)
        parts.append(part)
    return b"".join(parts)


def _decode(body: bytes, kind: str, message: Message) -> Message:
    try:
        if kind == "application/json":
            return from_json(body.decode() or "{}", message)
        message.ParseFromString(body)
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(_MALFORMED) from error
    return message


def _error(reason: Reason) -> Response:
    return JSONResponse({"code": reason.code, "msg": reason.text}, reason.status)
