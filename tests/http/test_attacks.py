"""What somebody may send who means harm: refused with one code, bounded in bytes and in time."""

import asyncio
import io
import json
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote, urlsplit

import httpx
import pytest
from PIL import Image, ImageFile

from moim.http import forms as form_reading
from moim.http import uploads
from moim.http.text import TEXTS
from moim.meeting.ids import Identity
from tests.http import pictures
from tests.http.conftest import Build, House
from tests.http.forms import forms, parse, send
from tests.http.test_images import FILE, PATH, SLUG, code_of, seated, stored

TYPE = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"accept": "application/json"}


# Names


@pytest.mark.parametrize(
    "name",
    [
        "a\u202eb",  # right-to-left override
        "a\u2066b",  # isolate
        "\u200b",  # zero width space alone
        "\u3164",  # Hangul filler: looks like nothing
        "a\x00b",
        "a\x1b[31mb",
        "a\x7fb",
        "x" * 41,
        "가" * 41,
        "x" * 100_000 + "",
        "",
        " \t ",
    ],
    ids=lambda name: ascii(name[:8]),
)
async def test_a_name_that_deceives_or_never_ends_makes_no_room(
    house: House, browser: httpx.AsyncClient, name: str
) -> None:
    answer = await send(browser, await browser.get("/"), name=name)
    assert answer.status_code in (413, 422)
    parse(answer.text)
    assert len(answer.text) < 20_000
    assert not house.rooms.cards


NAME_OF_MARKUP = "</title><script>alert(1)</script>\"'{{7*7}}"[:40]


async def test_a_name_of_markup_makes_no_room(house: House, browser: httpx.AsyncClient) -> None:
    made = await send(browser, await browser.get("/"), name=NAME_OF_MARKUP, visibility="listed")
    assert made.status_code == 422
    assert not house.rooms.cards


async def test_a_name_of_markup_is_words_wherever_it_is_shown(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put("abcd-efgh-jkm", NAME_OF_MARKUP, people=1)
    path = "/r/abcd-efgh-jkm"
    start = json.loads(_start(await browser.get(path)))
    assert start["room"]["name"] == NAME_OF_MARKUP
    for page in [await browser.get(one) for one in ("/", path)]:
        assert not [s for s in parse(page.text).iter("script") if "alert" in (s.text or "")[:10]]
        assert "<script>alert" not in page.text
    listed = (await browser.get("/api/rooms")).headers
    assert listed["content-type"] == "application/json"
    assert listed["x-content-type-options"] == "nosniff"


def _start(page: httpx.Response) -> str:
    found = parse(page.text).find(".//script[@id='moim-start']")
    assert found is not None
    return found.text or ""


# Headers


@pytest.mark.parametrize(
    "evil", ["a\r\nset-cookie: x=1", "a\nlocation: //evil.example", "a\r\n\r\n<b>"]
)
async def test_a_line_end_in_what_is_typed_writes_no_header(
    house: House, browser: httpx.AsyncClient, evil: str
) -> None:
    home = await browser.get("/")
    answers = [
        await send(browser, home, name=evil),
        await send(browser, home, 1, link=f"http://moim.test/r/abcd{evil}"),
        await send(browser, home, 1, link=f"http://moim.test/h/abcd/{evil}"),
        await browser.get("/", params={"lang": "ko", "x": evil}),
        await browser.get("/r/abcd", params={"lang": f"ko{evil}"}),
        await browser.get(f"/r/{quote(evil)}?lang=ko"),
    ]
    for answer in answers:
        assert "x" not in answer.cookies
        assert urlsplit(answer.headers.get("location", "")).netloc == ""
        for name, value in answer.headers.raw:
            assert not {*name, *value} & {*b"\r\n"}
    assert [room.name for room in house.rooms.cards.values()] in ([], [" ".join(evil.split())])


@pytest.mark.parametrize(
    "host", ["evil.example/x", "a b", "[::1", "x:99999999", "user@evil.example"]
)
async def test_a_host_that_is_no_host_gets_into_no_link(house: House, host: str) -> None:
    house.rooms.put(SLUG)
    async with house.browser() as reader:
        page = await reader.get(f"/r/{SLUG}", headers={"host": host})
    assert host not in page.text
    assert json.loads(_start(page))["guest_link"] == f"http://localhost/r/{SLUG}"


# Forms


async def test_a_form_that_is_too_large_is_read_no_further(
    house: House, browser: httpx.AsyncClient
) -> None:
    await browser.get("/")
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"name=" + b"x" * 9_995

    answer = await browser.post("/rooms", content=endless(), headers={**TYPE, **JSON})
    assert (answer.status_code, code_of(answer)) == (413, "frame_too_large")
    assert read * 10_000 <= form_reading.MOST_BYTES + 10_000
    assert not house.rooms.cards


@pytest.mark.parametrize("body", [b"a=1&" * 5_000, b"name=\xff\xfe", b"&".join([b"x=%ff"] * 3)])
async def test_a_form_that_cannot_be_read_changes_nothing(
    house: House, browser: httpx.AsyncClient, body: bytes
) -> None:
    await browser.get("/")
    answer = await browser.post("/rooms", content=body, headers={**TYPE, **JSON})
    assert (answer.status_code, code_of(answer)) == (400, "command_malformed")
    assert not house.rooms.cards


async def _stuck(first: bytes) -> AsyncIterator[bytes]:
    yield first
    await asyncio.Event().wait()


async def test_a_form_that_never_ends_is_given_up(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_reading, "TIMEOUT_S", 0.01)
    await browser.get("/")
    answer = await browser.post("/rooms", content=_stuck(b"name="), headers={**TYPE, **JSON})
    assert (answer.status_code, code_of(answer)) == (503, "busy")


# Images


@pytest.mark.parametrize("multipart", [False, True])
async def test_an_upload_that_never_ends_is_given_up_and_frees_its_place(
    house: House,
    browser: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    multipart: bool,
) -> None:
    monkeypatch.setattr(uploads, "TIMEOUT_S", 0.01)
    await seated(house, browser)
    head = b'--x\r\ncontent-disposition: form-data; name="a"; filename="a"\r\n\r\n'
    kind = {"content-type": "multipart/form-data; boundary=x"} if multipart else {}
    for _ in range(5):
        body = _stuck(head + pictures.encoded("PNG")[:30])
        answer = await browser.post(PATH, content=body, headers=kind)
        assert (answer.status_code, code_of(answer)) == (503, "busy")
    assert not stored(house)
    monkeypatch.undo()
    assert (await browser.post(PATH, content=pictures.encoded("PNG"))).status_code == 201


@pytest.mark.parametrize("multipart", [False, True])
async def test_an_endless_upload_is_read_to_a_bound(build: Build, multipart: bool) -> None:
    limit = 100_000
    house = build(image_max_bytes=limit)
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        if multipart:
            yield b'--x\r\ncontent-disposition: form-data; name="a"; filename="a"\r\n\r\n'
        while True:
            read += 1000
            yield b"x" * 1000

    async with house.browser() as client:
        await seated(house, client)
        kind = {"content-type": "multipart/form-data; boundary=x"} if multipart else {}
        answer = await client.post(PATH, content=endless(), headers=kind)
    assert (answer.status_code, code_of(answer)) == (413, "image_too_large")
    assert read <= uploads.PATIENCE * limit + 10_000


async def test_a_form_of_a_thousand_parts_is_refused(
    house: House, browser: httpx.AsyncClient
) -> None:
    await seated(house, browser)
    picture = pictures.encoded("PNG")
    for files in (
        [("a", ("a.png", picture))] * 1000,
        [(f"f{number}", (None, "x")) for number in range(1000)],
    ):
        answer = await browser.post(PATH, files=files)
        assert (answer.status_code, code_of(answer)) == (400, "command_malformed")
    assert not stored(house)


def _gif_bomb(side: int = 60_000) -> bytes:
    """A GIF of a few bytes whose screen is huge."""
    good = pictures.encoded("GIF")
    return good[:6] + struct.pack("<HH", side, side) + good[10:]


def _webp_bomb(side: int = 16_000) -> bytes:
    """A WebP whose extended header claims the largest canvas that there is."""
    size = struct.pack("<I", side - 1)[:3]
    header = b"VP8X" + struct.pack("<I", 10) + b"\x10\0\0\0" + size + size
    body = b"WEBP" + header
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _jpeg_bomb(side: int = 65_000) -> bytes:
    """A JPEG whose frame header claims four gigapixels."""
    good = bytearray(pictures.encoded("JPEG"))
    at = good.index(b"\xff\xc0")
    good[at + 5 : at + 9] = struct.pack(">HH", side, side)
    return bytes(good)


@pytest.mark.parametrize(
    "bomb",
    [pictures.png_bomb, _gif_bomb, _jpeg_bomb, _webp_bomb],
    ids=["png", "gif", "jpeg", "webp"],
)
async def test_no_pixel_of_a_bomb_is_decoded(
    house: House,
    browser: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    bomb: Callable[[], bytes],
) -> None:
    decoded: list[object] = []
    load = ImageFile.ImageFile.load

    def watched(picture: ImageFile.ImageFile) -> object:
        decoded.append(picture)
        return load(picture)

    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    await seated(house, browser)
    answer = await browser.post(PATH, content=bomb())
    assert answer.status_code in (413, 422)
    assert code_of(answer) in ("image_too_large", "image_unreadable")
    assert decoded == []
    assert not stored(house)


async def test_only_the_first_of_many_pictures_is_decoded(
    house: House, browser: httpx.AsyncClient
) -> None:
    """A thousand frames of a second's work each would take the server for a quarter of an hour."""
    frames = [Image.new("RGB", (40, 40), (number % 200, 0, 0)) for number in range(300)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=20)
    good = out.getvalue()
    broken = good[: len(good) // 2]  # whatever comes behind the first picture is never looked at
    await seated(house, browser)
    assert (await browser.post(PATH, content=broken)).status_code == 201


async def test_a_picture_with_a_profile_that_unpacks_without_end_is_harmless(
    house: House, browser: httpx.AsyncClient
) -> None:
    good = pictures.encoded("PNG")
    profile = b"x\0\0" + zlib.compress(b"\0" * 50_000_000, 9)
    chunk = struct.pack(">I", len(profile)) + b"iCCP" + profile
    bomb = good[:33] + chunk + struct.pack(">I", zlib.crc32(b"iCCP" + profile)) + good[33:]
    await seated(house, browser)
    answer = await browser.post(PATH, content=bomb)
    assert answer.status_code in (201, 422)
    assert sum(path.stat().st_size for path in stored(house)) < 10_000


@pytest.mark.parametrize(
    "file_id",
    [
        "%2e%2e%2f%2e%2e%2fmoim.db",
        "..%5c..%5cmoim.db",
        "F_0123456789abcdef%00.png",
        "F_0123456789abcdef.part",
        "F_0123456789abcdef%2f",
        "F_0123456789abcde%0a",
        "%ff%fe",
        "F_" + "a" * 5_000,
        "CON",
        "RM_0123456789abcdef",
    ],
)
async def test_a_file_id_that_is_a_path_is_an_unknown_image(
    house: House, browser: httpx.AsyncClient, file_id: str
) -> None:
    await seated(house, browser)
    for slug in (SLUG, "..%2f" + SLUG, "%2e%2e"):
        answer = await browser.get(f"/r/{slug}/images/{file_id}", follow_redirects=True)
        assert answer.status_code == 404
        assert code_of(answer) in ("image_unknown", "room_unknown", "page_not_found")


# Who asks


RESOURCES = [("POST", PATH), ("POST", f"/r/{SLUG}/host-links"), ("POST", "/api/identities")]


@pytest.mark.parametrize(("method", "path"), RESOURCES)
@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
    ids=lambda headers: next(iter(headers.values())),
)
async def test_another_sites_page_changes_nothing_even_with_the_token(
    house: House, browser: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    identity = await seated(house, browser)
    house.rooms.hosts.add((SLUG, identity))
    answer = await browser.request(method, path, content=pictures.encoded("PNG"), headers=headers)
    assert (answer.status_code, code_of(answer)) == (403, "origin_refused")
    assert not stored(house)
    assert not house.rooms.secrets


@pytest.mark.parametrize(("method", "path"), RESOURCES)
async def test_the_token_of_one_identity_is_worth_nothing_for_another(
    house: House, method: str, path: str
) -> None:
    async with house.browser() as mina, house.browser() as jun:
        await seated(house, mina)
        host: Identity = await seated(house, jun)
        house.rooms.hosts.add((SLUG, host))
        jun.headers["x-moim-csrf"] = mina.headers["x-moim-csrf"]
        answer = await jun.request(method, path, content=pictures.encoded("PNG"))
        assert (answer.status_code, code_of(answer)) == (403, "csrf_failed")

        # A bearer token needs no CSRF token, and speaks for its owner alone, whatever the cookie.
        stranger = house.site.identities.token(Identity("u_stranger"))
        bearer = {"authorization": f"Bearer {stranger}"}
        answer = await jun.request(method, path, content=pictures.encoded("PNG"), headers=bearer)
        if path == "/api/identities":
            assert answer.status_code == 201
        else:
            assert (answer.status_code, code_of(answer)) in (
                (403, "not_present"),
                (403, "not_host"),
            )
        # A browser adds Basic by itself, behind a proxy that asks for a password: no proof.
        for forged in (
            "Bearer ",
            "Bearer",
            "Basic bWluYTp0ZWE=",
            "Bearer u_stranger",
            "Bearer ...",
        ):
            answer = await jun.request(method, path, headers={"authorization": forged})
            assert code_of(answer) in ("csrf_failed", "identity_invalid"), forged
    assert not stored(house)
    assert not house.rooms.secrets


async def test_a_form_that_was_made_for_somebody_else_is_refused_on_the_host_link_too(
    house: House,
) -> None:
    async with house.browser() as mina, house.browser() as jun:
        made = await send(mina, await mina.get("/"), name="Tea")
        link = json.loads(_start(await mina.get(made.headers["location"])))["host_link"]
        theirs = forms((await jun.get(link)).text, link)[0]
        mine = await mina.get("/")
        answer = await mina.post(link, data=theirs.fields, headers={"origin": "null", **JSON})
        assert (answer.status_code, code_of(answer)) == (403, "csrf_failed")
        assert len(house.rooms.hosts) == 1
        assert TEXTS["en"].home_title in mine.text


async def test_a_stranger_learns_nothing_from_an_image_that_a_browser_has_kept(
    house: House, browser: httpx.AsyncClient
) -> None:
    await seated(house, browser)
    async with house.browser() as stranger:
        await stranger.get("/")
        answer = await stranger.get(f"{PATH}/{FILE}", headers={"if-none-match": "*"})
    assert answer.status_code == 404
