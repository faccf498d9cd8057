"""Uploads by the tus protocol 1.0.0: what its specification demands, and what this house adds."""

import asyncio
import base64
import errno
import hashlib
import os
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moim.meeting.errors import ErrorCode, Unavailable
from moim.storage.file_parts import Part
from tests.http.conftest import Build, House
from tests.http.test_images import SLUG, code_of, files_below, seated
from tests.http.uploading import PIECE, TUS, UPLOADS, Uploader, metadata, uploader

DATA = bytes(range(256)) * 400


@pytest.fixture
async def mina(house: House) -> AsyncIterator[Uploader]:
    async with uploader(house) as one:
        yield one


def files(mina: Uploader) -> list[Path]:
    return files_below(mina.house.site.files.store.parts._folder)


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def program(code: str) -> str:
    """A virus check of our own."""
    return shlex.join([sys.executable, "-c", code])


async def test_a_server_says_what_it_can_do(mina: Uploader) -> None:
    answer = await mina.client.options(UPLOADS)
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,checksum,expiration,termination"
    assert answer.headers["tus-max-size"] == "1000000"
    assert answer.headers["tus-checksum-algorithm"] == "sha256,sha1"


async def test_an_upload_in_pieces_becomes_a_file_that_the_room_is_told_of(mina: Uploader) -> None:
    begun = await mina.begin(len(DATA), "회의록.hwp", transfer="t-1")
    place = begun.headers["location"]
    assert begun.headers["tus-resumable"] == "1.0.0"
    assert begun.headers["upload-expires"].endswith("GMT")

    first = await mina.piece(place, 0, DATA[:1000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "1000")
    assert mina.house.rooms.files == []
    looked = await mina.look(place)
    assert looked.status_code == 200
    assert looked.headers["upload-offset"] == "1000"
    assert looked.headers["upload-length"] == str(len(DATA))
    assert looked.headers["cache-control"] == "no-store"

    last = await mina.piece(place, 1000, DATA[1000:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(DATA)))
    ((_, name, shared),) = mina.house.rooms.files
    assert (name, shared.file_name, shared.bytes, shared.transfer) == (
        "Mina",
        "회의록.hwp",
        len(DATA),
        "t-1",
    )
    assert shared.sha256 == hashlib.sha256(DATA).hexdigest()
    assert [path.name for path in files(mina)] == [shared.file_id]


async def test_an_empty_file_is_whole_at_once(mina: Uploader) -> None:
    assert (await mina.begin(0, "empty.txt")).status_code == 201
    ((_, _, shared),) = mina.house.rooms.files
    assert shared.bytes == 0


async def test_another_version_of_the_protocol_is_answered_with_ours(mina: Uploader) -> None:
    place = await mina.begun(3)
    for answer in (
        await mina.client.post(UPLOADS, headers={"upload-length": "3"}),
        await mina.client.head(place, headers={"tus-resumable": "0.2.2"}),
        await mina.client.patch(place, headers={**PIECE, "tus-resumable": "2.0.0"}),
        await mina.client.delete(place),
    ):
        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")


async def test_a_piece_for_another_place_is_a_conflict_and_changes_nothing(mina: Uploader) -> None:
    place = await mina.begun(10)
    await mina.piece(place, 0, b"12345")
    for offset in (0, 4, 6):
        answer = await mina.piece(place, offset, b"67890")
        assert (answer.status_code, code_of(answer)) == (409, "upload_offset")
        assert answer.headers["tus-resumable"] == "1.0.0"
    assert (await mina.look(place)).headers["upload-offset"] == "5"


async def test_a_piece_of_another_type_is_refused(mina: Uploader) -> None:
    place = await mina.begun(3)
    answer = await mina.piece(place, 0, b"123", **{"content-type": "application/octet-stream"})
    assert answer.status_code == 415


@pytest.mark.parametrize("length", ["", "-1", "3.5", "1" * 16, "٣"])
async def test_a_length_that_is_no_number_is_malformed(mina: Uploader, length: str) -> None:
    said = {"upload-metadata": metadata(filename="x")}
    headers = {**TUS, **said}
    raw = [(k.encode(), v.encode()) for k, v in headers.items()]
    answer = await mina.client.post(UPLOADS, headers=[*raw, (b"upload-length", length.encode())])
    assert (answer.status_code, code_of(answer)) == (400, "command_malformed")


@pytest.mark.parametrize("said", ["filename ===", "filename /w==", "x" * 5000, "transfer Li4v"])
async def test_metadata_that_cannot_be_read_is_malformed(mina: Uploader, said: str) -> None:
    headers = {**TUS, "upload-length": "3", "upload-metadata": said}
    answer = await mina.client.post(UPLOADS, headers=headers)
    assert (answer.status_code, code_of(answer)) == (400, "command_malformed")


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "..", "", "cod\u202efdp.exe", "a\0b"])
async def test_a_name_that_is_a_path_or_hides_something_is_refused(
    mina: Uploader, name: str
) -> None:
    answer = await mina.begin(3, name)
    assert (answer.status_code, code_of(answer)) == (422, "file_name_invalid")
    assert files(mina) == []


async def test_more_than_was_said_is_refused_and_what_was_said_stays(mina: Uploader) -> None:
    place = await mina.begun(3)
    answer = await mina.piece(place, 0, b"1234")
    assert (answer.status_code, code_of(answer)) == (413, "file_too_large")
    assert (await mina.look(place)).headers["upload-offset"] == "0"


async def test_a_checksum_that_fits_is_taken_and_one_that_does_not_keeps_nothing(
    mina: Uploader,
) -> None:
    place = await mina.begun(6)
    good = await mina.piece(place, 0, b"123", **{"upload-checksum": f"sha256 {sha256(b'123')}"})
    assert good.status_code == 204
    bad = await mina.piece(place, 3, b"45x", **{"upload-checksum": f"sha256 {sha256(b'456')}"})
    assert (bad.status_code, code_of(bad)) == (460, "upload_corrupt")
    assert (await mina.look(place)).headers["upload-offset"] == "3"
    sha1 = base64.b64encode(hashlib.sha1(b"456", usedforsecurity=False).digest()).decode()
    again = await mina.piece(place, 3, b"456", **{"upload-checksum": f"sha1 {sha1}"})
    assert again.status_code == 204
    unknown = await mina.piece(place, 6, b"", **{"upload-checksum": "crc32 AAAA"})
    assert unknown.status_code == 204  # nothing is left to be checked


async def test_an_unknown_checksum_is_malformed(mina: Uploader) -> None:
    place = await mina.begun(3)
    answer = await mina.piece(place, 0, b"123", **{"upload-checksum": "crc32 AAAA"})
    assert (answer.status_code, code_of(answer)) == (400, "command_malformed")


async def test_an_upload_that_is_given_up_is_gone(mina: Uploader) -> None:
    place = await mina.begun(9)
    await mina.piece(place, 0, b"123")
    answer = await mina.client.delete(place, headers=TUS)
    assert (answer.status_code, answer.headers["tus-resumable"]) == (204, "1.0.0")
    assert (await mina.look(place)).status_code == 404
    assert files(mina) == []


async def test_a_file_that_the_room_knows_is_not_given_up_behind_its_back(mina: Uploader) -> None:
    place = (await mina.sent(b"123")).replace("/files/", "/uploads/")
    assert (await mina.client.delete(place, headers=TUS)).status_code == 404
    assert len(files(mina)) == 1


async def test_what_came_before_a_lost_connection_stays(mina: Uploader) -> None:
    place = await mina.begun(len(DATA))
    await mina.lose_connection(place, DATA[:2000])
    assert (await mina.look(place)).headers["upload-offset"] == "2000"
    await mina.piece(place, 2000, DATA[2000:])
    ((_, _, shared),) = mina.house.rooms.files
    assert shared.sha256 == hashlib.sha256(DATA).hexdigest()


async def test_a_part_with_a_checksum_is_kept_whole_or_not_at_all(mina: Uploader) -> None:
    place = await mina.begun(len(DATA))
    await mina.lose_connection(place, DATA[:2000], **{"upload-checksum": f"sha256 {sha256(DATA)}"})
    assert (await mina.look(place)).headers["upload-offset"] == "0"


async def test_a_browser_that_is_back_sends_its_lost_connection_away(mina: Uploader) -> None:
    place = await mina.begun(len(DATA))
    async with mina.hanging(place, DATA[:2000]):
        looked = await asyncio.wait_for(mina.look(place), 30)
    assert looked.headers["upload-offset"] == "2000"


async def test_only_who_began_an_upload_goes_on_with_it(mina: Uploader) -> None:
    place = await mina.begun(3)
    async with mina.house.browser() as client:
        await seated(mina.house, client)
        jun = Uploader(mina.house, client)
        for answer in (
            await jun.look(place),
            await jun.piece(place, 0, b"123"),
            await client.delete(place, headers=TUS),
        ):
            assert answer.status_code == 404
    assert mina.house.rooms.files == []


async def test_who_is_not_in_the_room_begins_nothing(mina: Uploader) -> None:
    mina.house.rooms.seats.clear()
    answer = await mina.begin(3)
    assert (answer.status_code, code_of(answer)) == (403, "not_present")


async def test_another_site_and_a_request_without_its_token_are_refused(mina: Uploader) -> None:
    place = await mina.begun(3)
    foreign = await mina.piece(place, 0, b"123", origin="https://evil.test")
    assert (foreign.status_code, code_of(foreign)) == (403, "origin_refused")
    forged = await mina.piece(place, 0, b"123", **{"x-moim-csrf": "0"})
    assert (forged.status_code, code_of(forged)) == (403, "csrf_failed")


async def test_a_file_that_is_too_large_for_the_room_is_refused_before_it_comes(
    mina: Uploader,
) -> None:
    answer = await mina.begin(1_000_001)
    assert (answer.status_code, code_of(answer)) == (413, "file_too_large")


async def test_uploads_that_have_begun_count_in_the_quota(mina: Uploader) -> None:
    first = await mina.begun(1_000_000)
    await mina.begun(1_000_000)
    answer = await mina.begin(1)
    assert (answer.status_code, code_of(answer)) == (507, "quota_reached")
    await mina.client.delete(first, headers=TUS)
    assert (await mina.begin(1)).status_code == 201


async def test_only_the_kinds_that_were_chosen_are_kept(build: Build) -> None:
    async with uploader(build(file_types=frozenset({"pdf"}))) as mina:
        assert (await mina.begin(3, "a.PDF")).status_code == 201
        answer = await mina.begin(3, "a.pdf.exe")
        assert (answer.status_code, code_of(answer)) == (415, "file_type_refused")


async def test_a_full_disk_is_told_and_what_it_took_is_not_sent_again(
    mina: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await mina.begun(len(DATA))
    real = Part._write

    def full(part: Part, data: bytes) -> None:
        real(part, data[:100])
        raise Unavailable(ErrorCode.STORAGE_FULL, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Part, "_write", full)
        answer = await mina.piece(place, 0, DATA)
    assert (answer.status_code, code_of(answer)) == (507, "storage_full")
    assert (await mina.look(place)).headers["upload-offset"] == "100"
    assert (await mina.piece(place, 100, DATA[100:])).status_code == 204


async def test_an_infected_file_is_refused_and_leaves_nothing(build: Build) -> None:
    found = program("import sys; sys.exit(b'virus' in open(sys.argv[1], 'rb').read())")
    async with uploader(build(file_scan_command=found)) as mina:
        place = await mina.begun(5)
        answer = await mina.piece(place, 0, b"virus")
        assert (answer.status_code, code_of(answer)) == (422, "file_infected")
        assert (mina.house.rooms.files, files(mina)) == ([], [])
        assert (await mina.look(place)).status_code == 404
        await mina.sent(b"fine!")
        assert len(mina.house.rooms.files) == 1


@pytest.mark.parametrize("scan", [program("import sys; sys.exit(2)"), "/nowhere/clamdscan"])
async def test_a_file_that_could_not_be_checked_waits_until_it_can(build: Build, scan: str) -> None:
    async with uploader(build(file_scan_command=scan)) as mina:
        place = await mina.begun(3)
        answer = await mina.piece(place, 0, b"123")
        assert (answer.status_code, code_of(answer)) == (503, "file_unscanned")
        assert mina.house.rooms.files == []
        file = place.replace("/uploads/", "/files/")
        assert (await mina.client.get(file)).status_code == 404
        await mina.after_a_crash().sweep()
        assert (await mina.client.get(file)).content == b"123"


async def test_a_killed_server_tells_of_a_whole_file_after_its_next_start(mina: Uploader) -> None:
    place = await mina.begun(3)
    rooms = mina.house.rooms
    rooms.deaf = Unavailable(ErrorCode.SERVER_STOPPING)
    assert (await mina.piece(place, 0, b"123")).status_code == 503
    assert rooms.files == []
    rooms.deaf = None
    await mina.after_a_crash().sweep()
    await mina.after_a_crash().sweep()
    assert len(rooms.files) == 1


async def test_an_unfinished_upload_goes_on_after_a_restart(mina: Uploader) -> None:
    place = await mina.begun(6)
    await mina.piece(place, 0, b"123")
    await mina.after_a_crash().sweep()
    looked = await mina.look(place)
    assert looked.headers["upload-offset"] == "3"
    assert (await mina.piece(place, 3, b"456")).status_code == 204
    assert len(mina.house.rooms.files) == 1


async def test_what_nobody_goes_on_with_and_what_nobody_knows_is_swept(mina: Uploader) -> None:
    place = await mina.begun(6)
    await mina.piece(place, 0, b"123")
    kept = await mina.sent(b"kept")
    (part,) = [path for path in files(mina) if path.suffix == ".part"]
    stray = part.with_name("F_0123456789abcdef")
    stray.write_bytes(b"x")
    foreign = part.with_name("README")
    foreign.write_bytes(b"x")
    for path in (stray, foreign):
        os.utime(path, times=(0, 0))
    desk = mina.after_a_crash()
    await desk.sweep()
    assert (stray.exists(), part.exists(), foreign.exists()) == (False, True, True)
    desk._now_s = lambda: 4e9
    await desk.sweep()
    assert not part.exists()
    assert (await mina.look(place)).status_code == 404
    assert (await mina.client.get(kept)).content == b"kept"


async def test_a_barred_person_shares_nothing_and_leaves_nothing(mina: Uploader) -> None:
    place = await mina.begun(3)
    (_, identity) = next(iter(mina.house.rooms.seats))
    mina.house.rooms.barred.add(identity)
    answer = await mina.piece(place, 0, b"123")
    assert (answer.status_code, code_of(answer)) == (403, "barred")
    assert files(mina) == []


# Fetching


async def test_a_file_is_fetched_as_an_attachment_of_no_type(mina: Uploader) -> None:
    html = b"<script>alert(1)</script>"
    for name in ("a.html", "a.svg", "회의록.html"):
        answer = await mina.client.get(await mina.sent(html, name))
        assert answer.content == html
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "filename*=utf-8''%ED%9A%8C" in answer.headers["content-disposition"]


async def test_a_file_is_fetched_in_ranges(mina: Uploader) -> None:
    place = await mina.sent(DATA)
    part = await mina.client.get(place, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, DATA[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(DATA)}"
    end = await mina.client.get(place, headers={"range": "bytes=-5"})
    assert (end.status_code, end.content) == (206, DATA[-5:])
    beyond = await mina.client.get(place, headers={"range": f"bytes={len(DATA)}-"})
    assert beyond.status_code == 416
    head = await mina.client.head(place)
    assert (head.headers["content-length"], head.headers["accept-ranges"]) == (
        str(len(DATA)),
        "bytes",
    )
    etag = {"if-none-match": head.headers["etag"]}
    assert (await mina.client.get(place, headers=etag)).status_code == 304


async def test_who_does_not_belong_to_the_room_fetches_nothing(mina: Uploader) -> None:
    place = await mina.sent(b"123")
    async with mina.house.browser() as stranger:
        await stranger.get("/")
        answer = await stranger.get(place, headers={"accept": "*/*"})
    assert (answer.status_code, code_of(answer)) == (404, "file_unknown")


async def test_a_file_that_still_comes_in_is_not_fetched(mina: Uploader) -> None:
    place = await mina.begun(6)
    await mina.piece(place, 0, b"123")
    for path in (place.replace("/uploads/", "/files/"), f"/r/{SLUG}/files/F_..%2F..%2Fsecret.key"):
        assert (await mina.client.get(path)).status_code == 404


async def test_a_deleted_file_is_gone_before_its_bytes_are(mina: Uploader) -> None:
    place = await mina.sent(b"123")
    ((_, _, shared),) = mina.house.rooms.files
    mina.house.rooms.deleted.add(shared.file_id)
    answer = await mina.client.get(place, headers={"accept": "*/*"})
    assert (answer.status_code, code_of(answer)) == (404, "file_unknown")


async def test_a_file_whose_bytes_go_first_is_gone(mina: Uploader) -> None:
    place = await mina.sent(b"123")
    ((_, _, shared),) = mina.house.rooms.files
    room = mina.house.rooms.cards[SLUG].id
    await mina.house.site.files.store.parts.delete(room, shared.file_id)
    answer = await mina.client.get(place, headers={"accept": "*/*"})
    assert (answer.status_code, code_of(answer)) == (404, "file_unknown")


async def test_a_deleted_file_is_gone_from_the_disk_and_gives_its_space_back(
    mina: Uploader,
) -> None:
    place = await mina.sent(b"x" * 1_000_000)
    await mina.begun(1_000_000)
    assert (await mina.begin(1)).status_code == 507
    ((_, _, shared),) = mina.house.rooms.files
    await mina.house.site.files.store.delete(mina.house.rooms.cards[SLUG].id, shared.file_id)
    assert (await mina.client.get(place)).status_code == 404
    assert files(mina) == []
    assert (await mina.begin(1)).status_code == 201
