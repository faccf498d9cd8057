"""Uploads: only pixels come in, within limits, and only who belongs to the room sees them."""

import asyncio
import errno
import io
import os
from pathlib import Path

import httpx
import pytest
from PIL import Image
from starlette.requests import HTTPConnection

from moim.http.images import KEPT_PIXELS, clean
from moim.meeting.errors import ErrorCode, MoimError, Refused
from moim.meeting.ids import FileId, Identity, RoomId
from moim.storage.images import ImageStore
from tests.http import pictures
from tests.http.conftest import Build, House
from tests.http.forms import forms

SLUG = "abcd-efgh-jkm"
PATH = f"/r/{SLUG}/images"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
ROOM = RoomId("RM_0123456789abcdef")
FILE = FileId("F_0123456789abcdef")


async def seated(house: House, client: httpx.AsyncClient) -> Identity:
    """Open the page and sit down; the client sends the token with everything from now on."""
    if SLUG not in house.rooms.cards:
        house.rooms.put(SLUG)
    page = await client.get("/")
    client.headers["x-moim-csrf"] = forms(page.text, "http://moim.test/")[0].fields["csrf"]
    client.headers["accept"] = "*/*"
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
    connection = HTTPConnection({"type": "http", "headers": [(b"cookie", cookies.encode())]})
    identity = await house.site.identities.identify(connection)
    assert identity is not None
    house.rooms.seats.add((SLUG, identity))
    return identity


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def stored(house: House) -> list[Path]:
    return files_below(house.files)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/png"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/webp"),
    ],
)
async def test_an_image_is_taken_in_and_shown_again(
    house: House, browser: httpx.AsyncClient, kind: str, media_type: str
) -> None:
    await seated(house, browser)
    answer = await browser.post(PATH, content=pictures.encoded(kind))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["media_type"], body["width"], body["height"]) == (media_type, 60, 40)
    assert house.rooms.images[0].file_id == body["file_id"]

    shown = await browser.get(f"{PATH}/{body['file_id']}")
    assert shown.status_code == 200
    assert shown.headers["content-type"] == media_type
    assert len(shown.content) == body["bytes"]
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-disposition"].startswith("inline")
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    again = await browser.get(
        f"{PATH}/{body['file_id']}", headers={"if-none-match": shown.headers["etag"]}
    )
    assert again.status_code == 304


async def test_a_multipart_form_carries_one_image(house: House, browser: httpx.AsyncClient) -> None:
    await seated(house, browser)
    picture = pictures.encoded("PNG")
    answer = await browser.post(PATH, files={"image": ("x.html", picture, "text/html")})
    assert (answer.status_code, answer.json()["media_type"]) == (201, "image/png")
    for files in (
        [("a", ("a.png", picture)), ("b", ("b.png", picture))],
        [("a", (None, "no file"))],
    ):
        answer = await browser.post(PATH, files=files)
        assert (answer.status_code, code_of(answer)) == (400, "command_malformed")


async def test_only_pixels_of_a_photo_are_kept_and_it_stands_upright(
    house: House, browser: httpx.AsyncClient
) -> None:
    await seated(house, browser)
    body = (await browser.post(PATH, content=pictures.turned_photo())).json()
    assert (body["width"], body["height"]) == (40, 60)
    data = (await browser.get(f"{PATH}/{body['file_id']}")).content
    for secret in (b"SecretCamera", b"hidden words", b"<script>", b"Exif"):
        assert secret not in data
    with Image.open(io.BytesIO(data)) as picture:
        assert not picture.getexif()
        corner = picture.convert("RGB").getpixel((37, 2))
    assert isinstance(corner, tuple)
    assert corner[2] > 200  # the blue corner went from the top left to the top right


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_kept_as_its_first_picture(kind: str) -> None:
    cleaned = clean(pictures.animated(kind), 1_000_000)
    with Image.open(io.BytesIO(cleaned.data)) as picture:
        assert getattr(picture, "n_frames", 1) == 1
        colour = picture.convert("RGB").getpixel((5, 5))
    assert isinstance(colour, tuple)
    assert colour[0] > 240
    assert colour[2] < 20


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "1", "I;16"])
def test_every_kind_of_pixel_is_understood(mode: str) -> None:
    source = Image.new("RGBA", (9, 7), (255, 0, 0, 128)) if "A" in mode else Image.new("L", (9, 7))
    out = io.BytesIO()
    source.convert(mode).save(out, "PNG")
    cleaned = clean(out.getvalue(), 1000)
    with Image.open(io.BytesIO(cleaned.data)) as picture:
        assert picture.size == (9, 7)
        assert picture.has_transparency_data == ("A" in mode)


def test_a_cmyk_photo_becomes_one_that_browsers_show() -> None:
    cleaned = clean(pictures.encoded("JPEG", mode="CMYK"), 100_000)
    with Image.open(io.BytesIO(cleaned.data)) as picture:
        assert picture.mode == "RGB"


def test_a_large_photo_is_made_smaller_and_keeps_its_shape() -> None:
    cleaned = clean(pictures.encoded("JPEG", (6000, 3000)), 40_000_000)
    assert cleaned.width * cleaned.height <= KEPT_PIXELS * 1.01
    assert abs(cleaned.width / cleaned.height - 2) < 0.01


@pytest.mark.parametrize(
    ("name", "raw", "code"),
    [
        ("svg", SVG, "image_type_refused"),
        ("html", b"<!doctype html><script>alert(1)</script>", "image_type_refused"),
        ("empty", b"", "image_type_refused"),
        ("pdf", b"%PDF-1.7\n", "image_type_refused"),
        ("bmp", pictures.encoded("BMP"), "image_type_refused"),
        ("tiff", pictures.encoded("TIFF"), "image_type_refused"),
        ("eps", b"%!PS-Adobe-3.0 EPSF-3.0\n", "image_type_refused"),
        ("jpeg cut off", pictures.encoded("JPEG", (400, 400))[:-900], "image_unreadable"),
        ("png cut off", pictures.encoded("PNG", (400, 400))[:-60], "image_unreadable"),
        ("webp cut off", pictures.encoded("WEBP", (400, 400))[:-60], "image_unreadable"),
        ("only a head", b"\xff\xd8\xff\xe0", "image_unreadable"),
        ("html behind a magic", b"GIF89a<script>alert(1)</script>", "image_unreadable"),
        ("svg behind a magic", b"\x89PNG\r\n\x1a\n" + SVG, "image_unreadable"),
        ("bomb", pictures.png_bomb(), "image_too_large"),
        ("smaller bomb", pictures.png_bomb(9000, 9000), "image_too_large"),
        ("bomb in a comment", pictures.png_with_text_bomb(), "image_unreadable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_bad_file_is_refused_with_one_code_and_leaves_nothing(
    house: House, browser: httpx.AsyncClient, name: str, raw: bytes, code: str
) -> None:
    await seated(house, browser)
    answer = await browser.post(PATH, content=raw, headers={"content-type": "image/png"})
    assert code_of(answer) == code
    assert answer.status_code in (413, 415, 422)
    assert not stored(house)
    assert not house.rooms.images


async def test_a_file_that_is_both_an_image_and_a_page_becomes_an_image_only(
    house: House, browser: httpx.AsyncClient
) -> None:
    await seated(house, browser)
    polyglot = pictures.encoded("PNG") + b"<html><script>alert(1)</script>"
    body = (await browser.post(PATH, content=polyglot)).json()
    assert b"<script>" not in (await browser.get(f"{PATH}/{body['file_id']}")).content


async def test_too_many_bytes_are_refused_while_they_come(build: Build) -> None:
    house = build(image_max_bytes=1000)
    raw = pictures.encoded("BMP")
    async with house.browser() as client:
        await seated(house, client)

        async def endless() -> object:
            for _ in range(10_000):
                yield raw

        for answer in (
            await client.post(PATH, content=raw),
            await client.post(PATH, content=endless()),  # type: ignore[arg-type]
            await client.post(PATH, files={"image": raw * 3}),
        ):
            assert (answer.status_code, code_of(answer)) == (413, "image_too_large")


async def test_only_who_sits_in_the_room_sends_images(house: House) -> None:
    house.rooms.put(SLUG)
    picture = pictures.encoded("PNG")
    async with house.browser() as stranger:
        await seated(house, stranger)
        house.rooms.seats.clear()
        answer = await stranger.post(PATH, content=picture)
        assert (answer.status_code, code_of(answer)) == (403, "not_present")
        del stranger.headers["x-moim-csrf"]
        answer = await stranger.post(PATH, content=picture)
        assert (answer.status_code, code_of(answer)) == (403, "csrf_failed")
    async with house.browser(accept="*/*") as nobody:
        answer = await nobody.post(PATH, content=picture)
        assert (answer.status_code, code_of(answer)) == (401, "identity_missing")


async def test_who_leaves_during_the_upload_leaves_no_file(
    house: House, browser: httpx.AsyncClient
) -> None:
    await seated(house, browser)

    async def slow() -> object:
        yield pictures.encoded("PNG")
        house.rooms.seats.clear()

    answer = await browser.post(PATH, content=slow())  # type: ignore[arg-type]
    assert code_of(answer) == "not_present"
    assert not stored(house)


async def test_a_stranger_cannot_tell_that_an_image_exists(
    house: House, browser: httpx.AsyncClient
) -> None:
    await seated(house, browser)
    file_id = (await browser.post(PATH, content=pictures.encoded("PNG"))).json()["file_id"]
    async with house.browser() as stranger:
        await stranger.get("/")
        answers = [await stranger.get(f"{PATH}/{one}") for one in (file_id, FILE)]
        answers.append(await stranger.get(f"{PATH}/..%2f..%2fsecret"))
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_a_second_person_in_the_browser_uses_their_token(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put(SLUG)
    identity = house.site.identities.mint()
    house.rooms.seats.add((SLUG, identity))
    token = {"authorization": f"Bearer {house.site.identities.token(identity)}"}
    answer = await browser.post(PATH, content=pictures.encoded("PNG"), headers=token)
    assert answer.status_code == 201
    shown = await browser.get(f"{PATH}/{answer.json()['file_id']}", headers=token)
    assert shown.status_code == 200


async def test_a_deleted_image_is_gone(house: House, browser: httpx.AsyncClient) -> None:
    await seated(house, browser)
    file_id = (await browser.post(PATH, content=pictures.encoded("PNG"))).json()["file_id"]
    room = house.rooms.cards[SLUG].id
    shown = await browser.get(f"{PATH}/{file_id}")
    for _ in range(2):
        await house.site.images.store.delete(room, file_id)
    gone = await browser.get(f"{PATH}/{file_id}", headers={"if-none-match": shown.headers["etag"]})
    assert (gone.status_code, code_of(gone)) == (404, "image_unknown")
    assert not stored(house)


async def test_a_deleted_image_is_gone_before_its_bytes_are(
    house: House, browser: httpx.AsyncClient
) -> None:
    await seated(house, browser)
    file_id = (await browser.post(PATH, content=pictures.encoded("PNG"))).json()["file_id"]
    house.rooms.deleted.add(file_id)
    gone = await browser.get(f"{PATH}/{file_id}")
    assert (gone.status_code, code_of(gone)) == (404, "image_unknown")


async def test_a_room_has_a_quota(build: Build) -> None:
    house = build(room_images_max_bytes=1000)
    async with house.browser() as client:
        await seated(house, client)
        picture = pictures.encoded("JPEG")
        answers = [await client.post(PATH, content=picture) for _ in range(3)]
    assert answers[0].status_code == 201
    assert (answers[2].status_code, code_of(answers[2])) == (507, "quota_reached")
    assert sum(path.stat().st_size for path in stored(house)) <= 1000


async def test_images_cannot_be_sent_without_end(build: Build) -> None:
    house = build(images_per_minute=1)
    async with house.browser() as client:
        await seated(house, client)
        answers = [await client.post(PATH, content=pictures.encoded("PNG")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 429]


async def test_few_uploads_are_under_way_at_once(house: House) -> None:
    desk = house.site.images
    one = Identity("u_one")
    with desk.place(one), desk.place(one), desk.place(one):
        with pytest.raises(Refused), desk.place(one):
            pass
        with desk.place(Identity("u_other")):
            pass
    with desk.place(one):
        pass


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "storage_full"), (errno.EIO, "storage_failed")]
)
async def test_a_disk_that_fails_has_a_code_and_leaves_no_half_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def failing(descriptor: int) -> None:
        raise OSError(number, "the disk says no")

    monkeypatch.setattr(os, "fsync", failing)
    store = ImageStore(tmp_path, 10_000)
    with pytest.raises(MoimError) as failure:
        await store.keep(ROOM, FILE, b"x" * 100)
    assert failure.value.code == ErrorCode(code)
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("file_id", ["F_../../../../etc/passwd", "..", "F_", "x" * 20, "F_a/b" * 4])
async def test_an_id_never_leads_out_of_the_folder(tmp_path: Path, file_id: str) -> None:
    store = ImageStore(tmp_path, 10_000)
    with pytest.raises(Refused):
        await store.find(ROOM, FileId(file_id))
    with pytest.raises(Refused):
        await store.keep(RoomId(file_id), FILE, b"x")


async def test_two_uploads_never_share_the_last_of_a_quota(tmp_path: Path) -> None:
    store = ImageStore(tmp_path, 150)
    ids = [FileId(f"F_0123456789abcde{number}") for number in range(4)]
    results = await asyncio.gather(
        *(store.keep(ROOM, file_id, b"x" * 100) for file_id in ids), return_exceptions=True
    )
    assert sum(result is None for result in results) == 1
