"""Which plane carries a meeting, when it moves, and when it does not."""

import pytest

from moim.meeting import visitors
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Limits
from moim.meeting.ids import SYSTEM, Identity, Plane, PlaneChoice, Source
from moim.meeting.membership import Join, Leave, Remove
from moim.meeting.model import Track
from moim.meeting.passing import SendSignal, relay
from moim.meeting.topology import (
    AGAIN_MS,
    CALM_MS,
    MESH_BEARS,
    PATIENCE_MS,
    Begin,
    ChoosePlane,
    GiveUp,
    Ready,
    Relocate,
    ReportWays,
    Settle,
    StayReason,
    due,
)
from moim.meeting.tracks import Publish
from tests.meeting.world import JUN, MINA, SORA, World

HANA = Identity("u_hana")
ALL = (MINA, JUN, SORA, HANA)


def world(*people: Identity, most: int = 3, sfu: bool = True) -> World:
    return World(limits=Limits(mesh_most=most, sfu=sfu)).join(*people)


def next_plane(room: World) -> Plane | None:
    found = due(room.room, room.limits)
    return found.to if found is not None else None


def plane(room: World) -> Plane:
    assert room.room.meeting is not None
    return room.room.meeting.plane


def moving(room: World) -> tuple[Plane, int] | None:
    found = room.room.meeting.move if room.room.meeting is not None else None
    return (found.to, found.epoch) if found is not None else None


def move(room: World, to: Plane) -> int:
    epoch = room.room.epoch + 1
    room.do(SYSTEM, Begin(to=to, epoch=epoch))
    return epoch


def move_all(room: World, to: Plane) -> None:
    epoch = move(room, to)
    for seat in room.room.participants:
        if seat.livekit is None:
            room.do(seat.identity, Ready(epoch=epoch))
    here = tuple(p.identity for p in room.room.participants)
    room.do(SYSTEM, Settle(epoch=epoch, connected=here))
    assert plane(room) is to


def test_the_fourth_person_moves_a_meeting_to_the_sfu() -> None:
    three = world(MINA, JUN, SORA)
    assert next_plane(three) is None
    three.join(HANA)
    found = due(three.room, three.limits)
    assert found is not None
    assert (found.to, found.at_ms) == (Plane.SFU, three.now_ms)


def test_without_an_sfu_nobody_moves() -> None:
    assert next_plane(world(*ALL, sfu=False)) is None


def test_who_comes_and_goes_at_the_limit_moves_nobody() -> None:
    room = world(*ALL)
    move_all(room, Plane.SFU)
    room.do(HANA, Leave())
    assert next_plane(room) is None
    room.do(SORA, Leave())
    found = due(room.room, room.limits)
    assert found is not None
    assert (found.to, found.at_ms) == (Plane.MESH, room.now_ms + CALM_MS)


def test_a_pair_without_a_direct_way_moves_a_meeting_for_as_long_as_both_are_there() -> None:
    room = world(MINA, JUN, SORA)
    room.do(JUN, ReportWays(sfu=True, no_way=(SORA, HANA)))
    assert next_plane(room) is Plane.SFU
    move_all(room, Plane.SFU)
    room.join(HANA)
    room.do(SORA, Leave())
    room.do(HANA, Leave())
    assert next_plane(room) is Plane.MESH


def comes_with_the_mesh_alone(room: World, identity: Identity) -> None:
    room.do(identity, Join(name="Old", tab="an-old-page"))


def test_who_knows_the_mesh_alone_keeps_a_meeting_there_while_they_are_present() -> None:
    room = world(MINA, JUN, SORA)
    comes_with_the_mesh_alone(room, HANA)
    assert next_plane(room) is None
    room.do(HANA, Leave())
    room.join(HANA)
    assert next_plane(room) is Plane.SFU


def test_a_meeting_comes_back_at_once_for_who_knows_the_mesh_alone() -> None:
    room = world(*ALL)
    move_all(room, Plane.SFU)
    nari = Identity("u_nari")
    comes_with_the_mesh_alone(room, nari)
    found = due(room.room, room.limits)
    assert found is not None
    assert (found.to, found.at_ms) == (Plane.MESH, room.now_ms)
    move_all(room, Plane.MESH)
    assert next_plane(room) is None
    room.do(nari, Leave())
    assert next_plane(room) is Plane.SFU


def test_more_people_than_a_mesh_bears_stay_on_the_sfu() -> None:
    crowd = tuple(Identity(f"u_{n}") for n in range(MESH_BEARS))
    room = World(limits=Limits(participants=50, mesh_most=3, sfu=True)).join(*crowd)
    move_all(room, Plane.SFU)
    comes_with_the_mesh_alone(room, HANA)
    assert next_plane(room) is None


def test_a_host_moves_a_meeting_without_who_knows_the_mesh_alone() -> None:
    room = world(MINA)
    comes_with_the_mesh_alone(room, JUN)
    room.do(MINA, ChoosePlane(choice=PlaneChoice.SFU))
    epoch = move(room, Plane.SFU)
    room.do(MINA, Ready(epoch=epoch))
    room.do(SYSTEM, Settle(epoch=epoch, connected=(MINA, JUN)))
    assert plane(room) is Plane.SFU


def test_who_takes_no_part_in_sound_and_picture_moves_nobody_and_is_not_waited_for() -> None:
    room = world(MINA, JUN, SORA)
    room.do(HANA, Join(name="Reader", tab="a-chat-bot", planes=()))
    room.do(JUN, ReportWays(sfu=True, no_way=(HANA,)))
    assert next_plane(room) is None
    room.join(Identity("u_nari"))
    epoch = move(room, Plane.SFU)
    for identity in (MINA, JUN, SORA, Identity("u_nari")):
        room.do(identity, Ready(epoch=epoch))
    here = tuple(p.identity for p in room.room.participants)
    room.do(SYSTEM, Settle(epoch=epoch, connected=here))
    assert plane(room) is Plane.SFU
    room.do(SORA, Leave())
    room.do(Identity("u_nari"), Leave())
    assert next_plane(room) is Plane.MESH


def test_a_page_that_takes_a_seat_again_says_anew_what_it_knows() -> None:
    room = world(MINA)
    comes_with_the_mesh_alone(room, JUN)
    room.do(JUN, Join(name="Jun", tab="a-newer-page", planes=(Plane.SFU, Plane.MESH)))
    seat = room.room.find(JUN)
    assert seat is not None
    assert seat.planes == tuple(Plane)


def test_a_meeting_does_not_move_where_somebody_has_no_way_to_the_sfu() -> None:
    room = world(*ALL)
    room.do(JUN, ReportWays(sfu=False))
    assert next_plane(room) is None
    room.do(JUN, Leave())
    room.join(Identity("u_nari"))
    assert next_plane(room) is Plane.SFU


def test_a_host_chooses_and_a_guest_does_not() -> None:
    room = world(MINA, JUN)
    with pytest.raises(Refused) as refused:
        room.do(JUN, ChoosePlane(choice=PlaneChoice.SFU))
    assert refused.value.code is ErrorCode.NOT_HOST
    room.do(MINA, ChoosePlane(choice=PlaneChoice.SFU))
    assert next_plane(room) is Plane.SFU
    move_all(room, Plane.SFU)
    room.do(MINA, ChoosePlane(choice=PlaneChoice.MESH))
    assert next_plane(room) is Plane.MESH


def test_a_room_that_hides_addresses_never_begins_on_the_mesh() -> None:
    room = world(MINA)
    room.do(MINA, ChoosePlane(choice=PlaneChoice.SFU))
    room.do(MINA, Leave())
    room.join(MINA, JUN)
    assert plane(room) is Plane.SFU


def test_the_sfu_cannot_be_chosen_where_there_is_none() -> None:
    room = world(MINA, sfu=False)
    with pytest.raises(Refused) as refused:
        room.do(MINA, ChoosePlane(choice=PlaneChoice.SFU))
    assert refused.value.code is ErrorCode.SFU_MISSING


def test_a_move_is_done_when_everybody_who_is_connected_is_ready() -> None:
    room = world(*ALL)
    epoch = move(room, Plane.SFU)
    for identity in (MINA, JUN, SORA):
        room.do(identity, Ready(epoch=epoch))
    found = due(room.room, room.limits)
    assert found is not None
    assert room.room.meeting is not None
    assert room.room.meeting.move is not None
    assert found.at_ms == room.room.meeting.move.began_ms + PATIENCE_MS
    room.do(SYSTEM, Settle(epoch=epoch, connected=(MINA, JUN, SORA)))
    assert plane(room) is Plane.SFU
    assert room.room.meeting.epoch == epoch


def test_who_is_late_keeps_everybody_where_they_are_and_the_next_try_comes_later() -> None:
    room = world(*ALL)
    for failures in (1, 2):
        epoch = move(room, Plane.SFU)
        room.do(MINA, Ready(epoch=epoch))
        (stored,) = room.do(SYSTEM, Settle(epoch=epoch, connected=ALL))
        assert stored.event.model_dump()["reason"] == StayReason.LATE
        assert plane(room) is Plane.MESH
        found = due(room.room, room.limits)
        assert found is not None
        assert found.at_ms == room.now_ms + AGAIN_MS * failures


def test_who_has_no_way_says_so_and_is_not_asked_again() -> None:
    room = world(*ALL)
    epoch = move(room, Plane.SFU)
    room.do(SORA, GiveUp(epoch=epoch, reason=StayReason.NO_WAY))
    assert plane(room) is Plane.MESH
    seat = room.room.find(SORA)
    assert seat is not None
    assert seat.sfu is False
    assert next_plane(room) is None


def test_a_meeting_whose_sfu_is_another_one_moves_there_and_is_on_the_sfu_all_the_while() -> None:
    room = world(*ALL)
    move_all(room, Plane.SFU)
    before = room.room.epoch
    room.do(SYSTEM, Relocate())
    assert plane(room) is Plane.SFU
    assert moving(room) == (Plane.SFU, before + 1)
    for who in ALL:
        room.do(who, Ready(epoch=before + 1))
    room.do(SYSTEM, Settle(epoch=before + 1, connected=ALL))
    assert room.room.meeting is not None
    assert room.room.meeting.epoch == before + 1
    assert moving(room) is None
    assert next_plane(room) is None


def test_a_move_to_an_sfu_that_is_no_more_begins_anew() -> None:
    room = world(*ALL)
    first = move(room, Plane.SFU)
    room.do(MINA, Ready(epoch=first))
    room.do(SYSTEM, Relocate())
    assert room.room.meeting is not None
    assert room.room.meeting.move is not None
    assert (room.room.meeting.move.epoch, room.room.meeting.move.ready) == (first + 1, ())


def test_a_meeting_on_the_mesh_or_on_its_way_there_needs_no_sfu() -> None:
    room = world(*ALL)
    room.do(SYSTEM, Relocate())
    assert moving(room) is None
    move_all(room, Plane.SFU)
    room.do(JUN, Leave())
    room.do(SORA, Leave())
    back = move(room, Plane.MESH)
    room.do(SYSTEM, Relocate())
    assert moving(room) == (Plane.MESH, back)


def test_what_belongs_to_another_move_changes_nothing() -> None:
    room = world(*ALL)
    epoch = move(room, Plane.SFU)
    assert room.do(MINA, Ready(epoch=epoch - 1)) == []
    assert room.do(MINA, GiveUp(epoch=epoch + 1, reason=StayReason.FAILED)) == []
    assert room.do(SYSTEM, Begin(to=Plane.SFU, epoch=epoch)) == []
    assert room.do(SYSTEM, Settle(epoch=epoch - 1, connected=ALL)) == []


def test_while_a_meeting_moves_signals_of_both_planes_pass_and_no_others() -> None:
    room = world(MINA, JUN)
    room.do(MINA, ChoosePlane(choice=PlaneChoice.SFU))
    move_all(room, Plane.SFU)
    old = room.room.epoch
    room.do(MINA, ChoosePlane(choice=PlaneChoice.MESH))
    new = move(room, Plane.MESH)
    for epoch in (old, new):
        signal = SendSignal(to=JUN, epoch=epoch, n=1, kind="candidate", data={})
        assert relay(room.room, MINA, signal).to == JUN
    for epoch in (old - 1, new + 1):
        signal = SendSignal(to=JUN, epoch=epoch, n=1, kind="candidate", data={})
        with pytest.raises(Refused) as refused:
            relay(room.room, MINA, signal)
        assert refused.value.code is ErrorCode.EPOCH_STALE


def test_a_visitor_takes_a_seat_brings_the_sfu_and_takes_it_along() -> None:
    room = world(MINA)
    bot = visitors.identity_of("bot")
    room.do(SYSTEM, visitors.Arrive(identity=bot, livekit="bot", name="Bot"))
    assert next_plane(room) is Plane.SFU
    move_all(room, Plane.SFU)
    seen = (Track(source=Source.CAMERA, muted=False), Track(source=Source.MICROPHONE, muted=True))
    room.do(SYSTEM, visitors.Show(identity=bot, tracks=seen))
    seat = room.room.find(bot)
    assert seat is not None
    assert tuple(seat.tracks.values()) == seen
    room.do(SYSTEM, visitors.Show(identity=bot, tracks=(seen[0].but(muted=True),)))
    seat = room.room.find(bot)
    assert seat is not None
    assert [(t.source, t.muted) for t in seat.tracks.values()] == [(Source.CAMERA, True)]
    stale = visitors.Depart(identity=bot, epoch=room.room.epoch - 1)
    assert room.do(SYSTEM, stale) == [], "who saw that did not know where they are now"
    room.do(SYSTEM, visitors.Depart(identity=bot, epoch=room.room.epoch))
    assert room.room.find(bot) is None
    assert next_plane(room) is Plane.MESH


def test_a_bar_and_a_lock_hold_for_visitors_too() -> None:
    room = world(MINA)
    bot = visitors.identity_of("bot")
    arrive = visitors.Arrive(identity=bot, livekit="bot", name="Bot")
    room.do(SYSTEM, arrive)
    room.do(MINA, Remove(identity=bot))
    with pytest.raises(Refused) as refused:
        room.do(SYSTEM, arrive)
    assert refused.value.code is ErrorCode.BARRED


def test_what_is_shown_of_moims_own_people_is_theirs_alone_to_say() -> None:
    room = world(MINA)
    room.do(MINA, Publish(source=Source.MICROPHONE, muted=True))
    heard = Track(source=Source.MICROPHONE, muted=False)
    assert room.do(SYSTEM, visitors.Show(identity=MINA, tracks=(heard,))) == []
    assert room.do(SYSTEM, visitors.Depart(identity=MINA, epoch=room.room.epoch)) == []


@pytest.mark.parametrize("name", ["bot", "봇", "x" * 300, "u_lk-bot"])
def test_each_name_on_the_sfu_has_an_identity_of_its_own(name: str) -> None:
    made = visitors.identity_of(name)
    assert made.startswith("u_lk-")
    assert len(made) <= 64
    assert made != visitors.identity_of(name + "2")
    assert visitors.identity_of("u_mina") == MINA
