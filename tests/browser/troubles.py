"""What must never happen on a page of moim, noted while a test drives it."""

import re
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, WebError

OWN_SCHEMES = {"blob", "data", "about"}
# What a browser says of a server that a test has killed on purpose.
SERVER_AWAY = (
    r"Failed to load resource: net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)",
    r"WebSocket connection to .* failed",
    r"net::ERR_CONNECTION_REFUSED",
)


class Troubles:
    """Errors in the console, uncaught exceptions, refused content and strangers' addresses."""

    def __init__(self, origin: str) -> None:
        self.seen: list[str] = []
        self._hosts = {urlsplit(origin).netloc}
        self._allowed: list[str] = []

    def allow(self, *patterns: str) -> None:
        """Lets console errors pass that a test provokes; never a stranger's address."""
        self._allowed += patterns

    def trust(self, address: str) -> None:
        """A server of the operator's own, such as a LiveKit server, is no stranger."""
        self._hosts.add(urlsplit(address).netloc)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._uncaught)
        context.on("request", self._request)
        context.on("page", self._page)

    def check(self) -> None:
        """Raises AssertionError with everything that was seen."""
        seen = [text for text in self.seen if not self._is_allowed(text)]
        assert not seen, "\n".join(seen)

    def _console(self, message: ConsoleMessage) -> None:
        # A violation of the Content-Security-Policy comes as an error too.
        if message.type == "error":
            where = message.location.get("url", "")
            self.seen.append(f"console: {message.text} ({where})")

    def _uncaught(self, error: WebError) -> None:
        self.seen.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        self._address(request.url)

    def _page(self, page: Page) -> None:
        page.on("websocket", lambda socket: self._address(socket.url))
        page.on("crash", lambda _: self.seen.append(f"crashed: {page.url}"))

    def _address(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in OWN_SCHEMES and parts.netloc not in self._hosts:
            self.seen.append(f"third party: {address}")

    def _is_allowed(self, text: str) -> bool:
        if text.startswith("third party:"):
            return False
        return any(re.search(pattern, text) for pattern in self._allowed)
