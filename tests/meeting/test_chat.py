"""What belongs to a message, and what is said to one alone: one sentence each."""

import pytest
from pydantic import ValidationError

from moim.meeting import membership as m
from moim.meeting.errors import ErrorCode
from moim.meeting.features import chat, private, retention
from moim.meeting.ids import SYSTEM, Identity
from moim.meeting.messages import (
    MESSAGES_HELD,
    REACTION_KINDS,
    REACTORS_MOST,
    ChatMessage,
    LinkTitle,
    Mention,
)
from moim.meeting.rules import dump_event, load_event, snapshot
from tests.meeting.test_rules import refusal
from tests.meeting.world import JUN, MINA, SORA, World

EMOJIS = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👏", "🔥", "👀", "✅", "❌", "💯"]


def message(world: World, seq: int) -> ChatMessage:
    return next(one for one in chat.chat.of(world.room).messages if one.seq == seq)


def said(world: World, text: str = "hello") -> int:
    return world.do(MINA, chat.SendMessage(text=text))[0].seq


def test_everybody_has_one_reaction_and_changes_it_or_takes_it_back() -> None:
    world = World().join(MINA, JUN)
    seq = said(world)
    world.do(JUN, chat.React(seq=seq, reaction="👍"))
    world.do(MINA, chat.React(seq=seq, reaction="👍"))
    world.do(JUN, chat.React(seq=seq, reaction="❤️"))
    assert message(world, seq).reactions == {MINA: "👍", JUN: "❤️"}
    assert world.do(JUN, chat.React(seq=seq, reaction="❤️")) == []
    world.do(JUN, chat.React(seq=seq, reaction=None))
    assert message(world, seq).reactions == {MINA: "👍"}


@pytest.mark.parametrize("emoji", ["👍", "👍🏽", "❤️", "👨‍👩‍👧", "🇰🇷", "1️⃣"])
def test_a_reaction_is_one_emoji(emoji: str) -> None:
    assert chat.React(seq=1, reaction=emoji).reaction == emoji


@pytest.mark.parametrize("text", ["", "a", "1", "👍👍", "👍 ", "ㅋ", "<b>", "👍" + "\u200d👍" * 20])
def test_nothing_else_is_a_reaction(text: str) -> None:
    with pytest.raises(ValidationError, match="one emoji"):
        chat.React(seq=1, reaction=text)


def test_a_message_holds_so_many_kinds_of_reactions_and_no_more() -> None:
    world = World().join(MINA, JUN)
    seq = said(world)
    people = [Identity(f"u_{n}") for n in range(REACTION_KINDS)]
    for identity, emoji in zip(people, EMOJIS, strict=False):
        world.do(identity, m.Join(name="Somebody", tab="12345678"))
        world.do(identity, chat.React(seq=seq, reaction=emoji))
        world.do(identity, m.Leave())
    one_more = chat.React(seq=seq, reaction=EMOJIS[REACTION_KINDS])
    assert refusal(world, JUN, one_more) is ErrorCode.REACTIONS_FULL
    world.do(JUN, chat.React(seq=seq, reaction=EMOJIS[0]))
    assert message(world, seq).reactions[JUN] == EMOJIS[0]


def test_a_message_holds_the_reactions_of_so_many_people() -> None:
    world = World().join(MINA, JUN)
    seq = said(world)
    for n in range(REACTORS_MOST):
        identity = Identity(f"u_{n}")
        world.do(identity, m.Join(name="Somebody", tab="12345678"))
        world.do(identity, chat.React(seq=seq, reaction="👍"))
        world.do(identity, m.Leave())
    assert refusal(world, JUN, chat.React(seq=seq, reaction="👍")) is ErrorCode.REACTIONS_FULL


def test_reactions_survive_an_edit_and_go_with_the_message() -> None:
    world = World().join(MINA, JUN)
    seq = said(world)
    world.do(JUN, chat.React(seq=seq, reaction="👍"))
    world.do(MINA, chat.EditMessage(seq=seq, text="hello!"))
    assert message(world, seq).reactions == {JUN: "👍"}
    world.do(MINA, chat.DeleteMessage(seq=seq))
    assert message(world, seq).reactions == {}
    assert refusal(world, JUN, chat.React(seq=seq, reaction="👍")) is ErrorCode.MESSAGE_DELETED
    assert "👍" not in str([dump_event(stored.event) for stored in world.journal])


def test_a_message_that_the_fold_has_let_go_is_still_reacted_to_once() -> None:
    world = World().join(MINA, JUN)
    seq = said(world)
    world.do(JUN, chat.React(seq=seq, reaction="👍"))
    for n in range(MESSAGES_HELD):
        said(world, str(n))
    assert world.do(JUN, chat.React(seq=seq, reaction="👍")) == []
    assert len(world.do(JUN, chat.React(seq=seq, reaction=None))) == 1


def test_a_mention_names_who_is_present_or_wrote_before() -> None:
    world = World().join(MINA, JUN, SORA)
    world.do(SORA, chat.SendMessage(text="bye"))
    world.do(SORA, m.Leave())
    sent = world.do(MINA, chat.SendMessage(text="@Jun @Sora", mentions=(JUN, SORA, JUN)))[0]
    named = message(world, sent.seq).mentions
    assert named == (Mention(identity=JUN, name="Jun"), Mention(identity=SORA, name="Sora"))
    stranger = chat.SendMessage(text="@nobody", mentions=(Identity("u_nobody"),))
    assert refusal(world, MINA, stranger) is ErrorCode.PARTICIPANT_UNKNOWN


def test_a_mention_goes_by_the_name_of_the_moment_and_not_by_the_one_that_was_sent() -> None:
    world = World().join(MINA, JUN)
    world.do(JUN, chat.SendMessage(text="hi"))
    world.do(JUN, m.Rename(name="June"))
    seq = world.do(MINA, chat.SendMessage(text="@June", mentions=(JUN,)))[0].seq
    assert message(world, seq).mentions[0].name == "June"


def test_titles_belong_to_the_text_that_they_were_found_for() -> None:
    world = World().join(MINA)
    seq = said(world, "https://a.example")
    titles = (LinkTitle(url="https://a.example/", title="A"),)
    world.do(MINA, chat.EditMessage(seq=seq, text="https://b.example"))
    late = chat.AddTitles(seq=seq, text="https://a.example", titles=titles)
    assert world.do(SYSTEM, late) == []
    world.do(SYSTEM, chat.AddTitles(seq=seq, text="https://b.example", titles=titles))
    assert message(world, seq).titles == titles
    world.do(MINA, chat.EditMessage(seq=seq, text="nothing"))
    assert message(world, seq).titles == ()


def test_a_message_of_the_first_release_reads_as_one_without_mentions() -> None:
    old = {"text": "hi", "name": "Mina", "reply_to": None, "image": None}
    event = load_event("chat.sent", 1, old)
    assert event == chat.MessageSent(text="hi", name="Mina", image=None)


def box(world: World, viewer: Identity) -> list[str]:
    return [m.text for m in private.private.of(snapshot(world.room, viewer)).boxes.get(viewer, ())]


def test_a_private_message_is_seen_by_the_two_and_by_no_host() -> None:
    world = World().join(MINA, JUN, SORA)
    world.do(JUN, private.SendPrivate(to=SORA, text="between us"))
    assert (box(world, JUN), box(world, SORA)) == (["between us"], ["between us"])
    host = world.views[MINA]
    assert "between us" not in str(snapshot(world.room, MINA))
    assert "between us" not in str(host.room)
    assert "between us" not in str(host.seen)


def test_only_the_author_takes_a_private_message_back_and_from_both() -> None:
    world = World().join(MINA, JUN, SORA)
    mine, theirs = world.do(JUN, private.SendPrivate(to=SORA, text="oops"))
    assert refusal(world, MINA, private.DeletePrivate(seq=mine.seq)) is ErrorCode.MESSAGE_UNKNOWN
    assert refusal(world, SORA, private.DeletePrivate(seq=theirs.seq)) is ErrorCode.NOT_AUTHOR
    assert refusal(world, JUN, private.DeletePrivate(seq=theirs.seq)) is ErrorCode.MESSAGE_UNKNOWN
    world.do(JUN, private.DeletePrivate(seq=mine.seq))
    assert (box(world, JUN), box(world, SORA)) == ([""], [""])
    assert "oops" not in str([dump_event(stored.event) for stored in world.journal])
    assert refusal(world, JUN, private.DeletePrivate(seq=mine.seq)) is ErrorCode.MESSAGE_DELETED


@pytest.mark.parametrize("whose", [0, 1], ids=["the author's copy", "the other's copy"])
def test_a_private_message_is_no_message_of_the_room(whose: int) -> None:
    world = World().join(MINA, JUN, SORA)
    seq = world.do(JUN, private.SendPrivate(to=SORA, text="psst"))[whose].seq
    for command in (
        chat.DeleteMessage(seq=seq),
        chat.EditMessage(seq=seq, text="changed"),
        chat.React(seq=seq, reaction="👍"),
        chat.SendMessage(text="what did you say?", reply_to=seq),
        private.SendPrivate(to=JUN, text="what did you say?", reply_to=seq),
    ):
        assert refusal(world, MINA, command) is ErrorCode.MESSAGE_UNKNOWN


def test_a_reply_is_to_a_message_of_the_room_however_old_or_deleted() -> None:
    world = World().join(MINA, JUN)
    joined, seq = world.room.seq, said(world)
    for n in range(MESSAGES_HELD):
        said(world, f"number {n}")
    assert not any(one.seq == seq for one in chat.chat.of(world.room).messages)
    reply = chat.SendMessage(text="this one", reply_to=seq)
    (before,) = world.do(JUN, reply)
    world.do(MINA, chat.DeleteMessage(seq=seq))
    (after,) = world.do(JUN, reply)
    assert [dump_event(one.event)["reply_to"] for one in (before, after)] == [seq, seq]
    for unknown in (joined, world.room.seq + 1):
        beside = chat.SendMessage(text="which one?", reply_to=unknown)
        assert refusal(world, JUN, beside) is ErrorCode.MESSAGE_UNKNOWN


def test_a_reply_in_private_names_the_copy_of_its_reader() -> None:
    world = World().join(MINA, JUN, SORA)
    public = said(world)
    mine, theirs = world.do(JUN, private.SendPrivate(to=SORA, text="psst", reply_to=public))
    back, heard = world.do(SORA, private.SendPrivate(to=JUN, text="yes?", reply_to=theirs.seq))
    replies = [s.event.reply_to for s in (mine, theirs, back, heard)]  # type: ignore[attr-defined]
    assert replies == [public, public, theirs.seq, mine.seq]
    elsewhere = private.SendPrivate(to=MINA, text="he said", reply_to=theirs.seq)
    assert refusal(world, SORA, elsewhere) is ErrorCode.MESSAGE_UNKNOWN


def test_nothing_is_said_in_private_to_oneself_to_nobody_or_without_words() -> None:
    world = World().join(MINA, JUN)
    for to, text, code in (
        (JUN, "me", ErrorCode.SELF_TARGET),
        (SORA, "gone", ErrorCode.PARTICIPANT_UNKNOWN),
        (MINA, "", ErrorCode.TEXT_EMPTY),
    ):
        assert refusal(world, JUN, private.SendPrivate(to=to, text=text)) is code


def test_the_fold_lets_go_of_private_messages_with_the_seat() -> None:
    world = World().join(MINA, JUN, SORA)
    for n in range(MESSAGES_HELD + 1):
        world.do(JUN, private.SendPrivate(to=SORA, text=str(n)))
    assert len(box(world, SORA)) == MESSAGES_HELD
    world.do(SORA, m.Leave())
    assert set(private.private.of(world.room).boxes) == {JUN}
    world.do(JUN, m.Leave())
    world.do(MINA, m.Leave())
    assert private.private.of(world.room).boxes == {}


def test_a_host_says_how_long_messages_are_kept_and_the_server_takes_the_old_ones_back() -> None:
    world = World().join(MINA, JUN)
    assert refusal(world, JUN, retention.SetRetention(days=7)) is ErrorCode.NOT_HOST
    world.do(MINA, retention.SetRetention(days=7))
    assert world.do(MINA, retention.SetRetention(days=7)) == []
    seq = said(world)
    mine, _ = world.do(JUN, private.SendPrivate(to=MINA, text="old"))
    for identity in (MINA, JUN):
        world.do(identity, m.Leave())
    world.do(SYSTEM, chat.DeleteMessage(seq=seq))
    world.do(SYSTEM, private.DeletePrivate(seq=mine.seq))
    assert message(world, seq).deleted
    assert retention.retention.of(world.room).days == 7
    world.do(MINA, m.Join(name="Mina", tab="12345678"))
    world.do(MINA, retention.SetRetention(days=None))
    assert retention.retention.of(world.room).days is None
