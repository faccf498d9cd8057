"""Which language a reader gets: the one they chose, else the one their browser asks for."""

from urllib.parse import parse_qsl, urlencode

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from moim.http.identity import set_cookie
from moim.http.text import TEXTS, Locale, Text

COOKIE = "moim_lang"
QUERY = "lang"
COOKIE_AGE_S = 365 * 24 * 3600


def _known(value: str) -> Locale | None:
    primary = value.strip().lower().partition("-")[0]
    return next((locale for locale in TEXTS if locale == primary), None)


def accepted(header: str) -> Locale:
    """The best of an Accept-Language header (RFC 9110, section 12.5.4); English when none fits."""
    best: tuple[float, Locale] = (0.0, "en")
    for part in header.split(",")[:20]:
        tag, _, quality = part.partition(";")
        try:
            q = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if (locale := _known(tag)) and q > best[0]:
            best = (q, locale)
    return best[1]


def text_for(connection: HTTPConnection) -> Text:
    """The catalogue for whoever reads the answer."""
    chosen = _known(connection.cookies.get(COOKIE, ""))
    return TEXTS[chosen or accepted(connection.headers.get("accept-language", ""))]


def switch_href(connection: HTTPConnection, locale: Locale, home: str) -> str:
    """Where the language switch leads: the same page where that can be asked for again."""
    if connection.scope.get("method") not in ("GET", "HEAD"):
        return f"{home}?{QUERY}={locale}"
    kept = [(k, v) for k, v in connection.query_params.multi_items() if k != QUERY]
    return f"{connection.url.path}?{urlencode([*kept, (QUERY, locale)])}"


class LanguageSwitch:
    """`?lang=ko` on any page: remembered in a cookie, then the address is clean again, so that a
    link which somebody copies carries no language."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the switch, pass everything else on."""
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or b"lang=" not in scope["query_string"]
        ):
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        chosen = _known(request.query_params.get(QUERY, ""))
        if chosen is None:
            await self.app(scope, receive, send)
            return
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        kept = urlencode([(key, value) for key, value in query if key != QUERY])
        # One leading slash: "//host/" would be another site.
        path = "/" + request.url.path.lstrip("/\\")
        response = RedirectResponse(f"{path}?{kept}" if kept else path, status_code=303)
        set_cookie(response, request, COOKIE, chosen, COOKIE_AGE_S)
        await response(scope, receive, send)
