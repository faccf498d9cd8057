"""Under a path: behind proxies of both kinds, inside another app, and twice in one process."""

import json
from http.cookies import SimpleCookie
from urllib.parse import urljoin

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.http.conftest import AS_BROWSER, KEY, Build
from tests.http.forms import parse, send


class StrippingProxy:
    """What a reverse proxy does that takes its prefix off before it passes a request on."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["path"].startswith(self.prefix)
        path = scope["path"].removeprefix(self.prefix) or "/"
        await self.app({**scope, "path": path, "raw_path": path.encode()}, receive, send)


def browser_of(app: ASGIApp) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://x.org", headers=AS_BROWSER)


@pytest.mark.parametrize("kind", ["stripped", "whole", "mounted", "server"])
async def test_it_works_under_a_path(build: Build, kind: str) -> None:
    house = build(root_path="" if kind in ("mounted", "server") else "/x/y")
    app: ASGIApp = house.app
    match kind:
        case "stripped":
            app = StrippingProxy(house.app, "/x/y")
        case "mounted":
            app = Starlette(routes=[Mount("/x", Starlette(routes=[Mount("/y", house.app)]))])
        case "server":
            inner = house.app

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await inner({**scope, "root_path": "/x/y"}, receive, send)

    async with browser_of(app) as reader:
        page = await reader.get("/x/y/")
        assert page.status_code == 200
        assert SimpleCookie(page.headers["set-cookie"])["moim_identity"]["path"] == "/x/y"
        addresses = {
            urljoin(str(page.url), address)
            for element in parse(page.text).iter()
            for name in ("href", "src", "action", "data-rooms")
            if (address := element.get(name)) and not address.startswith("#")
        }
        for address in addresses:
            assert address.startswith("http://x.org/x/y/"), address
        files = [a for a in addresses if "/static/" in a or "manifest" in a or "api/rooms" in a]
        assert len(files) >= 4
        for address in files:
            if "pages-Kl12" not in address:  # in the manifest only
                assert (await reader.get(address)).status_code == 200, address

        made = await send(reader, page, name="Tea")
        assert made.headers["location"].startswith("/x/y/r/")
        room = await reader.get(made.headers["location"])
        found = parse(room.text).find(".//script[@id='moim-start']")
        assert found is not None
        start = json.loads(found.text or "")
        assert start["base"] == "/x/y"
        assert start["host_link"].startswith("http://x.org/x/y/h/")
        assert start["me"]["role"] == "host"
        linked = await reader.get(start["host_link"])
        assert (await send(reader, linked)).headers["location"].startswith("/x/y/r/")
        switched = await reader.get("/x/y/?lang=ko")
        assert switched.headers["location"] == "/x/y/"
        assert (await reader.get("/x/y/nowhere")).status_code == 404


async def test_the_bare_prefix_is_the_home_page(build: Build) -> None:
    async with browser_of(build(root_path="/meet").app) as reader:
        assert (await reader.get("/meet")).status_code == 200


async def test_two_in_one_process_share_nothing(build: Build) -> None:
    one, other = build(), build(key=b"o" * 32)
    app = Starlette(routes=[Mount("/one", one.app), Mount("/other", other.app)])
    async with browser_of(app) as reader:
        made = await send(reader, await reader.get("/one/"), name="Tea")
        path = made.headers["location"].removeprefix("/one")
        assert (await reader.get(f"/one{path}")).status_code == 200
        assert (await reader.get(f"/other{path}")).status_code == 404
        await send(reader, await reader.get("/other/"), name="Coffee")
    assert [room.name for room in one.rooms.cards.values()] == ["Tea"]
    assert [room.name for room in other.rooms.cards.values()] == ["Coffee"]
    assert KEY != b"o" * 32


async def test_public_links_carry_the_public_address(build: Build) -> None:
    house = build(public_url="https://meet.example.org", root_path="/m")
    house.rooms.put("abcd-efgh-jkm")
    async with browser_of(house.app) as reader:
        page = await reader.get("/m/r/abcd-efgh-jkm")
    assert '"guest_link": "https://meet.example.org/m/r/abcd-efgh-jkm"' in page.text
