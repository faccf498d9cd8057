"""The rules of a room, one sentence each."""

from typing import Any

import pytest
from pydantic import ValidationError

from moim.meeting import conduct, tracks
from moim.meeting import membership as m
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Limits
from moim.meeting.features import chat, hand, recording
from moim.meeting.ids import SYSTEM, FileId, Identity, Role, Source
from moim.meeting.images import AddImage, Image
from moim.meeting.messages import MESSAGES_HELD
from moim.meeting.passing import SendSignal, SetSpeaking, relay
from tests.meeting.world import JUN, MINA, SORA, World

MIC = Source.MICROPHONE
PICTURE = Image(file_id=FileId("F_cat"), media_type="image/png", width=3, height=2, bytes=9)


def refusal(world: World, actor: Identity, command: Command, **kwargs: Any) -> ErrorCode:
    before = world.room
    with pytest.raises(Refused) as caught:
        world.do(actor, command, **kwargs)
    assert world.room is before
    return caught.value.code


def test_the_creator_of_a_room_is_its_host_and_others_are_guests() -> None:
    room = World().join(MINA, JUN).room
    assert [(p.name, p.role) for p in room.participants] == [("Mina", "host"), ("Jun", "guest")]


def test_a_meeting_starts_with_the_first_and_ends_with_the_last() -> None:
    world = World().join(MINA, JUN)
    first = [s.event.type for s in world.do(MINA, m.Leave())]
    last = [s.event.type for s in world.do(JUN, m.Leave())]
    assert (first, last) == (["participant.left"], ["participant.left", "meeting.ended"])
    assert world.room.meeting is None
    assert world.join(JUN).room.epoch == 2


def test_a_page_whose_socket_reconnects_keeps_its_seat_without_an_event() -> None:
    world = World().join(MINA)
    seat: Any = world.room.find(MINA)
    assert world.do(MINA, m.Join(name="Mina", tab="tab-of-mina", sid=seat.sid)) == []


def test_a_reloaded_page_gets_a_new_sid_and_what_was_muted_stays_muted() -> None:
    world = World().join(MINA)
    before: Any = world.room.find(MINA)
    world.do(MINA, tracks.Publish(source=MIC, muted=True))
    world.do(MINA, m.Join(name="Mina", tab="tab-of-mina"))
    world.do(MINA, tracks.Publish(source=MIC, muted=False))
    after: Any = world.room.find(MINA)
    assert after.sid != before.sid
    assert after.tracks[MIC].muted


def test_a_second_tab_is_asked_before_it_takes_the_seat() -> None:
    world = World().join(MINA)
    again = m.Join(name="Mina", tab="another-tab")
    assert refusal(world, MINA, again, occupied=True) is ErrorCode.SEAT_TAKEN
    taken = world.do(MINA, again.but(take_over=True), occupied=True)
    assert [s.event.type for s in taken] == ["participant.resumed"]


def test_a_locked_room_takes_no_new_guest_but_its_host_and_who_sits_there() -> None:
    world = World().join(MINA, JUN)
    world.do(MINA, conduct.Lock())
    assert refusal(world, SORA, m.Join(name="Sora", tab="tab-of-sora")) is ErrorCode.ROOM_LOCKED
    world.do(JUN, m.Join(name="Jun", tab="tab-of-jun-2"))
    world.do(MINA, m.Leave())
    assert world.join(MINA).room.find(MINA)


def test_a_full_room_takes_no_guest_and_still_its_host() -> None:
    world = World(limits=Limits(participants=2)).join(JUN, SORA)
    late = Identity("u_late")
    assert refusal(world, late, m.Join(name="Late", tab="tab-of-late")) is ErrorCode.ROOM_FULL
    assert world.join(MINA).room.find(MINA)


def test_who_was_removed_stays_out_until_a_host_lets_them_in() -> None:
    world = World().join(MINA, JUN)
    world.do(MINA, m.Remove(identity=JUN))
    back = m.Join(name="Jun", tab="tab-of-jun")
    assert refusal(world, JUN, back) is ErrorCode.BARRED
    world.do(MINA, m.Readmit(identity=JUN))
    world.do(JUN, back)
    assert world.room.barred == ()


def test_only_hosts_learn_who_was_removed() -> None:
    world = World().join(MINA, JUN, SORA)
    world.do(MINA, m.Remove(identity=JUN))
    assert [b.name for b in world.views[MINA].room.barred] == ["Jun"]
    assert world.views[SORA].room.barred == ()


def test_the_last_host_cannot_step_down() -> None:
    world = World().join(MINA, JUN)
    down = m.GrantRole(identity=MINA, role=Role.GUEST)
    assert refusal(world, MINA, down) is ErrorCode.LAST_HOST
    world.do(MINA, m.GrantRole(identity=JUN, role=Role.HOST))
    world.do(MINA, down)
    assert world.room.roles == {JUN: Role.HOST}


@pytest.mark.parametrize(
    "command",
    [
        conduct.Lock(),
        conduct.RenameRoom(name="Mine now"),
        conduct.ListRoom(listed=False),
        m.Remove(identity=MINA),
        m.GrantRole(identity=JUN, role=Role.HOST),
        m.Rename(identity=MINA, name="Somebody"),
        m.EndMeeting(),
        tracks.MuteOther(identity=MINA, source=MIC),
        hand.LowerHand(identity=MINA),
        recording.StopRecording(identity=MINA),
    ],
    ids=lambda command: command.name_on_wire,
)
def test_a_guest_moderates_nobody(command: Command) -> None:
    assert refusal(World().join(MINA, JUN), JUN, command) is ErrorCode.NOT_HOST


def test_a_host_who_left_the_meeting_does_not_moderate_it() -> None:
    world = World().join(MINA, JUN)
    world.do(MINA, m.Leave())
    assert refusal(world, MINA, conduct.Lock()) is ErrorCode.NOT_PRESENT


def test_a_host_mutes_another_and_only_its_owner_unmutes() -> None:
    world = World().join(MINA, JUN)
    world.do(JUN, tracks.Publish(source=MIC, muted=False))
    world.do(MINA, tracks.MuteOther(identity=JUN, source=MIC))
    muted: Any = world.room.find(JUN)
    assert (muted.tracks[MIC].muted, muted.tracks[MIC].by) == (True, MINA)
    world.do(JUN, tracks.Unmute(source=MIC))
    free: Any = world.room.find(JUN)
    assert (free.tracks[MIC].muted, free.tracks[MIC].by) == (False, None)


def test_hands_are_a_queue_and_raising_twice_keeps_the_place() -> None:
    world = World().join(MINA, JUN, SORA)
    for identity in (JUN, SORA, JUN):
        world.do(identity, hand.RaiseHand())
    assert hand.hand.of(world.room).queue == (JUN, SORA)
    world.do(MINA, hand.LowerHand(identity=JUN))
    assert hand.hand.of(world.room).queue == (SORA,)
    world.do(SORA, m.Leave())
    assert hand.hand.of(world.room).queue == ()


def test_everybody_says_that_they_record_and_a_host_ends_it_but_begins_none() -> None:
    world = World().join(MINA, JUN, SORA)
    for identity in (JUN, SORA, JUN):
        world.do(identity, recording.StartRecording())
    assert recording.recording.of(world.room).by == (JUN, SORA)
    stopped = world.do(MINA, recording.StopRecording(identity=JUN))
    assert [one.event for one in stopped] == [recording.RecordingStopped(identity=JUN, by=MINA)]
    assert world.do(MINA, recording.StopRecording(identity=JUN)) == []
    world.do(SORA, m.Leave())
    assert recording.recording.of(world.room).by == ()


def test_a_deleted_message_leaves_a_tombstone_with_its_number() -> None:
    world = World().join(MINA, JUN)
    seq = world.do(JUN, chat.SendMessage(text="oops"))[0].seq
    world.do(JUN, chat.EditMessage(seq=seq, text="still oops"))
    world.do(JUN, chat.DeleteMessage(seq=seq))
    (message,) = chat.chat.of(world.room).messages
    assert (message.seq, message.text, message.deleted) == (seq, "", True)
    assert "oops" not in repr(world.journal)


def test_authors_edit_their_own_and_hosts_delete_any() -> None:
    world = World().join(MINA, JUN, SORA)
    seq = world.do(JUN, chat.SendMessage(text="mine"))[0].seq
    edit, delete = chat.EditMessage(seq=seq, text="yours"), chat.DeleteMessage(seq=seq)
    assert refusal(world, MINA, edit) is ErrorCode.NOT_AUTHOR
    assert refusal(world, SORA, delete) is ErrorCode.NOT_AUTHOR
    world.do(MINA, delete)
    assert refusal(world, JUN, edit) is ErrorCode.MESSAGE_DELETED


def test_a_message_that_the_fold_has_let_go_can_still_be_deleted() -> None:
    world = World().join(MINA, JUN)
    seq = world.do(JUN, chat.SendMessage(text="long ago"))[0].seq
    for n in range(MESSAGES_HELD):
        world.do(JUN, chat.SendMessage(text=f"message {n}"))
    assert chat.chat.of(world.room).messages[0].seq > seq
    world.do(JUN, chat.DeleteMessage(seq=seq))
    assert "long ago" not in repr(world.journal)
    assert refusal(world, JUN, chat.DeleteMessage(seq=seq)) is ErrorCode.MESSAGE_DELETED


def test_an_empty_message_needs_an_image_and_an_image_is_sent_once_by_its_uploader() -> None:
    world = World().join(MINA, JUN)
    assert refusal(world, JUN, chat.SendMessage(text=" \n ")) is ErrorCode.TEXT_EMPTY
    world.do(SYSTEM, AddImage(identity=JUN, image=PICTURE))
    send = chat.SendMessage(text="", image=PICTURE.file_id)
    assert refusal(world, MINA, send) is ErrorCode.IMAGE_UNKNOWN
    world.do(JUN, send)
    assert refusal(world, JUN, send) is ErrorCode.IMAGE_UNKNOWN


def test_a_signal_reaches_only_who_is_present_and_only_in_this_meeting() -> None:
    world = World().join(MINA, JUN)
    signal = SendSignal(to=JUN, epoch=1, n=7, kind="candidate", data={"candidate": "x"})
    assert relay(world.room, MINA, signal).to == JUN
    for actor, sent, code in [
        (SORA, signal, ErrorCode.NOT_PRESENT),
        (MINA, signal.but(to=SORA), ErrorCode.PARTICIPANT_UNKNOWN),
        (MINA, signal.but(epoch=2), ErrorCode.EPOCH_STALE),
        (SORA, SetSpeaking(speaking=True), ErrorCode.NOT_PRESENT),
    ]:
        with pytest.raises(Refused) as caught:
            relay(world.room, actor, sent)
        assert caught.value.code is code


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  Mina  Kim ", "Mina Kim"),
        ("민아", "민아"),
        ("\u1106\u1175\u11ab\u110b\u1161", "민아"),  # decomposed, as macOS writes it
        ("👩‍👩‍👧‍👦" * 40, "👩‍👩‍👧‍👦" * 40),
    ],
    ids=["spaces", "hangul", "decomposed", "families"],
)
def test_a_name_is_normalised_and_counted_as_people_count(raw: str, clean: str) -> None:
    assert m.Rename(name=raw).name == clean


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "   ",
        "\u200d",
        "\u3164",
        "a\u202eb",
        "a\u0000b",
        "<b>a</b>",
        "x" * 41,
        "e" + "\u0301" * 5000,
    ],
    ids=["empty", "blank", "joiner", "filler", "bidi", "control", "markup", "long", "zalgo"],
)
def test_a_name_that_hides_something_is_refused(raw: str) -> None:
    with pytest.raises(ValidationError) as caught:
        m.Rename(name=raw)
    assert caught.value.errors()[0]["type"] in ("name_invalid", "string_too_long")


def test_a_message_keeps_its_lines_and_loses_bidi_overrides() -> None:
    assert chat.SendMessage(text="a\r\nb\u202e\x07 ").text == "a\nb"
    with pytest.raises(ValidationError) as caught:
        chat.SendMessage(text="가" * 4001)
    assert caught.value.errors()[0]["type"] == "text_too_long"
