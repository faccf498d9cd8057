"""The column "who may" of the protocol page, asked of the rules."""

import pytest

from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.feature import Command
from moim.meeting.ids import Identity
from moim.meeting.membership import Join
from moim.meeting.passing import PASSING, Passing, relay
from moim.meeting.rules import COMMANDS
from moim.signalling.commands import REQUESTS
from tests.meeting.world import JUN, MINA, SORA, World
from tools.gen_docs import AUTHOR, HOST, OWN, RIGHTS, SEATED

FIELDS: dict[str, object] = {
    "allowed": False,
    "app": "poll",
    "data": {},
    "days": 30,
    "epoch": 1,
    "identity": MINA,
    "key": "votes",
    "choice": "mesh",
    "kind": "candidate",
    "listed": False,
    "muted": True,
    "n": 1,
    "name": "Tea",
    "points": 1,
    "reaction": "👍",
    "reason": "failed",
    "right": "chat",
    "role": "host",
    "round": 1,
    "seq": 1,
    "side": "near",
    "sign": "clap",
    "source": "microphone",
    "speaking": True,
    "text": "hi",
    "to": MINA,
    "typing": True,
    "users": "hosts",
    "value": "1",
}
"""A value for each field that a command must have; the seat that is spoken of is the host's."""


def room() -> World:
    """Mina is its host, Jun a guest, and Sora outside."""
    world = World()
    world.do(MINA, Join(name="Mina", tab="mina-tab"))
    world.do(JUN, Join(name="Jun", tab="jun-page"))
    return world


def sample(kind: type[Command] | type[Passing]) -> dict[str, object]:
    needed = [name for name, field in kind.model_fields.items() if field.is_required()]
    return {name: FIELDS[name] for name in needed}


def refused(actor: Identity, command: Command) -> ErrorCode | None:
    try:
        room().do(actor, command)
    except Refused as error:
        return error.code
    return None


def given_by(*who: str) -> list[str]:
    return [name for name, (may, _) in RIGHTS.items() if may in who and name in COMMANDS]


def test_the_table_knows_every_command_and_no_other() -> None:
    assert set(RIGHTS) == set(REQUESTS)


@pytest.mark.parametrize("name", given_by(HOST))
def test_a_guest_is_refused_what_only_hosts_may(name: str) -> None:
    kind = COMMANDS[name]
    assert refused(JUN, kind.model_validate(sample(kind))) is ErrorCode.NOT_HOST


@pytest.mark.parametrize("name", given_by(OWN))
def test_a_guest_may_it_for_themselves_and_not_for_others(name: str) -> None:
    kind = COMMANDS[name]
    assert refused(JUN, kind.model_validate(sample(kind))) is None
    assert refused(JUN, kind.model_validate({**sample(kind), "identity": MINA})) is (
        ErrorCode.NOT_HOST
    )


@pytest.mark.parametrize("name", given_by(SEATED))
def test_a_seated_guest_is_not_kept_from_it_by_rights(name: str) -> None:
    kind = COMMANDS[name]
    said = refused(JUN, kind.model_validate(sample(kind)))
    assert said not in (ErrorCode.NOT_HOST, ErrorCode.NOT_PRESENT)


@pytest.mark.parametrize("name", given_by(SEATED, HOST, OWN, AUTHOR, f"{AUTHOR}, or a host"))
def test_who_has_no_seat_may_nothing(name: str) -> None:
    kind = COMMANDS[name]
    assert refused(SORA, kind.model_validate(sample(kind))) is ErrorCode.NOT_PRESENT


@pytest.mark.parametrize("kind", PASSING, ids=lambda kind: kind.name_on_wire)
def test_who_has_no_seat_passes_nothing_on(kind: type[Passing]) -> None:
    with pytest.raises(Refused) as caught:
        relay(room().room, SORA, kind.model_validate(sample(kind)))
    assert caught.value.code is ErrorCode.NOT_PRESENT
