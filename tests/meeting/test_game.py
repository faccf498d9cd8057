"""The table for two: one sentence each."""

import pytest

from moim.meeting import membership as m
from moim.meeting.errors import ErrorCode
from moim.meeting.features import game
from tests.meeting.test_rules import refusal
from tests.meeting.world import JUN, MINA, SORA, World

REFEREE, OTHER = min(MINA, JUN), max(MINA, JUN)


def table(world: World) -> game.GameState:
    return game.game.of(world.room)


def two_at_the_table() -> World:
    world = World().join(MINA, JUN, SORA)
    world.do(MINA, game.SitAtGame())
    world.do(JUN, game.SitAtGame())
    return world


def score(world: World, side: game.Side, points: int) -> int:
    said = game.ScoreGame(round=table(world).round, side=side, points=points)
    return len(world.do(REFEREE, said))


def test_two_sit_and_a_third_watches() -> None:
    world = two_at_the_table()
    near, far = table(world).near, table(world).far
    assert near is not None
    assert far is not None
    assert (near.identity, far.identity) == (MINA, JUN)
    assert world.do(MINA, game.SitAtGame()) == []
    assert refusal(world, SORA, game.SitAtGame()) is ErrorCode.GAME_FULL


@pytest.mark.parametrize("actor", [OTHER, SORA])
def test_only_the_lower_identity_says_the_points(actor: str) -> None:
    world = two_at_the_table()
    said = game.ScoreGame(round=2, side="near", points=1)
    who = next(one for one in (OTHER, SORA) if one == actor)
    assert refusal(world, who, said) is ErrorCode.NOT_REFEREE


def test_nobody_referees_a_table_of_one() -> None:
    world = World().join(MINA)
    world.do(MINA, game.SitAtGame())
    said = game.ScoreGame(round=1, side="near", points=1)
    assert refusal(world, MINA, said) is ErrorCode.NOT_REFEREE


def test_a_point_counts_once_and_only_in_its_round() -> None:
    world = two_at_the_table()
    assert score(world, "near", 1) == 1
    assert score(world, "near", 1) == 0
    assert score(world, "near", 3) == 0
    assert world.do(REFEREE, game.ScoreGame(round=1, side="far", points=1)) == []


def test_seven_points_win_and_then_either_player_begins_anew() -> None:
    world = two_at_the_table()
    assert world.do(MINA, game.PlayAgain()) == []
    for points in range(1, 8):
        score(world, "far", points)
    assert score(world, "near", 1) == 0
    assert refusal(world, SORA, game.PlayAgain()) is ErrorCode.NOT_PLAYING
    world.do(OTHER, game.PlayAgain())
    far = table(world).far
    assert far is not None
    assert far.points == 0
    assert score(world, "near", 1) == 1


def test_who_reloads_keeps_place_and_points_and_who_leaves_gives_up_both() -> None:
    world = two_at_the_table()
    score(world, "near", 1)
    world.do(MINA, m.Join(name="Mina", tab="tab-of-mina"))
    near = table(world).near
    assert near is not None
    assert (near.identity, near.points) == (MINA, 1)
    world.do(MINA, m.Leave())
    assert table(world).near is None
    world.do(SORA, game.SitAtGame())
    near, far = table(world).near, table(world).far
    assert near is not None
    assert far is not None
    assert (near.identity, far.identity, near.points) == (SORA, JUN, 0)


def test_a_host_sends_a_player_away_and_a_guest_does_not() -> None:
    world = two_at_the_table()
    away = game.StandFromGame(identity=MINA)
    assert refusal(world, JUN, away) is ErrorCode.NOT_HOST
    world.do(MINA, game.StandFromGame(identity=JUN))
    assert table(world).far is None
    assert world.do(JUN, game.StandFromGame()) == []


def test_the_table_is_cleared_with_the_end_of_the_meeting() -> None:
    world = two_at_the_table()
    world.do(MINA, m.EndMeeting())
    assert table(world) == game.GameState()
