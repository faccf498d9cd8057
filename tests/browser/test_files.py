"""Files between two and three people: straight over the data channels, and kept in the room."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Dialog, Request, Route, expect

from tests.browser import axe
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.sharing import (
    MIB,
    digest,
    file_of,
    give,
    given,
    got_bytes,
    holder,
    kept,
    received,
    saved,
    two_with_files,
)
from tests.browser.test_chat_images import give as drop
from tests.browser.troubles import SERVER_AWAY

EMPTY_MODULE = """WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
    .then(() => true, () => false)"""


async def test_a_small_file_is_there_at_once_and_stays_for_who_was_away(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room)
    path = file_of(tmp_path, "회의록 (최종).hwp", 300_000)
    await give(mina, path)
    await expect(received(jun, "done")).to_have_count(1)
    straight = received(jun).get_by_test_id("file-save")
    assert await saved(jun, straight) == (path.name, digest(path))
    await expect(kept(jun)).to_have_count(1)
    sora = await holder(party, room, "Sora")
    fetched = await saved(sora, kept(sora).get_by_test_id("file-fetch"))
    assert fetched == (path.name, digest(path))
    await expect(given(mina)).to_have_attribute("data-state", "over")


async def test_a_large_file_is_asked_for_and_comes_with_speed_and_time(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room)
    path = file_of(tmp_path, "film.mkv", 48 * MIB)
    await give(mina, path)
    await expect(received(jun, "offered")).to_have_count(1)
    assert await got_bytes(received(jun)) == 0
    await jun.page.get_by_test_id("file-accept").click()
    line = received(jun).get_by_test_id("file-progress")
    await expect(line).to_have_text(re.compile(r"\d+%.*a second"), timeout=30_000)
    [worker] = jun.page.workers
    assert await worker.evaluate(EMPTY_MODULE), "its digest is slow without WebAssembly"
    await expect(received(jun, "done")).to_have_count(1, timeout=60_000)
    save = received(jun).get_by_test_id("file-save")
    assert await saved(jun, save) == (path.name, digest(path))


async def test_either_end_pauses_and_either_end_cancels(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room)
    # On a slow machine the room has the whole file before both ends have paused: then nothing is
    # left that Mina could cancel.
    await mina.page.route("**/uploads/F_*", hold_bytes)
    await give(mina, file_of(tmp_path, "film.mkv", 200 * MIB))
    await jun.page.get_by_test_id("file-accept").click()

    async def moves() -> bool:
        return await got_bytes(received(jun)) > MIB

    await until(moves, "the first bytes", 30)
    for person, one in ((jun, received(jun)), (mina, given(mina))):
        await one.get_by_test_id("file-pause").click()
        await stands_still(jun)
        await expect(received(jun)).to_contain_text("paused")
        await expect(given(mina)).to_contain_text("paused")
        before = await got_bytes(received(jun))
        await one.get_by_test_id("file-pause").click()

        async def goes_on(before: int = before) -> bool:
            return await got_bytes(received(jun)) > before

        await until(goes_on, f"more bytes after {await person.page.title()} went on", 30)
    await received(jun).get_by_test_id("file-cancel").click()
    await expect(given(mina)).to_contain_text("cancelled")
    await given(mina).get_by_test_id("file-cancel").click()
    await expect(given(mina)).to_have_attribute("data-state", "over")
    await expect(kept(mina)).to_have_count(0)


async def test_who_has_a_file_on_its_way_is_asked_before_the_page_ends_and_before_they_leave(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, _ = await two_with_files(party, room)
    await mina.page.route("**/uploads/F_*", hold_bytes)
    await give(mina, file_of(tmp_path, "notes.pdf", MIB))
    asked: list[str] = []

    async def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        await dialog.dismiss()

    async def is_asked() -> bool:
        return asked == ["beforeunload"]

    mina.page.on("dialog", stay)
    await mina.page.evaluate("() => void setTimeout(() => location.reload())")
    await until(is_asked, "the browser's question")
    await mina.leave_button.click()
    await expect(mina.page.get_by_test_id("question")).to_contain_text("still on its way")
    await mina.page.get_by_test_id("question-no").click()
    await given(mina).get_by_test_id("file-cancel").click()
    await mina.leave_button.click()
    await expect(mina.page.get_by_test_id("over")).to_be_visible()


async def hold_bytes(route: Route) -> None:
    """What is sent into the room stays on its way; everything else is answered."""
    if route.request.method != "PATCH":
        await route.continue_()


async def stands_still(person: Person) -> None:
    """What was on its way arrives; then nothing more does."""
    seen = [-1, -2]

    async def still() -> bool:
        seen.append(await got_bytes(received(person)))
        return len(seen) > 12 and len(set(seen[-10:])) == 1

    await until(still, "no more bytes", 30)


async def test_who_says_no_gets_nothing(party: Party, room: Links, tmp_path: Path) -> None:
    mina, jun = await two_with_files(party, room)
    await give(mina, file_of(tmp_path, "film.mkv", 11 * MIB))
    await jun.page.get_by_test_id("file-decline").click()
    await expect(given(mina)).to_contain_text("declined")
    await expect(received(jun, "cancelled")).to_have_count(1)


async def test_a_lost_connection_goes_on_where_it_was_cut_off(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room)
    path = file_of(tmp_path, "film.mkv", 96 * MIB)
    await give(mina, path)
    await jun.page.get_by_test_id("file-accept").click()

    async def well_on() -> bool:
        return await got_bytes(received(jun)) > 8 * MIB

    await until(well_on, "a part of the file", 30)
    before = await got_bytes(received(jun))
    # A connection beyond repair is made anew; what came stays.
    await mina.page.evaluate("window.testPeers.at(-1).close()")
    await expect(received(jun, "asked")).to_have_count(1, timeout=30_000)
    assert await got_bytes(received(jun)) >= before
    await expect(received(jun, "done")).to_have_count(1, timeout=120_000)
    save = received(jun).get_by_test_id("file-save")
    assert await saved(jun, save) == (path.name, digest(path))


async def test_an_upload_goes_on_after_the_server_was_killed(
    party: Party, moim_server: MoimServer, room: Links, tmp_path: Path
) -> None:
    party.troubles.allow(*SERVER_AWAY)
    mina = await holder(party, room, "Mina")
    slow = await mina.page.context.new_cdp_session(mina.page)
    await slow.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
    await slow.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": 8 * MIB})
    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    mina.page.on("request", note)
    path = file_of(tmp_path, "film.mkv", 40 * MIB)
    await give(mina, path)

    async def well_on() -> bool:
        return len(offsets) >= 3

    await until(well_on, "a part of the upload", 60)
    await moim_server.kill()
    before = len(offsets)
    await moim_server.start()
    await expect(kept(mina)).to_have_count(1, timeout=90_000)
    # It began anew with none of its pieces.
    assert min(offsets[before:]) >= 16 * MIB
    fetched = await saved(mina, kept(mina).get_by_test_id("file-fetch"))
    assert fetched == (path.name, digest(path))


async def test_a_file_is_taken_back_by_its_sender_and_its_address_is_dead(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room)
    await give(mina, file_of(tmp_path, "plan.pdf", 1000))
    await expect(kept(jun)).to_have_count(1)
    assert await kept(jun).get_by_test_id("file-delete").count() == 0
    address = await kept(jun).get_by_test_id("file-fetch").evaluate("(link) => link.href")
    assert (await jun.page.request.get(address)).status == 200
    await kept(mina).get_by_test_id("file-delete").click()
    await mina.page.get_by_role("button", name="Delete", exact=True).click()
    await expect(kept(jun)).to_have_count(0)
    assert (await jun.page.request.get(address)).status == 404


async def test_a_page_in_disguise_is_saved_and_never_shown(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room)
    for name, text in (
        ("a.html", "<script>document.title = 'caught'</script>"),
        ("a.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
    ):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        await give(mina, path)
    await expect(kept(jun)).to_have_count(2)
    for one in (kept(jun).nth(0), kept(jun).nth(1)):
        address = await one.get_by_test_id("file-fetch").evaluate("(link) => link.href")
        answer = await jun.page.request.get(address)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "caught" not in await jun.page.title()


@pytest.mark.parametrize("moim_server", [{"MOIM_FILE_MAX_BYTES": "1000"}], indirect=True)
async def test_what_is_too_large_for_the_room_still_goes_to_those_present(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room)
    await give(mina, file_of(tmp_path, "film.mkv", 5000))
    await expect(received(jun, "done")).to_have_count(1)
    refused = given(mina).get_by_test_id("file-refused")
    await expect(refused).to_contain_text("Too large for the room")
    await expect(kept(jun)).to_have_count(0)


async def test_a_file_dropped_on_the_call_is_given(party: Party, room: Links) -> None:
    mina, jun = await two_with_files(party, room)
    await mina.page.get_by_test_id("panel-close").click()
    tile = mina.page.get_by_test_id("tile").first
    assert await drop(tile, "dragover", b"%PDF-1.7", "application/pdf")
    assert await drop(tile, "drop", b"%PDF-1.7", "application/pdf")
    await expect(kept(jun)).to_have_count(1)
    await expect(given(mina)).to_have_count(1)


async def test_the_files_are_read_out_and_reached_by_keyboard(
    party: Party, room: Links, tmp_path: Path
) -> None:
    mina, jun = await two_with_files(party, room, locale="ko-KR")
    await give(mina, file_of(tmp_path, "plan.pdf", 1000))
    await give(mina, file_of(tmp_path, "film.mkv", 11 * MIB))
    await expect(received(jun, "offered")).to_have_count(1)
    await expect(kept(jun)).to_have_count(2, timeout=30_000)
    assert await axe.violations(jun.page) == []
    assert await axe.violations(mina.page) == []
    await jun.page.get_by_test_id("file-accept").focus()
    await jun.page.keyboard.press("Enter")
    await expect(received(jun, "done")).to_have_count(2, timeout=60_000)
    assert await axe.violations(jun.page) == []
    await expect(received(jun).first).to_contain_text("Mina 님이 보냄")
