"""The port and the events are those of the engine's stub, name by name, without the engine."""

import ast
import dataclasses
import inspect
from pathlib import Path

import pytest

from moim.sfu.media_engine import EVENTS
from moim.sfu.ports import Engine

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
