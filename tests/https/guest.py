"""Somebody in a call over HTTPS: a browser's cookie and one WebSocket that must not break."""

import json
import re
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from cryptography import x509
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S = 30
_CSRF = re.compile(r'name="csrf"[^>]*value="([^"]+)"')


class Guest:
    """One seat in one room."""

    def __init__(self, socket: ClientConnection, slug: str, cookie: str) -> None:
        self._socket = socket
        self.slug = slug
        self.cookie = cookie
        self._numbers = 0

    async def command(self, command: str, **data: Any) -> dict[str, Any]:
        """Send one command and hear its answer, over the one socket there is."""
        self._numbers += 1
        asked = f"c{self._numbers}"
        await self._socket.send(json.dumps({"id": asked, "command": command, "data": data}))
        async for text in self._socket:
            told: dict[str, Any] = json.loads(text)
            if told.get("ack") == asked:
                assert told["ok"], told
                return told
        raise AssertionError("the socket was closed")

    def sees(self) -> x509.Certificate:
        """The certificate that this connection was made with."""
        secure = self._socket.transport.get_extra_info("ssl_object")
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))


@asynccontextmanager
async def seated(name: str, port: int, trusting: ssl.SSLContext) -> AsyncIterator[Guest]:
    """Make a room under a name that only we know how to reach, and sit down in it."""
    place = name if port == 443 else f"{name}:{port}"
    origin = f"https://{place}"
    async with httpx.AsyncClient(verify=trusting, trust_env=False) as browser:

        async def ask(method: str, path: str, **more: Any) -> httpx.Response:
            request = browser.build_request(
                method,
                f"https://127.0.0.1:{port}{path}",
                headers={"host": place, "origin": origin},
                extensions={"sni_hostname": name},
                **more,
            )
            return await browser.send(request)

        found = _CSRF.search((await ask("GET", "/")).text)
        assert found is not None, "the home page has no form"
        form = {"name": "Tea", "visibility": "listed", "csrf": found[1]}
        made = await ask("POST", "/rooms", data=form)
        assert made.status_code == 303, made.text
        slug = made.headers["location"].rstrip("/").rsplit("/", 1)[-1]
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    async with connect(
        f"wss://{name}:{port}/ws?room={slug}",
        host="127.0.0.1",
        port=port,
        ssl=trusting,
        additional_headers={"cookie": cookie, "origin": origin},
        proxy=None,
        open_timeout=PATIENCE_S,
    ) as socket:
        guest = Guest(socket, slug, cookie)
        await guest.command("participant.join", name="Ada", tab=secrets.token_urlsafe(8))
        yield guest
