"""The documents of mini-apps: given when a host has added them, and able to do nothing outside."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from moim.http.mini_apps import APP_MOST_BYTES, FOLDER, SHIPPED, page
from moim.meeting.features.app import AppId
from tests.http.conftest import House
from tests.http.test_images import SLUG
from tests.http.uploading import Uploader, uploader

APP = b"<!DOCTYPE html>\n<title>Dice</title><p>six</p>"


@dataclass
class Shelf:
    """A room whose files may become apps."""

    mina: Uploader

    async def get(self, app: str) -> httpx.Response:
        return await self.mina.client.get(f"/r/{SLUG}/apps/{app}")

    async def file(self, data: bytes = APP, name: str = "dice.html") -> str:
        """A file of the room that a host has added; its id."""
        app = (await self.mina.sent(data, name)).rpartition("/")[2]
        self.mina.house.rooms.apps.add(AppId(app))
        return app


@pytest.fixture
async def shelf(house: House) -> AsyncIterator[Shelf]:
    async with uploader(house) as mina:
        yield Shelf(mina)


async def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@pytest.mark.parametrize("app", sorted(SHIPPED))
async def test_what_moim_brings_is_given_where_a_host_has_added_it(shelf: Shelf, app: str) -> None:
    shelf.mina.client.headers["accept"] = "application/json"
    assert await code_of(await shelf.get(app)) == "app_unknown"
    shelf.mina.house.rooms.apps.add(AppId(app))
    answer = await shelf.get(app)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!doctype html><script>")


async def test_an_html_file_of_the_room_is_an_app_once_it_is_added(shelf: Shelf) -> None:
    app = await shelf.file()
    answer = await shelf.get(app)
    assert answer.content.startswith(b"<!DOCTYPE html><script>")
    assert answer.content.endswith(b"<title>Dice</title><p>six</p>")


@pytest.mark.parametrize(
    ("data", "name"), [(APP, "dice.svg"), (APP, "html"), (b"x" * (APP_MOST_BYTES + 1), "big.html")]
)
async def test_another_file_is_none(shelf: Shelf, data: bytes, name: str) -> None:
    shelf.mina.client.headers["accept"] = "application/json"
    app = await shelf.file(data, name)
    assert await code_of(await shelf.get(app)) == "app_unknown"


async def test_a_file_that_nobody_added_or_that_is_gone_is_none(shelf: Shelf) -> None:
    shelf.mina.client.headers["accept"] = "application/json"
    place = await shelf.mina.sent(APP, "dice.html")
    assert await code_of(await shelf.get(place.rpartition("/")[2])) == "app_unknown"
    shelf.mina.house.rooms.apps.add(AppId("F_gone-for-ever"))
    assert await code_of(await shelf.get("F_gone-for-ever")) == "app_unknown"
    assert await code_of(await shelf.get("..%2f..%2fetc%2fpasswd")) in (
        "app_unknown",
        "page_not_found",
    )


async def test_an_app_is_of_no_origin_and_loads_connects_and_sends_nothing(shelf: Shelf) -> None:
    app = await shelf.file()
    policy = (await shelf.get(app)).headers["content-security-policy"].split("; ")
    assert "sandbox allow-scripts allow-forms" in policy
    for line in ("default-src 'none'", "form-action 'none'", "base-uri 'none'"):
        assert line in policy
    assert "frame-ancestors 'self'" in policy
    assert not any("http" in line or "connect-src" in line or "*" in line for line in policy)
    assert "require-trusted-types-for 'script'" in policy


@pytest.mark.parametrize("tag", ["iframe", "IFRAME", "object", "embed", "template", "frameset"])
def test_no_document_stands_inside_an_app(tag: str) -> None:
    made = page(f"<p>a</p><{tag} src=x></{tag}>".encode())
    assert f"<{tag} ".encode() not in made
    assert f"&lt;{tag} ".encode() in made


@pytest.mark.parametrize("name", [*(f"{app}.html" for app in sorted(SHIPPED)), "moim.js"])
def test_what_moim_brings_is_short_enough_to_be_read(name: str) -> None:
    lines = (Path(FOLDER) / name).read_text("utf-8").splitlines()
    assert len(lines) < 300
    assert max(map(len, lines)) <= 100
    assert "http" not in "".join(lines)
