"""Databases with today's schema, made once and copied: migrating each anew is most of a short test.

What migrates for itself is tested in `tests/storage/test_schema.py`.
"""

import sqlite3
import tempfile
from pathlib import Path

from moim.storage.database import Database
from moim.storage.schema import bring_up_to_date

_templates: list[bytes] = []


async def lay_out(database: Database) -> None:
    """Opens a database; a new SQLite file begins as a copy of one that was migrated before."""
    if database.file is not None:
        await lay_out_file(database.file)
    await bring_up_to_date(database)


async def lay_out_file(file: Path) -> None:
    """Puts an empty database of today's schema there, unless there is one already."""
    if not _templates:
        _templates.append(await _migrated())
    _put(file, _templates[0])


def _put(file: Path, empty: bytes) -> None:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(empty)


async def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="moim-schema-") as folder:
        database = Database(f"sqlite+aiosqlite:///{folder}/moim.db")
        await bring_up_to_date(database)
        file = database.file
        assert file is not None
        await database.close()
        connection = sqlite3.connect(file)
        try:
            return connection.serialize()
        finally:
            connection.close()
