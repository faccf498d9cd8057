"""The line of who stands before a room: bytes both ways and a way to the SFU, for who may see the
room's page, bounded in size and number."""

import zlib

import httpx
import pytest

from moim.http.api.line import DOWN_BYTES, UP_BYTES
from moim.media.plane import Access
from moim.meeting.errors import ErrorCode, Refused, Unavailable
from tests.http.conftest import House
from tests.http.forms import forms

SLUG = "abcd-efgh-jkm"
LINE, TRIAL = f"/r/{SLUG}/line", f"/r/{SLUG}/sfu-trial"


@pytest.fixture
async def visitor(house: House, browser: httpx.AsyncClient) -> httpx.AsyncClient:
    """Somebody who has seen the room's page, and sends its token with everything."""
    house.rooms.put(SLUG)
    page = await browser.get("/")
    browser.headers["x-moim-csrf"] = forms(page.text, "http://moim.test/")[0].fields["csrf"]
    browser.headers["accept"] = "*/*"
    return browser


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


async def test_bytes_come_down_that_nothing_makes_smaller_or_keeps(
    visitor: httpx.AsyncClient,
) -> None:
    answer = await visitor.get(LINE)
    assert answer.status_code == 200
    assert len(answer.content) == DOWN_BYTES == int(answer.headers["content-length"])
    assert len(zlib.compress(answer.content)) > 0.99 * DOWN_BYTES
    assert answer.headers["cache-control"] == "no-store, no-transform"
    assert "content-encoding" not in answer.headers
    assert (await visitor.get(LINE)).content != answer.content


async def test_bytes_go_up_and_are_dropped_up_to_a_bound(visitor: httpx.AsyncClient) -> None:
    answer = await visitor.post(LINE, content=bytes(UP_BYTES))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store, no-transform"
    answer = await visitor.post(LINE, content=bytes(UP_BYTES + 1))
    assert (answer.status_code, code_of(answer)) == (413, "frame_too_large")


async def test_a_trial_of_the_sfu_names_its_address_and_a_token_that_nobody_keeps(
    house: House, visitor: httpx.AsyncClient
) -> None:
    house.rooms.trial = Access("/livekit", "a-token", "https://one.example.org")
    answer = await visitor.post(TRIAL)
    own = "https://one.example.org"
    assert answer.json() == {"url": "/livekit", "token": "a-token", "address": own}
    assert answer.headers["cache-control"] == "no-store"
    house.rooms.trial = Refused(ErrorCode.SFU_MISSING)
    assert code_of(await visitor.post(TRIAL)) == "sfu_missing"
    house.rooms.trial = Unavailable(ErrorCode.SFU_UNREACHABLE)
    assert (await visitor.post(TRIAL)).status_code == 503


@pytest.mark.parametrize(("method", "path"), [("GET", LINE), ("POST", LINE), ("POST", TRIAL)])
async def test_only_who_may_see_the_rooms_page_is_answered(
    house: House, visitor: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await visitor.request(method, path.replace(SLUG, "nobody-knows-it"))
    assert (answer.status_code, code_of(answer)) == (404, "room_unknown")
    house.rooms.put(SLUG, people=8)
    answer = await visitor.request(method, path)
    assert (answer.status_code, code_of(answer)) == (409, "room_full")
    house.rooms.put(SLUG)
    visitor.cookies.clear()
    answer = await visitor.request(method, path)
    assert (answer.status_code, code_of(answer)) == (401, "identity_missing")


@pytest.mark.parametrize("path", [LINE, TRIAL])
async def test_a_page_of_another_site_starts_nothing(visitor: httpx.AsyncClient, path: str) -> None:
    answer = await visitor.post(path, headers={"origin": "https://evil.example"})
    assert (answer.status_code, code_of(answer)) == (403, "origin_refused")
    answer = await visitor.post(path, headers={"x-moim-csrf": "x"})
    assert (answer.status_code, code_of(answer)) == (403, "csrf_failed")


@pytest.mark.parametrize(("method", "path"), [("POST", LINE), ("POST", TRIAL)])
async def test_who_asks_too_often_waits(
    house: House, visitor: httpx.AsyncClient, method: str, path: str
) -> None:
    house.rooms.trial = Access("/livekit", "a-token")
    for _ in range(500):
        answer = await visitor.request(method, path)
        if not answer.is_success:
            break
    assert (answer.status_code, code_of(answer)) == (429, "rate_limited")
    assert (await visitor.get("/")).is_success
