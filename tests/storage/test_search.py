"""The search of the chat: parts of words in any script, and only what one may see."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from moim.meeting.features.chat import DeleteMessage, EditMessage, SendMessage
from moim.meeting.features.private import DeletePrivate, SendPrivate
from moim.meeting.ids import ROOM
from moim.storage import search_index
from moim.storage.database import Database
from moim.storage.grams import folded, grams, keys
from moim.storage.tables import LAST_SEQ, message_gram
from tests.storage.talk import JUN, MINA, SORA, TEA, Talk


@pytest.fixture
async def talk(database: Database) -> Talk:
    """Three people in Mina's room."""
    return await Talk(database).begin()


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("다음주정기회의시간은 세 시예요", "회의"),
        ("다음주정기회의시간은 세 시예요", "회의시간"),
        ("Rescheduling tomorrow", "schedul"),
        ("Rescheduling tomorrow", "TOMORROW"),
        ("Crème brûlée, s'il vous plaît", "creme BRULEE"),
        ("creme brulee", "Crème"),
        ("STRASSE", "straße"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("두 번째 줄에\n있는 말", "있는"),
        ("100% of_it", "100%"),
        ("100% of_it", "of_it"),
        ("a\\b c", "a\\b"),
        ("회의는 세 시, 장소는 옥상", "옥상 회의"),
    ],
)
async def test_a_part_of_a_word_is_found(talk: Talk, said: str, asked: str) -> None:
    await talk.do(MINA, SendMessage(text=said))
    await talk.do(MINA, SendMessage(text="something else 다른 말"))
    assert await talk.found(asked) == [said]


@pytest.mark.parametrize("asked", ["의회", "xy", "회", "a", " ", "100_", "회의 xyz"])
async def test_what_was_not_said_is_not_found(talk: Talk, asked: str) -> None:
    await talk.do(MINA, SendMessage(text="다음주정기회의 100% a"))
    assert await talk.found(asked) == []


async def test_an_edited_message_is_found_by_what_it_says_now(talk: Talk) -> None:
    seq = await talk.do(MINA, SendMessage(text="the kitchen"))
    await talk.do(MINA, EditMessage(seq=seq, text="the garden"))
    assert await talk.found("kitchen") == []
    assert await talk.found("garden") == ["the garden"]


async def test_nothing_of_a_deleted_message_is_in_the_index(talk: Talk) -> None:
    seq = await talk.do(MINA, SendMessage(text="비밀번호 망고스틴"))
    await talk.do(MINA, DeleteMessage(seq=seq))
    mine = await talk.do(JUN, SendPrivate(to=SORA, text="비밀번호 망고스틴"))
    await talk.do(JUN, DeletePrivate(seq=mine))
    assert await talk.found("망고") == []
    async with talk.database.reading() as connection:
        count = select(func.count()).select_from(message_gram)
        assert (await connection.execute(count)).scalar_one() == 0


async def test_a_private_message_is_found_by_the_two_and_not_by_a_host(talk: Talk) -> None:
    await talk.do(JUN, SendPrivate(to=SORA, text="귓속말이에요"))
    assert await talk.found("귓속", JUN) == ["귓속말이에요"]
    assert await talk.found("귓속", SORA) == ["귓속말이에요"]
    assert await talk.found("귓속", MINA) == []


async def test_a_page_shows_private_messages_to_the_two_and_to_no_host(talk: Talk) -> None:
    await talk.do(MINA, SendMessage(text="to all"))
    await talk.do(JUN, SendPrivate(to=SORA, text="psst"))
    for viewer, seen in ((JUN, ["to all", "psst"]), (SORA, ["to all", "psst"]), (MINA, ["to all"])):
        page, more = await talk.messages.page(TEA, viewer, limit=10)
        assert ([m.text for m in page], more) == (seen, False)
    exported = [m.text async for page in talk.messages.said_to_all(TEA) for m in page]
    assert exported == ["to all"]


async def test_a_search_goes_on_where_the_last_one_ended(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "LOOKED_AT_MOST", 7)
    monkeypatch.setattr(search_index, "FOUND_MOST", 4)
    for n in range(40):
        await talk.do(MINA, SendMessage(text=f"회의 {n:02}" if n % 3 == 0 else f"회의록 {n:02}"))
    whole = [f"회의 {n:02}" for n in reversed(range(0, 40, 3))]
    assert [one for one in await talk.found("회의") if "록" not in one] == whole
    assert len(await talk.found("회의")) == 40
    assert await talk.found("의록 02") == ["회의록 02"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_search_of_a_full_room_reads_an_index_and_no_whole_table(talk: Talk) -> None:
    await talk.do(MINA, SendMessage(text="다음주정기회의"))
    [number] = keys(TEA, ROOM, ["회의"])
    query = search_index.matching(TEA, ROOM, ["회의"], number, LAST_SEQ)
    compiled = query.compile(
        dialect=talk.database.connect().dialect, compile_kwargs={"literal_binds": True}
    )
    async with talk.database.reading() as connection:
        rows = (await connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))).all()
    plan = [row[3] for row in rows]
    assert any("message_gram USING PRIMARY KEY (gram=? AND seq<?)" in step for step in plan), plan
    assert any("message USING INDEX" in step and "room_id=? AND seq=?" in step for step in plan)
    # the only scan is that of what the index gave
    scans = [step for step in plan if step.startswith("SCAN")]
    assert all("anon" in step or "(subquery" in step for step in scans), plan


words = st.text(alphabet="가나다회의abCÉé ", min_size=1, max_size=12)


@given(words, words, words)
def test_every_part_of_two_letters_and_more_shares_its_pairs(a: str, b: str, c: str) -> None:
    whole, part = folded(a + b + c), folded(b)
    if part in whole:
        assert grams(part) <= grams(whole)


@given(st.text(max_size=30))
@example("\U0001d670")  # a styled capital
def test_folding_twice_is_folding_once(raw: str) -> None:
    assert folded(folded(raw)) == folded(raw)


def test_the_numbers_of_a_pair_differ_by_room_and_by_stream() -> None:
    streams = (ROOM, JUN, SORA)
    numbers = {n for stream in streams for n in keys(TEA, f"p:{stream}", ["회의"])}  # type: ignore[arg-type]
    assert len(numbers) == len(streams)
    assert all(-(2**63) <= n < 2**63 for n in numbers)
