"""The chat as it is read back: with reactions, mentions and titles, in either direction."""

import pytest

from moim.meeting.features.chat import (
    AddTitles,
    DeleteMessage,
    EditMessage,
    React,
    SendMessage,
    chat,
)
from moim.meeting.features.private import SendPrivate
from moim.meeting.features.retention import SetRetention
from moim.meeting.ids import SYSTEM
from moim.meeting.messages import LinkTitle
from moim.storage.database import Database
from moim.storage.rooms import Rooms
from tests.storage.talk import JUN, MINA, SORA, TEA, Talk


@pytest.fixture
async def talk(database: Database) -> Talk:
    """Three people in Mina's room."""
    return await Talk(database).begin()


async def test_a_page_tells_the_same_as_the_fold(talk: Talk) -> None:
    first = await talk.do(MINA, SendMessage(text="@Jun https://a.example", mentions=(JUN,)))
    titles = (LinkTitle(url="https://a.example/", title="A"),)
    await talk.do(SYSTEM, AddTitles(seq=first, text="@Jun https://a.example", titles=titles))
    await talk.do(JUN, React(seq=first, reaction="👍"))
    await talk.do(SORA, React(seq=first, reaction="🎉"))
    await talk.do(JUN, React(seq=first, reaction="❤️"))
    second = await talk.do(JUN, SendMessage(text="well"))
    await talk.do(JUN, EditMessage(seq=second, text="@Sora well", mentions=(SORA,)))
    await talk.do(SORA, React(seq=second, reaction="👍"))
    await talk.do(SORA, React(seq=second, reaction=None))
    gone = await talk.do(SORA, SendMessage(text="oops", mentions=(MINA,)))
    await talk.do(MINA, React(seq=gone, reaction="😮"))
    await talk.do(SORA, DeleteMessage(seq=gone))
    page, _ = await talk.messages.page(TEA, SORA, limit=10)
    assert tuple(page) == chat.of(talk.room).messages


async def test_pages_go_back_and_forth_around_a_message(talk: Talk) -> None:
    seqs = [await talk.do(MINA, SendMessage(text=str(n))) for n in range(9)]

    async def page(**where: int) -> tuple[list[str], bool]:
        found, more = await talk.messages.page(TEA, MINA, limit=3, **where)
        return [m.text for m in found], more

    assert await page() == (["6", "7", "8"], True)
    assert await page(before_seq=seqs[2]) == (["0", "1"], False)
    assert await page(after_seq=seqs[4]) == (["5", "6", "7"], True)
    assert await page(after_seq=seqs[6]) == (["7", "8"], False)


async def test_what_is_too_old_is_listed_oldest_first_and_a_private_message_once(
    talk: Talk, database: Database
) -> None:
    first = await talk.do(MINA, SendMessage(text="one"))
    mine = await talk.do(JUN, SendPrivate(to=SORA, text="two"))
    deleted = await talk.do(MINA, SendMessage(text="three"))
    await talk.do(MINA, DeleteMessage(seq=deleted))
    await talk.do(MINA, SendMessage(text="new"))
    old = await talk.messages.said_before(TEA, 1000 * talk.written, 10)
    assert old == [(first, False), (mine, True)]
    assert await talk.messages.said_before(TEA, 1000 * talk.written, 1) == [(first, False)]
    assert await Rooms(database).forgetting() == []
    await talk.do(MINA, SetRetention(days=7))
    assert await Rooms(database).forgetting() == [(TEA, 7)]
