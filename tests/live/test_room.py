"""The actor of a room: committed before acked, said once, said to who may hear it."""

import asyncio
import json

import pytest

from moim.live.mailbox import MOST_WAITING, Answer
from moim.live.room import LiveRoom
from moim.meeting.conduct import Lock, RenameRoom
from moim.meeting.errors import ErrorCode, MoimError, Refused, Unavailable
from moim.meeting.feature import Command
from moim.meeting.features.chat import DeleteMessage, EditMessage, SendMessage, chat
from moim.meeting.features.hand import RaiseHand
from moim.meeting.ids import SYSTEM, CommandId, FileId, Role, Source
from moim.meeting.images import AddImage, Image
from moim.meeting.membership import EndMeeting, GrantRole, Join, Leave, Remove
from moim.meeting.passing import SetTyping
from moim.meeting.queries import History, Sync
from moim.meeting.rules import dump_room, snapshot
from moim.meeting.tracks import MuteOther, Publish
from moim.storage.batch import Batch
from tests.live.world import JUN, MINA, ROOM, SORA, Browser, House, settled


async def test_an_answer_comes_after_the_commit(house: House, room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    said = await mina.ask(SendMessage(text="tea?"))
    written = await house.journal.after(ROOM, said.seq - 1)
    assert [one.event.type for one in written] == ["chat.sent"]


async def test_everybody_inside_folds_what_they_hear_to_what_they_may_see(room: LiveRoom) -> None:
    mina, jun, sora = (Browser(room, who) for who in (MINA, JUN, SORA))
    await mina.join("Mina")
    await jun.join("Jun")
    await sora.join("Sora")
    await jun.ask(Publish(source=Source.MICROPHONE, muted=False))
    await mina.ask(MuteOther(identity=JUN, source=Source.MICROPHONE))
    sent = await jun.ask(SendMessage(text="one"))
    await jun.ask(EditMessage(seq=sent.seq, text="two"))
    await mina.ask(Remove(identity=SORA))
    await mina.ask(GrantRole(identity=JUN, role=Role.HOST))
    await mina.ask(DeleteMessage(seq=sent.seq))
    await jun.ask(RaiseHand())
    for browser in (mina, jun):
        assert browser.view == snapshot(room.fold, browser.identity)
    assert "participant.barred" not in jun.names()
    assert "participant.barred" in mina.names()


async def test_one_message_is_encoded_once_for_all_who_hear_it(room: LiveRoom) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    await mina.ask(SendMessage(text="tea?"))
    assert mina.messages[-1] is jun.messages[-1]


async def test_who_stands_at_the_door_hears_nothing(room: LiveRoom) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await mina.ask(SendMessage(text="tea?"))
    assert jun.heard == []
    with pytest.raises(Refused, match="not present"):
        await jun.ask(SendMessage(text="let me in"))
    with pytest.raises(Refused, match="not present"):
        await room.query(jun.connection, History())
    with pytest.raises(Refused, match="not present"):
        room.relay(jun.connection, SetTyping(typing=True))


async def test_the_same_id_again_gets_the_same_answer_and_nothing_is_doubled(
    room: LiveRoom,
) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    first = await mina.ask(SendMessage(text="tea?"), "c1")
    assert await mina.ask(SendMessage(text="tea?"), "c1") == first
    at_once = await asyncio.gather(*(mina.ask(SendMessage(text="now"), "c2") for _ in range(5)))
    assert len(set(map(str, at_once))) == 1
    assert [m.text for m in chat.of(room.fold).messages] == ["tea?", "now"]


async def test_the_same_id_gets_the_same_answer_after_a_restart(
    house: House, room: LiveRoom
) -> None:
    mina = Browser(room, MINA)
    sid = await mina.join()
    sent = await mina.ask(SendMessage(text="tea?"), "c1")
    deleted = await mina.ask(DeleteMessage(seq=sent.seq), "c2")
    await house.close()

    again = Browser(await house.room(), MINA)
    await again.join(sid=sid)
    assert await again.ask(SendMessage(text="tea?"), "c1") == sent
    # decided anew it would be refused: the message is gone
    assert await again.ask(DeleteMessage(seq=sent.seq), "c2") == deleted


async def test_a_join_that_is_sent_again_from_a_new_socket_gets_the_seat(room: LiveRoom) -> None:
    first, second = Browser(room, MINA), Browser(room, MINA)
    said = await first.ask(_join(first), "join-1")
    first.hang_up()
    again = await second.ask(_join(second), "join-1")
    assert again.extra["sid"] != said.extra["sid"]
    await second.ask(SendMessage(text="here"))


def _join(browser: Browser) -> Command:
    return Join(name="Mina", tab=browser.tab)


async def test_all_that_waits_is_written_in_one_transaction(house: House, room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    commits = 0
    write = house.database.write

    async def counting(batch: Batch) -> None:
        nonlocal commits
        commits += 1
        await write(batch)

    house.database.write = counting  # type: ignore[method-assign]
    said = await asyncio.gather(*(mina.ask(SendMessage(text=str(n))) for n in range(50)))
    assert [one.seq for one in said] == list(range(said[0].seq, said[0].seq + 50))
    assert commits == 1


async def test_commands_are_done_in_the_order_they_came(room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    joining = room.submit(MINA, CommandId("j"), _join(mina), mina.connection)
    sending = room.submit(MINA, CommandId("s"), SendMessage(text="hi"), mina.connection)
    assert isinstance(await joining, Answer)
    assert isinstance(await sending, Answer)


async def test_who_leaves_and_closes_at_once_has_left(room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    leaving = room.submit(MINA, CommandId("bye"), Leave(), mina.connection)
    mina.hang_up()
    assert isinstance(await leaving, Answer)
    assert room.fold.participants == ()


async def test_who_is_removed_hears_why_and_nothing_more(room: LiveRoom) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    await mina.ask(Remove(identity=JUN))
    await mina.ask(SendMessage(text="they are gone"))
    assert jun.heard[-1] == ("goodbye", {"code": "removed"})
    assert jun.closed_for_good is True
    assert "participant.barred" not in jun.names()


async def test_everybody_is_told_when_a_host_ends_the_meeting(room: LiveRoom) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    await mina.ask(EndMeeting())
    for browser in (mina, jun):
        assert browser.heard[-1] == ("goodbye", {"code": "meeting_ended"})
        assert browser.closed_for_good is True


async def test_a_new_host_gets_the_whole_and_a_former_one_less(room: LiveRoom) -> None:
    mina, jun, sora = (Browser(room, who) for who in (MINA, JUN, SORA))
    for browser in (mina, jun, sora):
        await browser.join()
    await mina.ask(Remove(identity=SORA))
    await mina.ask(GrantRole(identity=JUN, role=Role.HOST))
    assert jun.view is not None
    assert [b.identity for b in jun.view.barred] == [SORA]
    await mina.ask(GrantRole(identity=JUN, role=Role.GUEST))
    assert jun.view.barred == ()
    assert jun.names().count("snapshot") == 2


async def test_who_has_missed_little_gets_the_tail(room: LiveRoom) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    assert jun.view is not None
    known = dict(jun.view.streams)
    before = len(jun.heard)
    await mina.ask(SendMessage(text="one"))
    await mina.ask(Lock())
    said = await room.query(jun.connection, Sync(streams=known))
    heard = [{"type": name, **frame} for name, frame in jun.heard[before:]]
    assert said.extra == {"frames": heard}
    assert said.seq == room.fold.seq


async def test_who_knows_too_little_or_too_much_gets_a_snapshot(room: LiveRoom) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    whole = {"snapshot": dump_room(snapshot(room.fold, JUN))}
    for streams in ({}, {"room": 10_000}, {"room": 1, "hosts": 1}, {"room": 1, "p:u_mina": 0}):
        said = await room.query(jun.connection, Sync.model_validate({"streams": streams}))
        assert said.extra == whole


async def test_what_was_deleted_is_not_in_the_tail_either(room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    assert mina.view is not None
    known = dict(mina.view.streams)
    sent = await mina.ask(SendMessage(text="a secret"))
    await mina.ask(DeleteMessage(seq=sent.seq))
    said = await room.query(mina.connection, Sync(streams=known))
    assert "secret" not in json.dumps(said.extra)
    assert len(said.extra["frames"]) == 2


async def test_older_messages_are_read_back_by_page(room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    await asyncio.gather(*(mina.ask(SendMessage(text=str(n))) for n in range(250)))
    assert len(chat.of(room.fold).messages) == 200
    oldest = chat.of(room.fold).messages[0].seq
    said = await room.query(mina.connection, History(before_seq=oldest, limit=40))
    assert [m["text"] for m in said.extra["messages"]] == [str(n) for n in range(10, 50)]
    assert said.extra["more"] is True
    rest = await room.query(
        mina.connection, History(before_seq=said.extra["messages"][0]["seq"], limit=40)
    )
    assert [m["text"] for m in rest.extra["messages"]] == [str(n) for n in range(10)]
    assert rest.extra["more"] is False


async def test_a_message_that_the_fold_has_let_go_can_still_be_taken_back(room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    first = await mina.ask(SendMessage(text="long ago"))
    await asyncio.gather(*(mina.ask(SendMessage(text=str(n))) for n in range(220)))
    await mina.ask(EditMessage(seq=first.seq, text="long, long ago"))
    await mina.ask(DeleteMessage(seq=first.seq))
    with pytest.raises(Refused, match="message deleted"):
        await mina.ask(EditMessage(seq=first.seq, text="again"))


async def test_the_file_of_a_deleted_message_is_deleted(house: House, room: LiveRoom) -> None:
    mina = Browser(room, MINA)
    await mina.join()
    file_id = FileId("F_0123456789abcdef")
    image = Image(file_id=file_id, media_type="image/png", width=1, height=1, bytes=70)
    await room.ask(SYSTEM, CommandId("up"), AddImage(identity=MINA, image=image))
    sent = await mina.ask(SendMessage(text="", image=file_id))
    await mina.ask(DeleteMessage(seq=sent.seq))
    await room.stop()
    assert house.files.deleted == [(ROOM, file_id)]
    assert await house.journal.doomed() == []


class Unheard(Command):
    """A command that no rule knows: a bug."""

    name_on_wire = "bug.make"


async def test_a_bug_costs_its_own_command_and_the_meeting_goes_on(
    room: LiveRoom, capsys: pytest.CaptureFixture[str]
) -> None:
    mina, jun = Browser(room, MINA), Browser(room, JUN)
    await mina.join()
    await jun.join()
    said = await asyncio.gather(
        mina.ask(SendMessage(text="before")),
        mina.ask(Unheard()),
        mina.ask(SendMessage(text="after")),
        return_exceptions=True,
    )
    assert isinstance(said[1], Unavailable)
    assert said[1].code is ErrorCode.INTERNAL
    assert [m.text for m in chat.of(room.fold).messages] == ["before", "after"]
    assert jun.view == snapshot(room.fold, JUN)
    assert capsys.readouterr().out.count("room_command_failed") == 1


async def test_a_room_that_is_asked_too_much_says_so(room: LiveRoom) -> None:
    def rename(n: int) -> "asyncio.Future[Answer | MoimError]":
        return room.submit(SYSTEM, CommandId(f"c{n}"), RenameRoom(name=f"Tea {n}"))

    replies = [rename(n) for n in range(MOST_WAITING)]
    with pytest.raises(Unavailable) as refused:
        rename(MOST_WAITING)
    assert refused.value.code is ErrorCode.BUSY
    assert all(isinstance(said, Answer) for said in await asyncio.gather(*replies))


async def test_two_servers_on_one_room_agree(house: House) -> None:
    here = await house.room()
    other_house = House(house.database.file.parent, house.clock, server="b")  # type: ignore[union-attr]
    there = await other_house.room()
    mina, jun = Browser(here, MINA), Browser(there, JUN)
    await mina.join("Mina")
    await jun.join("Jun")
    said: list[Answer | MoimError] = await asyncio.gather(
        *(mina.ask(SendMessage(text=f"m{n}")) for n in range(10)),
        *(jun.ask(SendMessage(text=f"j{n}")) for n in range(10)),
    )
    assert all(isinstance(one, Answer) for one in said)
    await settled(here)
    await mina.ask(SendMessage(text="last"))
    await jun.ask(SendMessage(text="very last"))
    await mina.ask(SendMessage(text="the end"))
    assert mina.view == snapshot(here.fold, MINA)
    texts = [m.text for m in chat.of(here.fold).messages]
    assert len(texts) == len(set(texts)) == 23
    await other_house.close()
