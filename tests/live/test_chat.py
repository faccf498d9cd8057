"""The chat in a live room: reading back, titles of links, and what is kept for some days only."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from moim.live.registry import Registry
from moim.live.room import LiveRoom
from moim.live.titling import RUNNING_MOST, STARTED_PER_MINUTE, links_in
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.features.chat import DeleteMessage, EditMessage, React, SendMessage, chat
from moim.meeting.features.private import DeletePrivate, SendPrivate, private
from moim.meeting.features.retention import SetRetention
from moim.meeting.ids import SYSTEM, CommandId
from moim.meeting.membership import Leave
from moim.meeting.messages import ChatMessage, LinkTitle
from moim.meeting.queries import History, Revisions, Search
from moim.meeting.rules import snapshot
from moim.retention_sweep import DAY_MS, RetentionSweep
from tests.live.world import JUN, MINA, SORA, Browser, House, settled


async def three(room: LiveRoom) -> tuple[Browser, Browser, Browser]:
    """Mina, who is a host, Jun and Sora."""
    browsers = tuple(Browser(room, one, f"tab-{one}") for one in (MINA, JUN, SORA))
    for browser in browsers:
        await browser.join(browser.identity[2:].title())
    mina, jun, sora = browsers
    return mina, jun, sora


async def test_a_private_message_reaches_the_two_and_nobody_hears_of_it_else(
    room: LiveRoom,
) -> None:
    mina, jun, sora = await three(room)
    said = await jun.ask(SendPrivate(to=SORA, text="between us"))
    assert "between us" not in str(mina.heard)
    assert mina.view == snapshot(room.fold, MINA)
    for browser in (jun, sora):
        assert browser.view is not None
        [message] = private.of(browser.view).boxes[browser.identity]
        assert message.text == "between us"
    [mine] = private.of(room.fold).boxes[JUN]
    assert said.seq == mine.seq + 1
    await jun.ask(DeletePrivate(seq=mine.seq))
    assert sora.view == snapshot(room.fold, SORA)
    assert private.of(room.fold).boxes[SORA][0].deleted


async def test_what_was_missed_of_a_private_message_is_sent_again_to_the_two_alone(
    room: LiveRoom,
) -> None:
    mina, jun, sora = await three(room)
    before = {b.identity: dict(b.view.streams) for b in (mina, jun, sora) if b.view}
    await jun.ask(SendPrivate(to=SORA, text="between us"))
    for browser, heard in ((mina, 0), (jun, 1), (sora, 1)):
        tail = room._audience.tail(room.fold, browser.identity, before[browser.identity])
        assert tail is None or len(tail) == heard
        if heard == 0:
            assert "between us" not in str(tail)


async def test_who_sits_down_again_reads_private_messages_back_by_page(room: LiveRoom) -> None:
    mina, jun, sora = await three(room)
    await jun.ask(SendPrivate(to=SORA, text="between us"))
    await sora.ask(Leave())
    again = Browser(room, SORA, "tab-again")
    await again.join("Sora")
    assert again.view is not None
    assert private.of(again.view).boxes == {}
    answer = await room.query(again.connection, History(limit=10))
    assert [m["text"] for m in answer.extra["messages"]] == ["between us"]
    answer = await room.query(mina.connection, History(limit=10))
    assert answer.extra["messages"] == []


async def test_a_search_is_answered_with_what_one_may_see(room: LiveRoom) -> None:
    mina, jun, sora = await three(room)
    await mina.ask(SendMessage(text="정기회의는 세 시"))
    await jun.ask(SendPrivate(to=SORA, text="회의 싫어요"))
    for browser, count in ((mina, 1), (jun, 2), (sora, 2)):
        answer = await room.query(browser.connection, Search(text="회의"))
        assert len(answer.extra["messages"]) == count
        assert answer.extra["before_seq"] is None


async def test_a_host_reads_what_a_message_said_before_and_a_guest_does_not(
    room: LiveRoom,
) -> None:
    mina, jun, _ = await three(room)
    seq = (await jun.ask(SendMessage(text="first"))).seq
    await mina.ask(React(seq=seq, reaction="👍"))
    await jun.ask(EditMessage(seq=seq, text="second"))
    answer = await room.query(mina.connection, Revisions(seq=seq))
    assert [one["text"] for one in answer.extra["revisions"]] == ["first", "second"]
    assert await refused(room, jun, Revisions(seq=seq)) is ErrorCode.NOT_HOST
    await jun.ask(DeleteMessage(seq=seq))
    assert await refused(room, mina, Revisions(seq=seq)) is ErrorCode.MESSAGE_DELETED


async def test_a_host_reads_no_private_message_by_its_number(room: LiveRoom) -> None:
    mina, jun, _ = await three(room)
    await jun.ask(SendPrivate(to=SORA, text="between us"))
    for message in (*private.of(room.fold).boxes[JUN], *private.of(room.fold).boxes[SORA]):
        said = await refused(room, mina, Revisions(seq=message.seq))
        assert said is ErrorCode.MESSAGE_UNKNOWN


async def refused(room: LiveRoom, browser: Browser, query: Revisions) -> ErrorCode:
    with pytest.raises(Refused) as caught:
        await room.query(browser.connection, query)
    return caught.value.code


class Pages:
    """Pages with titles, asked for when a test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.open = asyncio.Event()

    async def find(self, url: str) -> str | None:
        self.asked.append(url)
        await self.open.wait()
        return None if "untitled" in url else f"Title of {url}"


async def with_pages(house: House) -> tuple[Pages, LiveRoom]:
    """A room on a server that follows links."""
    pages = Pages()
    house.tools = replace(house.tools, titles=pages)
    return pages, await house.room()


async def until_titled(room: LiveRoom, count: int) -> tuple[LinkTitle, ...]:
    async with asyncio.timeout(10):
        while True:
            message = message_of(room)
            if len(message.titles) == count:
                return message.titles
            await asyncio.sleep(0.005)


def message_of(room: LiveRoom) -> ChatMessage:
    return chat.of(room.fold).messages[-1]


async def test_the_titles_of_links_come_after_the_message_and_go_with_it(house: House) -> None:
    pages, room = await with_pages(house)
    mina, jun, _ = await three(room)
    text = "see https://a.example/x, and https://untitled.example"
    seq = (await mina.ask(SendMessage(text=text))).seq
    assert message_of(room).titles == ()
    pages.open.set()
    [title] = await until_titled(room, 1)
    assert title == LinkTitle(url="https://a.example/x", title="Title of https://a.example/x")
    assert jun.view == snapshot(room.fold, JUN)
    await mina.ask(DeleteMessage(seq=seq))
    assert message_of(room).titles == ()
    path = house.database.file
    assert path is not None
    files = [path, path.with_name("moim.db-wal")]
    assert not any(b"Title of" in one.read_bytes() for one in files if one.exists())


async def test_links_of_private_messages_are_not_followed(house: House) -> None:
    pages, room = await with_pages(house)
    pages.open.set()
    _, jun, _ = await three(room)
    await jun.ask(SendPrivate(to=SORA, text="https://secret.example"))
    await jun.ask(SendMessage(text="https://a.example"))
    await until_titled(room, 1)
    assert pages.asked == ["https://a.example"]


async def test_a_flood_of_links_is_followed_a_few_at_a_time(house: House) -> None:
    pages, room = await with_pages(house)
    mina, *_ = await three(room)
    for n in range(RUNNING_MOST + 5):
        await mina.ask(SendMessage(text=f"https://{n}.example"))
    await settled(room)
    assert len(pages.asked) == RUNNING_MOST
    pages.open.set()
    for n in range(STARTED_PER_MINUTE * 2):
        await mina.ask(SendMessage(text=f"https://more{n}.example"))
    await settled(room)
    assert len(pages.asked) <= STARTED_PER_MINUTE


def test_links_are_taken_without_what_stands_behind_them() -> None:
    text = (
        "(https://a.example/b?c=d). HTTP://B.example, https://a.example/b?c=d https://c.example 끝"
    )
    found = ["https://a.example/b?c=d", "HTTP://B.example", "https://c.example"]
    assert links_in(text) == found
    assert links_in("ftp://a.example javascript:alert(1) example.org") == []


async def test_what_is_too_old_is_deleted_and_what_is_new_is_kept(tmp_path: Path) -> None:
    house = House(tmp_path)
    room = await house.room()
    registry = Registry(house.rooms, house.tools)
    registry._open[room.fold.id] = room
    sweep = RetentionSweep(registry, house.rooms, house.tools.messages, house.clock)
    mina, jun, sora = await three(room)
    await mina.ask(SendMessage(text="an old word"))
    await jun.ask(SendPrivate(to=SORA, text="an old secret"))
    assert await sweep.sweep() == 0
    house.clock._now_ms += 8 * DAY_MS
    await mina.ask(SendMessage(text="a new word"))
    assert await sweep.sweep() == 0
    await mina.ask(SetRetention(days=7))
    assert await sweep.sweep() == 2
    assert await sweep.sweep() == 0
    old, new = chat.of(room.fold).messages
    assert (old.deleted, new.deleted) == (True, False)
    assert all(m.deleted for box in private.of(room.fold).boxes.values() for m in box)
    for browser in (mina, jun, sora):
        assert browser.view == snapshot(room.fold, browser.identity)
    # the same sweep on another server says the same command, which happens once
    twice = await room.ask(SYSTEM, CommandId(f"retention-{old.seq}"), DeleteMessage(seq=old.seq))
    assert twice.seq < room.fold.seq + 1
    assert house.database.file is not None
    files = [house.database.file, house.database.file.with_name("moim.db-wal")]
    for words in (b"an old word", b"an old secret"):
        assert not any(words in one.read_bytes() for one in files if one.exists())
    await house.close()


async def test_a_room_with_nothing_old_is_not_opened(house: House) -> None:
    room = await house.room()
    mina = Browser(room, MINA)
    await mina.join("Mina")
    await mina.ask(SetRetention(days=7))
    await mina.ask(SendMessage(text="new"))
    registry = Registry(house.rooms, house.tools)
    sweep = RetentionSweep(registry, house.rooms, house.tools.messages, house.clock)
    assert await sweep.sweep() == 0
    assert registry.open_rooms == 0
