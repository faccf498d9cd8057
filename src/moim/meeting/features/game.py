"""The table for two: who plays, and how many points each has.

Whoever is free sits down; two play, everybody else watches. What moves on the table goes from
browser to browser and is never told to the server: only the points are, by the referee. That is the
player with the lower identity. Seven points win; then either player may begin anew. A player who
reloads keeps their place and their points, one who leaves gives up both. A host may send a player
away from the table, and who has no right to the chat does not sit down: nothing of theirs is taken.
"""

from collections.abc import Iterable
from typing import ClassVar, Literal

from pydantic import Field

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command, Context, Event, Feature, Frozen, Slice, Stored
from moim.meeting.ids import Identity, Right, SomeIdentity
from moim.meeting.membership import MeetingEnded, ParticipantLeft
from moim.meeting.model import Room

POINTS_TO_WIN = 7
Side = Literal["near", "far"]
"""The two ends of the table. Whoever keeps their place keeps their side."""


class SitAtGame(Command):
    """Take a free place at the table."""

    name_on_wire: ClassVar[str] = "game.sit"


class StandFromGame(Command):
    """Give up one's place; or a host sends another away from the table."""

    name_on_wire: ClassVar[str] = "game.stand"
    identity: SomeIdentity | None = None


class ScoreGame(Command):
    """The referee's word: this side has so many points now. Said twice, it counts once."""

    name_on_wire: ClassVar[str] = "game.score"
    round: int = Field(ge=1)
    side: Side
    points: int = Field(ge=1, le=POINTS_TO_WIN)


class PlayAgain(Command):
    """A new round of the same two, once one of them has won."""

    name_on_wire: ClassVar[str] = "game.again"


class GameSat(Event):
    """Somebody has taken a place. With two at the table a round begins."""

    type: ClassVar[str] = "game.sat"
    identity: Identity
    side: Side


class GameStood(Event):
    """A place is free again. `by` is its player or a host."""

    type: ClassVar[str] = "game.stood"
    identity: Identity
    by: Identity


class GameScored(Event):
    """A side has a point more."""

    type: ClassVar[str] = "game.scored"
    side: Side
    points: int


class GameBegun(Event):
    """A new round of the same two."""

    type: ClassVar[str] = "game.begun"


class GamePlace(Frozen):
    """A player at one end of the table."""

    identity: Identity
    points: int = 0


class GameState(Slice):
    """Both ends of the table. Each round has a number of its own: what comes late is of none."""

    round: int = 0
    near: GamePlace | None = None
    far: GamePlace | None = None


def decide(room: Room, actor: Identity, command: Command, ctx: Context) -> Iterable[Event]:
    """Raises: `not_present`, `not_host`, `participant_unknown`, `game_full`, `not_playing`,
    `not_referee`, `right_missing`."""
    state = game.of(room)
    match command:
        case SitAtGame():
            room.demand(actor, Right.CHAT)
            return _sit(state, actor)
        case StandFromGame(identity=identity):
            whom = identity or actor
            room.oneself_or_as_host(actor, whom)
            plays = whom in _players(state)
            return (GameStood(identity=whom, by=actor),) if plays else ()
        case ScoreGame():
            room.present(actor)
            return _score(state, actor, command)
        case PlayAgain():
            room.present(actor)
            if actor not in _players(state):
                raise Refused(ErrorCode.NOT_PLAYING)
            return (GameBegun(),) if _won(state) else ()
        case _:
            raise AssertionError(f"not a command of the game: {command!r}")


def _sit(state: GameState, actor: Identity) -> Iterable[Event]:
    if actor in _players(state):
        return ()
    if state.near is None:
        return (GameSat(identity=actor, side="near"),)
    if state.far is None:
        return (GameSat(identity=actor, side="far"),)
    raise Refused(ErrorCode.GAME_FULL)


def _score(state: GameState, actor: Identity, said: ScoreGame) -> Iterable[Event]:
    if actor != _referee(state):
        raise Refused(ErrorCode.NOT_REFEREE)
    scorer = state.near if said.side == "near" else state.far
    if scorer is None or said.round != state.round or _won(state):
        return ()
    if said.points != scorer.points + 1:
        return ()
    return (GameScored(side=said.side, points=said.points),)


def _players(state: GameState) -> tuple[Identity, ...]:
    return tuple(place.identity for place in (state.near, state.far) if place)


def _referee(state: GameState) -> Identity | None:
    """The lower identity of two players; nobody while one is alone."""
    players = _players(state)
    return min(players) if len(players) == 2 else None


def _won(state: GameState) -> bool:
    return any(place.points >= POINTS_TO_WIN for place in (state.near, state.far) if place)


def apply(state: GameState, stored: Stored) -> GameState:
    """The table after one event."""
    match stored.event:
        case GameSat(identity=identity, side=side):
            return _anew(state.but(**{side: GamePlace(identity=identity)}))
        case GameStood(identity=identity) | ParticipantLeft(identity=identity):
            if identity not in _players(state):
                return state
            side = "near" if state.near and state.near.identity == identity else "far"
            return _anew(state.but(**{side: None}))
        case GameScored(side=side, points=points):
            place = state.near if side == "near" else state.far
            return state.but(**{side: place.but(points=points)}) if place else state
        case GameBegun():
            return _anew(state)
        case MeetingEnded():
            return GameState()
        case _:
            return state


def _anew(state: GameState) -> GameState:
    """The next round: nobody has a point."""
    return GameState(
        round=state.round + 1,
        near=state.near.but(points=0) if state.near else None,
        far=state.far.but(points=0) if state.far else None,
    )


game = Feature(
    name="game",
    state=GameState,
    commands=(SitAtGame, StandFromGame, ScoreGame, PlayAgain),
    events=(GameSat, GameStood, GameScored, GameBegun),
    decide=decide,
    apply=apply,
)
