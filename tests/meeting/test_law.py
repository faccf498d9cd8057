"""The law of the fold, and of rights, in every order of commands that Hypothesis can think of."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from moim.meeting import conduct, rights, topology, tracks
from moim.meeting import membership as m
from moim.meeting.errors import Refused
from moim.meeting.feature import Command, Limits, Stored
from moim.meeting.features import app, chat, game, hand, private, recording, retention
from moim.meeting.ids import (
    HOSTS,
    SYSTEM,
    FileId,
    Identity,
    Plane,
    PlaneChoice,
    Right,
    Role,
    ShareMode,
    Source,
)
from moim.meeting.images import AddImage, Image
from moim.meeting.model import Room
from moim.meeting.rules import apply, dump_room, load_room, snapshot, streams_of
from tests.meeting.world import JUN, MINA, PEOPLE, SORA, World

people = st.sampled_from(PEOPLE)
sources = st.sampled_from(list(Source))
seqs = st.integers(min_value=1, max_value=60)
names = st.sampled_from(["Mina", "민아", "Jun", "Sora 소라"])

apps = st.sampled_from([app.AppId("poll"), app.AppId("F_own")])
users = st.sampled_from(["everyone", "hosts"])

HOST_ONLY = (
    m.Remove,
    m.Readmit,
    m.GrantRole,
    m.EndMeeting,
    tracks.MuteOther,
    conduct.RenameRoom,
    conduct.ListRoom,
    conduct.Lock,
    conduct.Unlock,
    retention.SetRetention,
    app.AddApp,
    app.RemoveApp,
    app.AllowApp,
    topology.ChoosePlane,
    rights.SetRight,
)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        m.Join,
        name=names,
        tab=st.just("tab-12345"),
        take_over=st.booleans(),
        planes=st.lists(st.sampled_from(list(Plane)), max_size=2).map(tuple),
    ),
    st.builds(m.Leave),
    st.builds(m.Rename, name=names, identity=st.none() | people),
    st.builds(m.Remove, identity=people),
    st.builds(m.Readmit, identity=people),
    st.builds(m.GrantRole, identity=people, role=st.sampled_from(list(Role))),
    st.builds(m.EndMeeting),
    st.builds(
        tracks.Publish,
        source=sources,
        muted=st.booleans(),
        mode=st.none() | st.sampled_from(list(ShareMode)),
    ),
    st.builds(tracks.Unpublish, source=sources),
    st.builds(tracks.Mute, source=sources),
    st.builds(tracks.Unmute, source=sources),
    st.builds(tracks.MuteOther, identity=people, source=sources),
    st.builds(
        rights.SetRight,
        right=st.sampled_from(list(Right)),
        allowed=st.booleans(),
        identity=st.none() | people,
    ),
    st.builds(conduct.RenameRoom, name=names),
    st.builds(conduct.ListRoom, listed=st.booleans()),
    st.builds(conduct.Lock),
    st.builds(conduct.Unlock),
    st.builds(topology.ChoosePlane, choice=st.sampled_from(list(PlaneChoice))),
    st.builds(
        topology.ReportWays,
        sfu=st.none() | st.booleans(),
        no_way=st.lists(people, max_size=2).map(tuple),
    ),
    st.builds(topology.Ready, epoch=st.integers(0, 4)),
    st.builds(
        topology.GiveUp,
        epoch=st.integers(0, 4),
        reason=st.sampled_from(list(topology.StayReason)),
    ),
    st.builds(hand.RaiseHand),
    st.builds(hand.LowerHand, identity=st.none() | people),
    st.builds(recording.StartRecording),
    st.builds(recording.StopRecording, identity=st.none() | people),
    st.builds(
        chat.SendMessage,
        text=st.sampled_from(["hello", "안녕하세요", ""]),
        reply_to=st.none() | seqs,
        image=st.none() | st.sampled_from([FileId("F_1"), FileId("F_2")]),
        mentions=st.lists(people, max_size=2).map(tuple),
    ),
    st.builds(chat.EditMessage, seq=seqs, text=st.sampled_from(["better", ""])),
    st.builds(chat.DeleteMessage, seq=seqs),
    st.builds(chat.React, seq=seqs, reaction=st.none() | st.sampled_from(["👍", "❤️"])),
    st.builds(
        private.SendPrivate,
        to=people,
        text=st.sampled_from(["psst", "귓속말"]),
        reply_to=st.none() | seqs,
    ),
    st.builds(private.DeletePrivate, seq=seqs),
    st.builds(game.SitAtGame),
    st.builds(game.StandFromGame, identity=st.none() | people),
    st.builds(
        game.ScoreGame,
        round=st.integers(1, 5),
        side=st.sampled_from(["near", "far"]),
        points=st.integers(1, game.POINTS_TO_WIN),
    ),
    st.builds(game.PlayAgain),
    st.builds(app.AddApp, app=apps, name=names, users=users),
    st.builds(app.RemoveApp, app=apps),
    st.builds(app.AllowApp, app=apps, users=users),
    st.builds(
        app.StoreInApp,
        app=apps,
        key=st.sampled_from(["a", "b"]),
        value=st.none() | st.sampled_from(["1", '"둘"']),
    ),
    st.builds(retention.SetRetention, days=st.none() | st.sampled_from([1, 30])),
)


class AnyMeeting(RuleBasedStateMachine):
    """Three people, any command, any order: the law holds for every viewer after each."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(limits=Limits(participants=2, mesh_most=1, sfu=True))

    @initialize()
    def somebody_sits_down(self) -> None:
        self.world.join(MINA, JUN)

    @rule(actor=people, command=COMMANDS, occupied=st.booleans())
    def somebody_commands(self, actor: Identity, command: Command, occupied: bool) -> None:
        before = self.world.room
        try:
            added = self.world.do(actor, command, occupied=occupied)
        except Refused:
            assert self.world.room is before
            return
        self._nobody_writes_without_the_right(before, actor, added)
        self._only_hosts_moderate(before, actor, command, added)
        self._only_its_owner_unmutes(before, actor, added)

    @rule(identity=people, file_id=st.sampled_from([FileId("F_1"), FileId("F_2")]))
    def an_upload_finishes(self, identity: Identity, file_id: FileId) -> None:
        image = Image(file_id=file_id, media_type="image/png", width=1, height=1, bytes=1)
        room = self.world.room
        if room.find(identity) is None or not room.may(identity, Right.CHAT):
            with pytest.raises(Refused):
                self.world.do(SYSTEM, AddImage(identity=identity, image=image))
        else:
            self.world.do(SYSTEM, AddImage(identity=identity, image=image))

    @rule(identity=people)
    def a_grace_ends(self, identity: Identity) -> None:
        seat = self.world.room.find(identity)
        if seat is not None:
            self.world.do(SYSTEM, m.Expire(identity=identity, sid=seat.sid))

    @rule(connected=st.lists(people).map(tuple))
    def what_is_due_happens(self, connected: tuple[Identity, ...]) -> None:
        next_ = topology.due(self.world.room, self.world.limits)
        if next_ is not None and next_.to is not None:
            self.world.do(SYSTEM, topology.Begin(to=next_.to, epoch=next_.epoch))
        elif next_ is not None:
            self.world.do(SYSTEM, topology.Settle(epoch=next_.epoch, connected=connected))

    @invariant()
    def nobody_publishes_what_they_have_no_right_to(self) -> None:
        room = self.world.room
        for seat in room.participants:
            assert set(seat.tracks) <= set(room.sources_of(seat.identity))

    @invariant()
    def a_move_is_to_the_other_plane_under_an_epoch_of_its_own(self) -> None:
        meeting = self.world.room.meeting
        if meeting is not None and meeting.move is not None:
            assert meeting.move.to is not meeting.plane
            assert meeting.move.epoch == self.world.room.epoch > meeting.epoch

    def _nobody_writes_without_the_right(
        self, before: Room, actor: Identity, added: list[Stored]
    ) -> None:
        if any(s.event.type in ("chat.sent", "chat.edited", "private.sent") for s in added):
            assert before.may(actor, Right.CHAT)

    def _only_hosts_moderate(
        self, before: Room, actor: Identity, command: Command, added: list[Stored]
    ) -> None:
        if added and isinstance(command, HOST_ONLY):
            assert before.role_of(actor) is Role.HOST

    def _only_its_owner_unmutes(self, before: Room, actor: Identity, added: list[Stored]) -> None:
        after = self.world.room
        for seat in before.participants:
            now = after.find(seat.identity)
            for source, track in seat.tracks.items():
                there = now.tracks.get(source) if now else None
                if track.muted and there is not None and not there.muted:
                    assert actor == seat.identity
                    assert [s.event.type for s in added] == ["track.unmuted"]

    @invariant()
    def the_fold_of_what_they_saw_is_their_snapshot(self) -> None:
        for viewer, view in self.world.views.items():
            expected = snapshot(self.world.room, viewer)
            assert view.room == expected
            folded = view.start
            for stored in view.seen:
                folded = apply(folded, stored)
            assert folded == expected

    @invariant()
    def nobody_sees_what_is_not_for_them(self) -> None:
        for viewer, view in self.world.views.items():
            for stored in view.seen:
                assert stored.stream in ("room", "hosts", f"p:{viewer}")
                if stored.stream == HOSTS:
                    assert viewer in self.world.room.roles
            seen = snapshot(self.world.room, viewer)
            if not self.world.room.is_host(viewer):
                assert seen.barred == ()
            waiting = dump_room(seen)["slices"]["image"]["waiting"]
            assert set(waiting) <= {viewer}
            boxes = private.private.of(seen).boxes
            assert set(boxes) <= {viewer}
            assert all(viewer in (m.author, m.to) for box in boxes.values() for m in box)

    @invariant()
    def a_private_message_stands_in_two_streams_and_reads_alike_in_both(self) -> None:
        copies = {
            stored.seq: (stored, stored.event)
            for stored in self.world.journal
            if isinstance(stored.event, private.PrivateSent)
        }
        for stored, copy in copies.values():
            twin, other = copies[copy.twin]
            assert other.twin == stored.seq
            assert {copy.identity, other.identity} == {stored.actor, copy.to}
            assert (copy.text, twin.actor) == (other.text, stored.actor)

    @invariant()
    def the_journal_folds_to_the_room_also_after_scrubbing(self) -> None:
        folded = Room(id=self.world.room.id)
        for stored in self.world.journal:
            folded = apply(folded, stored)
        assert folded == self.world.room

    @invariant()
    def a_stored_snapshot_reads_back(self) -> None:
        assert load_room(dump_room(self.world.room)) == self.world.room

    @invariant()
    def the_room_is_never_overfull_and_always_has_a_host(self) -> None:
        room = self.world.room
        guests = [p for p in room.participants if p.role is Role.GUEST]
        assert len(guests) <= self.world.limits.participants
        assert Role.HOST in room.roles.values()
        assert (room.meeting is None) == (not room.participants)
        assert all(p.role is room.role_of(p.identity) for p in room.participants)


TestAnyMeeting = AnyMeeting.TestCase
TestAnyMeeting.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, derandomize=True
)


def test_who_has_no_seat_sees_nothing() -> None:
    world = World().join(MINA, JUN)
    world.do(MINA, chat.SendMessage(text="between us"))
    assert streams_of(world.room, SORA) == frozenset()
    assert snapshot(world.room, SORA) == Room(id=world.room.id)


@pytest.mark.parametrize("command", [m.Expire, m.Leave, conduct.Create, AddImage, chat.AddTitles])
def test_what_only_the_server_may_say_is_marked_internal(command: type[Command]) -> None:
    assert command.internal is (command is not m.Leave)


def test_an_internal_command_from_outside_is_a_bug_and_changes_nothing() -> None:
    world = World().join(MINA)
    seat: Any = world.room.find(MINA)
    with pytest.raises(AssertionError):
        world.do(JUN, m.Expire(identity=MINA, sid=seat.sid))
    assert world.room.find(MINA) == seat
