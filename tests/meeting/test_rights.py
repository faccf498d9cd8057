"""What hosts take from guests and give back: microphone, camera, share and chat."""

from collections.abc import Callable

import pytest

from moim.meeting import visitors
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command
from moim.meeting.features.chat import DeleteMessage, EditMessage, React, SendMessage
from moim.meeting.features.file import File, ShareFile
from moim.meeting.features.hand import RaiseHand
from moim.meeting.features.private import SendPrivate
from moim.meeting.ids import SYSTEM, FileId, Identity, Right, Role, Source
from moim.meeting.images import AddImage, Image
from moim.meeting.membership import EndMeeting, GrantRole, Join, Leave
from moim.meeting.model import Track
from moim.meeting.passing import SetSpeaking, SetTyping, relay
from moim.meeting.rights import SetRight
from moim.meeting.tracks import Mute, Publish, Unmute
from tests.meeting.world import JUN, MINA, SORA, World

each_source = pytest.mark.parametrize("source", list(Source))
FILE = File(file_id=FileId("F_1"), file_name="a.pdf", bytes=1, sha256="0" * 64)
IMAGE = Image(file_id=FileId("F_2"), media_type="image/png", width=1, height=1, bytes=1)


@pytest.fixture
def world() -> World:
    """Mina is a host, Jun and Sora are guests."""
    return World().join(MINA, JUN, SORA)


def take(world: World, right: Right, identity: Identity | None = JUN) -> list[str]:
    return [
        s.event.type
        for s in world.do(MINA, SetRight(right=right, allowed=False, identity=identity))
    ]


def give(world: World, right: Right, identity: Identity | None = JUN) -> list[str]:
    return [
        s.event.type for s in world.do(MINA, SetRight(right=right, allowed=True, identity=identity))
    ]


def refusal(act: Callable[[], object]) -> ErrorCode | None:
    try:
        act()
    except Refused as refused:
        return refused.code
    return None


def said(world: World, actor: Identity, command: Command) -> ErrorCode | None:
    return refusal(lambda: world.do(actor, command))


def tracks_of(world: World, identity: Identity) -> set[Source]:
    seat = world.room.find(identity)
    assert seat is not None
    return set(seat.tracks)


@each_source
def test_who_loses_a_right_stops_at_once_and_begins_again_only_by_themselves(
    world: World, source: Source
) -> None:
    publish = Publish(source=source, muted=False)
    world.do(JUN, publish)
    world.do(SORA, publish)
    assert take(world, source.right) == ["right.changed", "track.unpublished"]
    assert (tracks_of(world, JUN), tracks_of(world, SORA)) == (set(), {source})
    for muted in (True, False):
        assert said(world, JUN, publish.but(muted=muted)) is ErrorCode.RIGHT_MISSING
    assert give(world, source.right) == ["right.changed"]
    assert tracks_of(world, JUN) == set()
    world.do(JUN, publish)


def test_nobody_unmutes_what_they_have_no_right_to(world: World) -> None:
    world.do(JUN, Publish(source=Source.MICROPHONE, muted=False))
    world.do(JUN, Mute(source=Source.MICROPHONE))
    take(world, Right.MICROPHONE)
    assert said(world, JUN, Unmute(source=Source.MICROPHONE)) is ErrorCode.RIGHT_MISSING


def test_who_may_not_write_sends_nothing_and_may_still_read_take_back_and_raise_a_hand(
    world: World,
) -> None:
    seq = world.do(JUN, SendMessage(text="hello"))[0].seq
    take(world, Right.CHAT)
    for command in (
        SendMessage(text="again"),
        EditMessage(seq=seq, text="other"),
        SendPrivate(to=SORA, text="psst"),
    ):
        assert said(world, JUN, command) is ErrorCode.RIGHT_MISSING
    uploads: tuple[Command, ...] = (
        AddImage(identity=JUN, image=IMAGE),
        ShareFile(identity=JUN, name="Jun", file=FILE),
    )
    for upload in uploads:
        assert said(world, SYSTEM, upload) is ErrorCode.RIGHT_MISSING
    assert refusal(lambda: relay(world.room, JUN, SetTyping(typing=True))) is (
        ErrorCode.RIGHT_MISSING
    )
    for allowed in (React(seq=seq, reaction="👍"), DeleteMessage(seq=seq), RaiseHand()):
        assert said(world, JUN, allowed) is None
    give(world, Right.CHAT)
    assert said(world, JUN, SendMessage(text="again")) is None


def test_who_may_not_speak_is_not_shown_speaking(world: World) -> None:
    take(world, Right.MICROPHONE)
    assert refusal(lambda: relay(world.room, JUN, SetSpeaking(speaking=True))) is (
        ErrorCode.RIGHT_MISSING
    )


def test_what_holds_for_everybody_holds_for_who_comes_later_and_never_for_hosts(
    world: World,
) -> None:
    world.do(SORA, Leave())
    take(world, Right.SHARE, None)
    world.join(SORA)
    share = Publish(source=Source.SCREEN_SHARE, muted=False)
    assert said(world, SORA, share) is ErrorCode.RIGHT_MISSING
    assert said(world, MINA, share) is None


def test_one_may_what_the_others_may_not_until_something_is_said_to_all(world: World) -> None:
    take(world, Right.SHARE, None)
    give(world, Right.SHARE, JUN)
    share = Publish(source=Source.SCREEN_SHARE, muted=False)
    assert said(world, JUN, share) is None
    assert said(world, SORA, share) is ErrorCode.RIGHT_MISSING
    assert take(world, Right.SHARE, None) == ["right.changed", "track.unpublished"]
    assert said(world, JUN, share) is ErrorCode.RIGHT_MISSING
    give(world, Right.SHARE, None)
    assert world.room.exceptions == {}
    assert [said(world, one, share) for one in (JUN, SORA)] == [None, None]


def test_leaving_and_coming_back_gives_nothing_back_while_the_meeting_goes_on(
    world: World,
) -> None:
    take(world, Right.CHAT)
    world.do(JUN, Leave())
    world.do(JUN, Join(name="Jun", tab="another-tab"))
    assert said(world, JUN, SendMessage(text="hi")) is ErrorCode.RIGHT_MISSING


def test_what_holds_for_one_ends_with_the_meeting_and_what_holds_for_all_stays(
    world: World,
) -> None:
    take(world, Right.CHAT)
    take(world, Right.SHARE, None)
    world.do(MINA, EndMeeting())
    world.join(MINA, JUN)
    assert said(world, JUN, SendMessage(text="hi")) is None
    assert said(world, JUN, Publish(source=Source.SCREEN_SHARE, muted=False)) is (
        ErrorCode.RIGHT_MISSING
    )


def test_guests_give_and_take_nothing_and_nobody_takes_from_a_host(world: World) -> None:
    set_ = SetRight(right=Right.CHAT, allowed=False, identity=SORA)
    assert said(world, JUN, set_) is ErrorCode.NOT_HOST
    assert said(world, JUN, set_.but(identity=None)) is ErrorCode.NOT_HOST
    assert said(world, MINA, set_.but(identity=MINA)) is ErrorCode.RIGHT_OF_HOST
    assert said(world, MINA, set_.but(identity=Identity("u_gone"))) is (
        ErrorCode.PARTICIPANT_UNKNOWN
    )
    assert world.do(MINA, set_.but(allowed=True)) == []


def test_a_host_may_everything_and_stops_with_the_role_what_guests_may_not(world: World) -> None:
    take(world, Right.SHARE, None)
    take(world, Right.CHAT, JUN)
    world.do(MINA, GrantRole(identity=JUN, role=Role.HOST))
    world.do(JUN, Publish(source=Source.SCREEN_SHARE, muted=False))
    world.do(JUN, Publish(source=Source.CAMERA, muted=False))
    assert said(world, JUN, SendMessage(text="hi")) is None
    world.do(MINA, GrantRole(identity=JUN, role=Role.GUEST))
    assert tracks_of(world, JUN) == {Source.CAMERA}
    assert said(world, JUN, SendMessage(text="hi")) is ErrorCode.RIGHT_MISSING


def test_what_a_visitor_publishes_without_the_right_is_not_shown(world: World) -> None:
    bot = visitors.identity_of("bot")
    take(world, Right.MICROPHONE, None)
    world.do(SYSTEM, visitors.Arrive(identity=bot, livekit="bot", name="Bot"))
    shown = (Track(source=Source.CAMERA, muted=False), Track(source=Source.MICROPHONE, muted=False))
    world.do(SYSTEM, visitors.Show(identity=bot, tracks=shown))
    assert tracks_of(world, bot) == {Source.CAMERA}
    take(world, Right.CAMERA, bot)
    assert tracks_of(world, bot) == set()
