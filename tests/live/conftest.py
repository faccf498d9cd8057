"""A house with one open room, and one browser for each of three people."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moim.live.room import LiveRoom
from tests.live.world import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """One server on an empty file."""
    house = House(tmp_path)
    yield house
    await house.close()


@pytest.fixture
async def room(house: House) -> LiveRoom:
    """Mina's room, open."""
    return await house.room()
