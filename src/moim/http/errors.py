"""Every failure as an answer: a page in the reader's language, or JSON for programs.

A bug is caught here, at the door's edge: logged once, answered with `internal`.
"""

from collections.abc import Mapping
from typing import Literal

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moim.http.language import text_for
from moim.http.links import room_path
from moim.http.rendering import Pages
from moim.meeting.errors import ErrorCode, MoimError, ProtocolViolation, Unavailable

log = structlog.get_logger(__name__)

Way = Literal["home", "again", "room"]

STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.BARRED: 403,
    ErrorCode.COMMAND_MALFORMED: 400,
    ErrorCode.COMMAND_UNKNOWN: 405,
    ErrorCode.CSRF_FAILED: 403,
    ErrorCode.FILE_INFECTED: 422,
    ErrorCode.APP_UNKNOWN: 404,
    ErrorCode.FILE_NAME_INVALID: 422,
    ErrorCode.FILE_TOO_LARGE: 413,
    ErrorCode.FILE_TYPE_REFUSED: 415,
    ErrorCode.FILE_UNKNOWN: 404,
    ErrorCode.FRAME_TOO_LARGE: 413,
    ErrorCode.HOST_LINK_INVALID: 404,
    ErrorCode.IDENTITY_INVALID: 401,
    ErrorCode.IDENTITY_MISSING: 401,
    ErrorCode.IMAGE_TOO_LARGE: 413,
    ErrorCode.IMAGE_TYPE_REFUSED: 415,
    ErrorCode.IMAGE_UNKNOWN: 404,
    ErrorCode.IMAGE_UNREADABLE: 422,
    ErrorCode.INTERNAL: 500,
    ErrorCode.NAME_INVALID: 422,
    ErrorCode.NOT_HOST: 403,
    ErrorCode.NOT_PRESENT: 403,
    ErrorCode.NOT_REFEREE: 403,
    ErrorCode.ORIGIN_REFUSED: 403,
    ErrorCode.PAGE_NOT_FOUND: 404,
    ErrorCode.QUOTA_REACHED: 507,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.ROOM_FULL: 409,
    ErrorCode.ROOM_LOCKED: 403,
    ErrorCode.ROOM_UNKNOWN: 404,
    ErrorCode.STORAGE_FULL: 507,
    ErrorCode.UPLOAD_CORRUPT: 460,
    ErrorCode.UPLOAD_OFFSET: 409,
}
CODE_OF_STATUS: Mapping[int, ErrorCode] = {
    400: ErrorCode.COMMAND_MALFORMED,
    401: ErrorCode.IDENTITY_MISSING,
    403: ErrorCode.ORIGIN_REFUSED,
    404: ErrorCode.PAGE_NOT_FOUND,
    405: ErrorCode.COMMAND_UNKNOWN,
    413: ErrorCode.FRAME_TOO_LARGE,
    422: ErrorCode.COMMAND_MALFORMED,
    429: ErrorCode.RATE_LIMITED,
    503: ErrorCode.BUSY,
}
# What to press next. Trying again is for what time or the reader can mend.
AGAIN = frozenset(
    {
        ErrorCode.BUSY,
        ErrorCode.COMMAND_MALFORMED,
        ErrorCode.CSRF_FAILED,
        ErrorCode.EPOCH_STALE,
        ErrorCode.FILE_UNSCANNED,
        ErrorCode.IDENTITY_INVALID,
        ErrorCode.IDENTITY_MISSING,
        ErrorCode.INTERNAL,
        ErrorCode.PROTOCOL_UNSUPPORTED,
        ErrorCode.RATE_LIMITED,
        ErrorCode.ROOM_FULL,
        ErrorCode.ROOM_LOCKED,
        ErrorCode.SERVER_STOPPING,
        ErrorCode.STORAGE_FAILED,
        ErrorCode.UNAVAILABLE,
    }
)
RETRY_AFTER_S = {
    ErrorCode.RATE_LIMITED: "60",
    ErrorCode.BUSY: "5",
    ErrorCode.FILE_UNSCANNED: "60",
    ErrorCode.SERVER_STOPPING: "5",
    ErrorCode.UNAVAILABLE: "5",
}


def status_of(error: MoimError) -> int:
    """The HTTP status of an error: by its code, else by its kind."""
    match error:
        case ProtocolViolation():
            return STATUS.get(error.code, 400)
        case Unavailable():
            return STATUS.get(error.code, 503)
        case _:
            return STATUS.get(error.code, 409)


def wants_page(request: Request) -> bool:
    """Whether a person reads the answer. Programs and scripts ask for JSON or for nothing."""
    return "text/html" in request.headers.get("accept", "")


class ErrorAnswers:
    """Answers for failures, bound to the templates."""

    def __init__(self, pages: Pages, *, dev: bool = False) -> None:
        self._pages = pages
        self._dev = dev

    def answer(
        self,
        request: Request,
        code: ErrorCode,
        status: int,
        headers: Mapping[str, str] | None = None,
        cause: str | None = None,
    ) -> Response:
        """One failure, said to whoever asked; its cause to developers only."""
        extra = dict(headers or {})
        if code in RETRY_AFTER_S:
            extra.setdefault("retry-after", RETRY_AFTER_S[code])
        said = text_for(request).errors.of(code)
        if wants_page(request):
            way, href = self._way_out(request, code)
            page = self._pages.render(
                request,
                "error.html",
                status,
                code=code.value,
                # whoever runs the server is asked about these, and wants to know which it was
                broken=status >= 500,
                said=said,
                way=way,
                way_href=href,
                cause=cause if self._dev else None,
            )
            page.headers.update(extra)
            return page
        body = {"ok": False, "error": {"code": code.value, "message": f"{said.title}. {said.text}"}}
        return JSONResponse(body, status, {**extra, "cache-control": "no-store"})

    def _way_out(self, request: Request, code: ErrorCode) -> tuple[Way, str]:
        links = self._pages.links(request)
        slug = request.path_params.get("slug")
        if code in AGAIN:
            if request.method in ("GET", "HEAD"):
                query = f"?{request.url.query}" if request.url.query else ""
                return "again", "/" + request.url.path.lstrip("/\\") + query
            return "again", links.to(room_path(slug)) if slug else links.home
        if slug and code not in (ErrorCode.ROOM_UNKNOWN, ErrorCode.HOST_LINK_INVALID):
            return "room", links.room(slug)
        return "home", links.home

    async def of_moim(self, request: Request, error: Exception) -> Response:
        """A refusal, a violation or something unavailable."""
        assert isinstance(error, MoimError)  # noqa: S101 - how Starlette types its handlers
        if isinstance(error, Unavailable):
            log.warning("http_unavailable", code=error.code.value, reason=str(error))
        return self.answer(request, error.code, status_of(error))

    async def of_http(self, request: Request, error: Exception) -> Response:
        """What the router refuses: no such page, no such method."""
        assert isinstance(error, HTTPException)  # noqa: S101 - how Starlette types its handlers
        if error.status_code in (204, 304) or error.status_code < 400:
            return Response(status_code=error.status_code, headers=error.headers)
        code = CODE_OF_STATUS.get(error.status_code, ErrorCode.INTERNAL)
        return self.answer(request, code, error.status_code, error.headers)

    async def of_validation(self, request: Request, _: Exception) -> Response:
        """What FastAPI could not parse."""
        return self.answer(request, ErrorCode.COMMAND_MALFORMED, 422)


class LastResort:
    """Inside the security headers and outside everything else: a bug becomes a page with all its
    headers, and one line in the log. Starlette's own handler sits outside of all middleware."""

    def __init__(self, app: ASGIApp, answers: ErrorAnswers) -> None:
        self.app = app
        self.answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; answer when nothing else did."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            log.debug("http_client_left", path=scope["path"])
        except Exception as error:
            log.exception("http_failed", method=scope["method"])
            if begun:
                raise  # the server cuts the connection, so that nobody takes half for the whole
            answer = self.answers.answer(
                Request(scope, receive), ErrorCode.INTERNAL, 500, cause=repr(error)
            )
            await answer(scope, receive, send)
