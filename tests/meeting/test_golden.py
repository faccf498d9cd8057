"""Golden traces: what Python folds, TypeScript folds alike (web/tests/meeting/golden.test.ts).

`python -m tests.meeting.test_golden` writes tests/golden/ anew; a change there is a change of what
browsers in the world must understand, so it is looked at.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moim.meeting import conduct, rights, topology, tracks, visitors
from moim.meeting import membership as m
from moim.meeting.feature import Limits, Stored
from moim.meeting.features import app, chat, file, game, hand, private, recording, retention
from moim.meeting.ids import (
    SYSTEM,
    FileId,
    Plane,
    PlaneChoice,
    Right,
    Role,
    ShareMode,
    Source,
)
from moim.meeting.images import AddImage, Image
from moim.meeting.messages import MESSAGES_HELD, LinkTitle
from moim.meeting.model import Track
from moim.meeting.rules import apply, dump_room, load_room, load_stored, snapshot
from tests.meeting.world import JUN, MINA, SORA, World, frames

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
PICTURE = Image(file_id=FileId("F_cat"), media_type="image/webp", width=640, height=480, bytes=9)
REPORT = file.File(
    file_id=FileId("F_plan"), file_name="plan.pdf", bytes=9, sha256="0" * 64, transfer="t1"
)


def people() -> World:
    """Joining, reloading, renaming, roles, being removed and let back in."""
    world = World().join(MINA, JUN, SORA)
    world.do(JUN, m.Rename(name="준"))
    world.do(JUN, m.Join(name="준호", tab="tab-of-jun", planes=(Plane.SFU, Plane.MESH)))
    world.do(MINA, m.GrantRole(identity=SORA, role=Role.HOST))
    world.do(MINA, m.Remove(identity=JUN))
    world.do(SORA, m.Readmit(identity=JUN))
    world.join(JUN)
    world.do(MINA, conduct.RenameRoom(name="금요일 차"))
    world.do(MINA, conduct.Lock())
    world.do(MINA, conduct.ListRoom(listed=False))
    world.do(SORA, conduct.Unlock())
    return world


def media() -> World:
    """Publishing, muting, being muted, sharing, recording, leaving."""
    world = World().join(MINA, JUN, SORA)
    for identity in (MINA, JUN):
        world.do(identity, tracks.Publish(source=Source.MICROPHONE, muted=False))
        world.do(identity, tracks.Publish(source=Source.CAMERA, muted=True))
    world.do(MINA, tracks.MuteOther(identity=JUN, source=Source.MICROPHONE))
    world.do(JUN, tracks.Publish(source=Source.MICROPHONE, muted=False))
    share = tracks.Publish(source=Source.SCREEN_SHARE, muted=False, mode=ShareMode.TEXT)
    world.do(JUN, share)
    world.do(JUN, share.but(mode=ShareMode.MOTION))
    world.do(JUN, tracks.Unpublish(source=Source.SCREEN_SHARE))
    world.do(JUN, tracks.Unmute(source=Source.MICROPHONE))
    world.do(JUN, tracks.Mute(source=Source.MICROPHONE))
    for identity in (MINA, JUN, SORA):
        world.do(identity, recording.StartRecording())
    world.do(JUN, recording.StopRecording())
    world.do(SORA, m.Leave())
    return world


def talk() -> World:
    """Messages, images, replies, edits, tombstones, hands, and the window of the fold."""
    world = World().join(MINA, JUN, SORA)
    world.do(SYSTEM, AddImage(identity=JUN, image=PICTURE))
    first = world.do(MINA, chat.SendMessage(text="안녕하세요"))[0].seq
    world.do(JUN, chat.SendMessage(text="look", reply_to=first, image=PICTURE.file_id))
    oops = world.do(SORA, chat.SendMessage(text="oops"))[0].seq
    world.do(SORA, chat.EditMessage(seq=oops, text="well"))
    for identity in (SORA, JUN):
        world.do(identity, hand.RaiseHand())
    world.do(MINA, hand.LowerHand(identity=SORA))
    world.do(MINA, chat.DeleteMessage(seq=oops))
    for n in range(MESSAGES_HELD):
        world.do(MINA, chat.SendMessage(text=str(n)))
    world.do(MINA, chat.DeleteMessage(seq=first))
    return world


def asides() -> World:
    """Mentions, reactions, titles of links, private messages, and how long all of it is kept."""
    world = World().join(MINA, JUN, SORA)
    first = world.do(SORA, chat.SendMessage(text="https://example.org"))[0].seq
    title = LinkTitle(url="https://example.org/", title="Example")
    world.do(SYSTEM, chat.AddTitles(seq=first, text="https://example.org", titles=(title,)))
    world.do(MINA, chat.SendMessage(text="@Jun 안녕", mentions=(JUN,)))
    second = world.room.seq
    world.do(MINA, chat.EditMessage(seq=second, text="@Sora 안녕", mentions=(SORA,)))
    world.do(JUN, chat.React(seq=first, reaction="👍"))
    world.do(SORA, chat.React(seq=first, reaction="❤️"))
    world.do(JUN, chat.React(seq=first, reaction="🎉"))
    world.do(SORA, chat.React(seq=first, reaction=None))
    mine, theirs = world.do(JUN, private.SendPrivate(to=SORA, text="귓속말", reply_to=first))
    world.do(SORA, private.SendPrivate(to=JUN, text="psst", reply_to=theirs.seq))
    world.do(SORA, private.SendPrivate(to=MINA, text="for a host"))
    world.do(MINA, retention.SetRetention(days=30))
    world.do(JUN, private.DeletePrivate(seq=mine.seq))
    world.do(JUN, chat.React(seq=second, reaction="👍"))
    world.do(MINA, chat.DeleteMessage(seq=second))
    world.do(MINA, m.Leave())
    return world


def files() -> World:
    """Files that are shared, taken back by their sender, and by a host."""
    world = World().join(MINA, JUN, SORA)
    seqs = []
    for identity, called in ((JUN, "plan.pdf"), (SORA, "회의록.hwp"), (JUN, "old.txt")):
        shared = REPORT.but(file_id=FileId(f"F_{called[:3]}"), file_name=called)
        share = file.ShareFile(identity=identity, name=identity[2:].title(), file=shared)
        seqs.append(world.do(SYSTEM, share)[0].seq)
    world.do(JUN, file.DeleteFile(seq=seqs[2]))
    world.do(MINA, file.DeleteFile(seq=seqs[1]))
    return world


def play() -> World:
    """A game with a win, another round, a change at the table; mini-apps and what they store."""
    world = World().join(MINA, JUN, SORA)
    for identity in (MINA, JUN):
        world.do(identity, game.SitAtGame())
    for points in range(1, game.POINTS_TO_WIN + 1):
        world.do(JUN, game.ScoreGame(round=2, side="near", points=points))
    world.do(MINA, game.PlayAgain())
    world.do(JUN, game.ScoreGame(round=3, side="far", points=1))
    world.do(MINA, game.StandFromGame(identity=JUN))
    world.do(SORA, game.SitAtGame())
    for called, name in (("poll", "Poll"), ("F_own", "주사위")):
        world.do(MINA, app.AddApp(app=app.AppId(called), name=name))
    poll = app.AppId("poll")
    world.do(JUN, app.StoreInApp(app=poll, key="question", value='"Tea?"'))
    world.do(SORA, app.StoreInApp(app=poll, key="vote", value="1"))
    world.do(SORA, app.StoreInApp(app=poll, key="vote", value="2"))
    world.do(MINA, app.AllowApp(app=poll, users="hosts"))
    world.do(MINA, app.StoreInApp(app=poll, key="question", value=None))
    world.do(MINA, app.RemoveApp(app=app.AppId("F_own")))
    world.do(MINA, m.Leave())
    return world


def planes() -> World:
    """Moving to the SFU with a visitor, a move that fails, a host's choice, and the way back."""
    world = World(limits=Limits(mesh_most=2, sfu=True)).join(MINA, JUN, SORA)
    world.do(JUN, topology.ReportWays(sfu=True, no_way=(SORA,)))
    world.do(SYSTEM, topology.Begin(to=Plane.SFU, epoch=2))
    world.do(JUN, topology.Ready(epoch=2))
    world.do(SORA, topology.GiveUp(epoch=2, reason=topology.StayReason.NO_WAY))
    world.do(SORA, topology.ReportWays(sfu=True))
    bot = visitors.identity_of("bot")
    world.do(SYSTEM, visitors.Arrive(identity=bot, livekit="bot", name="Bot"))
    seen = Track(source=Source.CAMERA, muted=False)
    world.do(SYSTEM, visitors.Show(identity=bot, tracks=(seen,)))
    world.do(SYSTEM, topology.Begin(to=Plane.SFU, epoch=3))
    for identity in (MINA, JUN, SORA):
        world.do(identity, topology.Ready(epoch=3))
    world.do(SYSTEM, topology.Settle(epoch=3, connected=(MINA, JUN, SORA)))
    world.do(SYSTEM, visitors.Show(identity=bot, tracks=(seen.but(muted=True),)))
    world.do(SYSTEM, visitors.Depart(identity=bot, epoch=3))
    world.do(MINA, topology.ChoosePlane(choice=PlaneChoice.MESH))
    world.do(SYSTEM, topology.Begin(to=Plane.MESH, epoch=4))
    world.do(MINA, topology.Ready(epoch=4))
    world.do(SYSTEM, topology.Settle(epoch=4, connected=(MINA,)))
    return world


def permissions() -> World:
    """Rights taken from one and from all, given back, a host who steps down."""
    world = World().join(MINA, JUN, SORA)
    for identity in (JUN, SORA):
        world.do(identity, tracks.Publish(source=Source.MICROPHONE, muted=False))
        world.do(identity, tracks.Publish(source=Source.SCREEN_SHARE, muted=False))
    world.do(MINA, rights.SetRight(identity=JUN, right=Right.MICROPHONE, allowed=False))
    world.do(MINA, rights.SetRight(identity=JUN, right=Right.CHAT, allowed=False))
    world.do(MINA, m.GrantRole(identity=SORA, role=Role.HOST))
    world.do(MINA, rights.SetRight(right=Right.SHARE, allowed=False))
    world.do(SORA, rights.SetRight(identity=JUN, right=Right.SHARE, allowed=True))
    world.do(JUN, tracks.Publish(source=Source.SCREEN_SHARE, muted=False))
    world.do(MINA, m.GrantRole(identity=SORA, role=Role.GUEST))
    world.do(MINA, rights.SetRight(identity=JUN, right=Right.MICROPHONE, allowed=True))
    world.do(MINA, rights.SetRight(right=Right.CHAT, allowed=True))
    for right in (Right.CAMERA, Right.CHAT):
        world.do(MINA, rights.SetRight(identity=SORA, right=right, allowed=False))
    world.do(JUN, tracks.Unpublish(source=Source.SCREEN_SHARE))
    world.do(MINA, rights.SetRight(right=Right.CAMERA, allowed=False))
    return world


SCENES: dict[str, Callable[[], World]] = {
    "people": people,
    "media": media,
    "talk": talk,
    "asides": asides,
    "files": files,
    "play": play,
    "planes": planes,
    "permissions": permissions,
}


def trace(world: World) -> dict[str, Any]:
    """What each viewer was sent, and what they should hold after it."""
    return {
        str(viewer): {
            "start": dump_room(view.start),
            "frames": frames(view),
            "end": dump_room(snapshot(world.room, viewer)),
        }
        for viewer, view in world.views.items()
    }


def write(name: str) -> None:
    lines = [
        f"{json.dumps(viewer)}: {json.dumps(seen, ensure_ascii=False, sort_keys=True)}"
        for viewer, seen in trace(SCENES[name]()).items()
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (GOLDEN / f"{name}.json").write_text(text, encoding="utf-8")


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", SCENES)
def test_the_rules_still_tell_the_story_as_the_golden_trace_has_it(name: str) -> None:
    assert json.loads(json.dumps(trace(SCENES[name]()))) == read(name)


@pytest.mark.parametrize("name", SCENES)
def test_folding_the_frames_of_a_golden_trace_gives_its_end(name: str) -> None:
    for viewer in read(name).values():
        room = load_room(viewer["start"])
        for f in viewer["frames"]:
            stored: Stored = load_stored(
                f["seq"], f["at_ms"], f["actor"], f["command_id"], f["type"], f["v"], f["payload"]
            )
            assert f["prev"] == room.streams.get(stored.stream, 0)
            room = apply(room, stored)
        assert dump_room(room) == viewer["end"]


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for scene in SCENES:
        write(scene)
