"""Unmodified LiveKit clients against a real `moim sfu` process."""

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sfu.clients.server import SfuServer

HERE = Path(__file__).parent
ENGINE = importlib.util.find_spec("moim_engine") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here; without the engine it is skipped, and says so."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.sfu)
            if not ENGINE:
                item.add_marker(pytest.mark.skip(reason="the media engine is not built"))


@pytest.fixture
async def server(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SfuServer]:
    """A server in development; an indirect parameter is more of its configuration, in YAML."""
    async with SfuServer.running(tmp_path, getattr(request, "param", "")) as running:
        yield running
