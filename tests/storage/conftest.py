"""An empty database on a real file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moim.storage.database import Database
from moim.storage.schema import bring_up_to_date


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """With today's schema."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'moim.db'}")
    await bring_up_to_date(database)
    yield database
    await database.close()
