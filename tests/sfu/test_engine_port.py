"""The port and the events are those of the engine's stub, name by name, without the engine."""

import ast
import asyncio
import dataclasses
import inspect
from pathlib import Path
from typing import Any

import pytest

from moim.sfu.media_engine import EVENTS, _Patient
from moim.sfu.ports import Engine, EngineBusy

STUB = Path(__file__).parents[2] / "engine/python/moim_engine/_engine.pyi"
CLASSES = {
    node.name: node
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ClassDef)
}
CALLED = [name for name in vars(Engine) if not name.startswith("_")]


def match_args(node: ast.ClassDef) -> tuple[str, ...] | None:
    for line in node.body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__match_args__":
            found: tuple[str, ...] = ast.literal_eval(line.value)
            return found
    return None


def test_each_event_has_the_fields_of_the_stub() -> None:
    stub = {name: match_args(node) for name, node in CLASSES.items() if match_args(node)}
    ours = {
        name: tuple(field.name for field in dataclasses.fields(kind))
        for name, kind in EVENTS.items()
    }
    assert ours == stub


@pytest.mark.parametrize("name", CALLED)
def test_each_call_has_the_parameters_of_the_stub(name: str) -> None:
    methods = {
        node.name: node for node in CLASSES["Engine"].body if isinstance(node, ast.FunctionDef)
    }
    there = methods[name].args
    known = {argument.arg for argument in [*there.args, *there.kwonlyargs]}
    ours = inspect.signature(getattr(Engine, name)).parameters
    assert set(ours) <= known
    optional = len(there.defaults) + sum(default is not None for default in there.kw_defaults)
    assert len(ours) >= len(known) - optional


class _FullOnce:
    """An engine without room for the first command."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._full = True

    def _call(self, name: str) -> int:
        self.calls.append(name)
        if self._full:
            self._full = False
            raise _QueueFull("full")
        return 7

    def close_room(self, room: int) -> int:
        return self._call(f"close_room {room}")

    def open_room(self) -> int:
        return self._call("open_room")


class _QueueFull(Exception):
    pass


class _Closed(Exception):
    pass


async def test_what_begins_something_is_refused_while_the_engine_lags() -> None:
    port: Any = _Patient(_FullOnce(), _QueueFull, _Closed)
    with pytest.raises(EngineBusy):
        port.open_room()
    assert port.open_room() == 7


async def test_what_ends_something_is_repeated_until_there_is_room() -> None:
    engine = _FullOnce()
    port: Any = _Patient(engine, _QueueFull, _Closed)
    port.close_room(5)
    async with asyncio.timeout(10):
        while len(engine.calls) < 2:  # noqa: ASYNC110 - the loop's own timer does it
            await asyncio.sleep(0.01)
    assert engine.calls == ["close_room 5", "close_room 5"]
