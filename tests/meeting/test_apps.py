"""Mini-apps of a room: one sentence each."""

import pytest
from pydantic import ValidationError

from moim.meeting.errors import ErrorCode
from moim.meeting.features import app
from tests.meeting.test_rules import refusal
from tests.meeting.world import JUN, MINA, SORA, World

POLL = app.AppId("poll")


def with_poll(users: app.Users = "everyone") -> World:
    world = World().join(MINA, JUN)
    world.do(MINA, app.AddApp(app=POLL, name="Poll", users=users))
    return world


def store(key: str, value: str | None = "1") -> app.StoreInApp:
    return app.StoreInApp(app=POLL, key=key, value=value)


def stored(world: World) -> dict[str, str]:
    return app.app.of(world.room).find(POLL).stored


def test_a_host_adds_an_app_once() -> None:
    world = with_poll()
    assert world.do(MINA, app.AddApp(app=POLL, name="Another")) == []
    assert refusal(world, JUN, app.RemoveApp(app=POLL)) is ErrorCode.NOT_HOST


def test_an_app_that_is_not_there_is_unknown() -> None:
    world = World().join(MINA, JUN)
    for command in (app.RemoveApp(app=POLL), app.AllowApp(app=POLL, users="hosts"), store("a")):
        assert refusal(world, MINA, command) is ErrorCode.APP_UNKNOWN


@pytest.mark.parametrize("name", ["../poll", "F_", "http://x", "poll\n", "F_../../etc"])
def test_only_what_moim_brings_or_a_file_of_the_room_is_an_app(name: str) -> None:
    with pytest.raises(ValidationError):
        app.AddApp(app=app.AppId(name), name="Poll")


def test_a_room_holds_eight_apps() -> None:
    world = World().join(MINA)
    for n in range(app.APPS_MOST):
        world.do(MINA, app.AddApp(app=app.AppId(f"F_{n}"), name="Own"))
    assert refusal(world, MINA, app.AddApp(app=POLL, name="Poll")) is ErrorCode.APPS_FULL


def test_whoever_may_use_an_app_stores_in_it() -> None:
    world = with_poll()
    world.do(JUN, store("vote"))
    assert world.do(JUN, store("vote")) == []
    world.do(MINA, app.AllowApp(app=POLL, users="hosts"))
    assert refusal(world, JUN, store("vote", "2")) is ErrorCode.NOT_HOST
    assert refusal(world, SORA, store("vote", "2")) is ErrorCode.NOT_PRESENT
    world.do(MINA, store("vote", None))
    assert stored(world) == {}


def test_a_key_of_ones_own_is_written_by_no_other_guest() -> None:
    world = with_poll().join(SORA)
    world.do(JUN, store(f"{JUN}/vote"))
    assert refusal(world, SORA, store(f"{JUN}/vote", "2")) is ErrorCode.NOT_HOST
    assert refusal(world, SORA, store(f"{JUN}/vote", None)) is ErrorCode.NOT_HOST
    world.do(MINA, store(f"{JUN}/vote", None))
    assert stored(world) == {}


def test_an_app_stores_no_more_than_its_share() -> None:
    world = with_poll()
    too_much = store("long", "x" * (app.VALUE_MOST + 1))
    assert refusal(world, JUN, too_much) is ErrorCode.APP_STORAGE_FULL
    for n in range(app.KEYS_MOST):
        world.do(JUN, store(f"k{n}"))
    assert refusal(world, JUN, store("one more")) is ErrorCode.APP_STORAGE_FULL
    full = "x" * app.VALUE_MOST
    fitting = app.STORAGE_MOST // app.VALUE_MOST - 1
    for n in range(fitting):
        world.do(JUN, store(f"k{n}", full))
    assert refusal(world, JUN, store("k63", full)) is ErrorCode.APP_STORAGE_FULL
    world.do(JUN, store("k0", None))
    world.do(JUN, store("k63", full))


def test_what_an_app_stored_goes_with_it() -> None:
    world = with_poll()
    world.do(JUN, store("vote"))
    world.do(MINA, app.RemoveApp(app=POLL))
    world.do(MINA, app.AddApp(app=POLL, name="Poll"))
    assert stored(world) == {}
