"""The pages over the real rooms: database, journal and live registry, without a browser."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from moim.app import create_app, lifespan
from moim.http.identity import Person
from moim.settings import Settings
from tests.http.conftest import AS_BROWSER
from tests.http.forms import parse, said, send
from tests.http.pictures import encoded


def settings(folder: Path, **changes: object) -> Settings:
    return Settings(data_dir=folder, secret="s" * 32, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def running(app: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    async with app.router.lifespan_context(app), browser(app, **headers) as client:
        yield client


def browser(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://moim.test",
        headers={**AS_BROWSER, **headers},
    )


def start_of(page: httpx.Response) -> dict[str, Any]:
    found = parse(page.text).find(".//script[@id='moim-start']")
    assert found is not None
    start: dict[str, Any] = json.loads(found.text or "")
    return start


async def test_a_room_is_made_listed_entered_and_shared(tmp_path: Path) -> None:
    app = create_app(settings(tmp_path))
    async with running(app) as mina, browser(app) as jun, browser(app) as sora:
        made = await send(mina, await mina.get("/"), name="금요일 차 모임", visibility="listed")
        assert made.status_code == 303
        start = start_of(await mina.get(made.headers["location"]))
        assert start["me"]["role"] == "host"

        home = await jun.get("/")
        assert "금요일 차 모임" in said(parse(home.text))
        found = await send(jun, home, 1, link=start["room"]["slug"].replace("-", "").upper())
        assert start_of(await jun.get(found.headers["location"]))["me"]["role"] == "guest"

        link = start["host_link"]
        entered = await send(jun, await jun.get(link))
        assert start_of(await jun.get(entered.headers["location"]))["me"]["role"] == "host"
        used = await send(sora, await sora.get(link))
        assert used.status_code == 404
        assert "host link" in said(parse(used.text))


async def test_a_host_who_tries_their_own_link_leaves_it_to_whom_it_is_for(tmp_path: Path) -> None:
    app = create_app(settings(tmp_path))
    async with running(app) as mina, browser(app) as jun:
        made = await send(mina, await mina.get("/"), name="Tea")
        room = made.headers["location"]
        link = start_of(await mina.get(room))["host_link"]
        assert (await send(mina, await mina.get(link))).status_code == 303
        assert (await send(jun, await jun.get(link))).status_code == 303
        assert start_of(await jun.get(room))["me"]["role"] == "host"


async def test_rooms_and_roles_outlive_the_server(tmp_path: Path) -> None:
    async with running(create_app(settings(tmp_path))) as mina:
        made = await send(mina, await mina.get("/"), name="Tea")
        cookies = mina.cookies
    async with running(create_app(settings(tmp_path))) as mina:
        mina.cookies = cookies
        start = start_of(await mina.get(made.headers["location"]))
    assert (start["room"]["name"], start["me"]["role"]) == ("Tea", "host")


async def test_who_does_not_sit_in_the_room_sends_no_image(tmp_path: Path) -> None:
    async with running(create_app(settings(tmp_path))) as mina:
        made = await send(mina, await mina.get("/"), name="Tea")
        start = start_of(await mina.get(made.headers["location"]))
        answer = await mina.post(
            f"{made.headers['location']}/images",
            content=encoded("PNG"),
            headers={"x-moim-csrf": start["csrf"], "accept": "*/*"},
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_present")


async def test_what_a_crash_left_of_an_upload_is_gone_after_the_next_start(tmp_path: Path) -> None:
    app = create_app(settings(tmp_path))
    async with running(app) as mina:
        made = await send(mina, await mina.get("/"), name="Tea")
        slug = start_of(await mina.get(made.headers["location"]))["room"]["slug"]
        room = await app.state.rooms.find(slug)
    orphan = tmp_path / "images" / room.id / "F_0123456789abcdef"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"\x89PNG")
    os.utime(orphan, times=(0, 0))
    async with running(create_app(settings(tmp_path))), asyncio.timeout(10):
        while orphan.exists():  # noqa: ASYNC110 - the sweep tells nobody
            await asyncio.sleep(0.01)


async def test_unknown_rooms_are_said_to_be_unknown(tmp_path: Path) -> None:
    async with running(create_app(settings(tmp_path)), **{"accept-language": "ko"}) as reader:
        for path in ("/r/none-none-non", "/h/none-none-non/x"):
            page = await reader.get(path)
            assert page.status_code == 404
            assert "이 주소에는 방이 없어요" in said(parse(page.text))


@pytest.mark.parametrize("prefix", ["/meet", "/x/y"])
async def test_it_lives_in_another_app_whose_people_it_knows(tmp_path: Path, prefix: str) -> None:
    async def identify(connection: HTTPConnection) -> Person | None:
        return Person(connection.headers["x-user"])

    moim = create_app(settings(tmp_path), identify=identify)
    outer = FastAPI(lifespan=lifespan(moim), openapi_url=None)
    outer.mount(prefix, moim)
    async with running(outer, **{"x-user": "mina"}) as mina:
        made = await send(mina, await mina.get(f"{prefix}/"), name="Tea")
        assert made.headers["location"].startswith(f"{prefix}/r/")
        start = start_of(await mina.get(made.headers["location"]))
    assert (start["base"], start["me"]["role"]) == (prefix, "host")
