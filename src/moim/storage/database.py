"""The database: one writer and a few readers on SQLite, a pool on PostgreSQL.

On SQLite a commit is on the disk before it returns (WAL with synchronous=FULL), the write lock is
taken when a transaction begins (BEGIN IMMEDIATE: no upgrade that fails half-way), and what is
deleted is overwritten (secure_delete). On PostgreSQL a commit is on its disk before it returns,
unless whoever runs it has chosen otherwise; there several servers write.
"""

import asyncio
import errno
import json
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from moim.meeting.errors import ErrorCode, Unavailable
from moim.storage import one_trip

if TYPE_CHECKING:
    from moim.storage.batch import Batch

_log = structlog.get_logger("moim.storage")
READERS = 4
BUSY_TIMEOUT_MS = 5000
CHECKPOINT_PATIENCE_MS = 250
CONNECTIONS = 10
"""To PostgreSQL, of one server."""
CONNECT_S = 3
STATEMENT_S = 10
_CONTENDED = frozenset({"40001", "40P01"})
"""Two transactions were in each other's way: serialization failure, deadlock."""
_DISK_FULL = "53100"
_AWAY = ("08", "57P", "53")
"""Beginnings of SQLSTATEs: the connection is gone, it is stopping or starting, it has no room for
one more. Source: PostgreSQL 15, appendix A."""
_PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
)


class Conflict(Exception):
    """Another server, or an earlier try, has written that number or that command already."""


class Database:
    """Connections for reading and for writing. `open` before use, `close` after."""

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self._writer: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None
        self._one_writer = asyncio.Lock()
        self._direct: one_trip.OneTripConnection | None = None
        """The writer's connection to SQLite, while it is open."""
        self.ready = False
        """Its schema is today's: set by `schema.bring_up_to_date`."""
        self.holds_old_pages = False
        """Its write-ahead log still has what was deleted: `forget_old_pages` must try again."""

    @property
    def file(self) -> Path | None:
        """The SQLite file, when there is one."""
        name = self.url.database
        return Path(name) if self.sqlite and name and name != ":memory:" else None

    def connect(self) -> AsyncEngine:
        """Make the engines; nothing is opened before the first query."""
        if self._writer is None:
            if self.file is not None:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            self._writer = self._engine("IMMEDIATE", 1)
            if self.sqlite:
                event.listen(self._writer.sync_engine, "connect", self._opened)
                event.listen(self._writer.sync_engine, "close", self._closed)
                event.listen(self._writer.sync_engine, "close_detached", self._closed)
            if self.file is not None:
                self._reader = self._engine("DEFERRED", READERS)
            elif self.sqlite:
                self._reader = self._writer
            else:
                # Each statement sees what is committed when it begins, as it would in a
                # transaction of READ COMMITTED, without the two round trips of one.
                self._reader = self._writer.execution_options(isolation_level="AUTOCOMMIT")
        return self._writer

    def _engine(self, begin: str, connections: int) -> AsyncEngine:
        options: dict[str, Any] = {"json_serializer": compact}
        if not self.sqlite:
            return create_async_engine(
                self.url,
                pool_size=CONNECTIONS,
                max_overflow=0,
                pool_timeout=STATEMENT_S,
                connect_args={
                    "timeout": CONNECT_S,
                    "command_timeout": STATEMENT_S,
                    "server_settings": {"application_name": "moim"},
                },
                **options,
            )
        engine = create_async_engine(
            self.url,
            pool_size=connections,
            max_overflow=0,
            pool_reset_on_return=None,
            connect_args={"async_creator_fn": one_trip.connect},
            **options,
        )

        def set_up(connection: Any, _record: object) -> None:
            # the driver must not begin transactions by itself: ours are IMMEDIATE
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in _PRAGMAS:
                cursor.execute(pragma)
            cursor.close()

        def start(connection: Connection) -> None:
            connection.exec_driver_sql(f"BEGIN {begin}")

        event.listen(engine.sync_engine, "connect", set_up)
        event.listen(engine.sync_engine, "begin", start)
        return engine

    def _opened(self, connection: Any, _record: object) -> None:
        self._direct = connection.driver_connection

    def _closed(self, connection: Any, *_: object) -> None:
        if self._direct is connection.driver_connection:
            self._direct = None

    async def close(self) -> None:
        """Close all connections; SQLite folds its write-ahead log into the file."""
        for engine in {self._writer, self._reader} - {None}:
            if engine is not None:
                await engine.dispose()
        self._writer = self._reader = None
        self.ready = False

    def _demand_ready(self) -> None:
        if not self.ready:
            raise RuntimeError(
                "the database is not open: is moim's lifespan running? An app that moim is "
                "mounted in needs `lifespan=moim.app.lifespan(app)`"
            )

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is durable once the block is left.

        Raises: Conflict; Unavailable (`storage_full`, `storage_failed`, `unavailable`). Nothing is
        written then, unless the connection broke while it was being committed.
        """
        self._demand_ready()
        engine = self.connect()
        async with self._turn():
            try:
                async with engine.begin() as connection:
                    yield connection
            except IntegrityError as error:
                raise Conflict(str(error.orig)) from error
            except (DBAPIError, PoolTimeout, OSError) as error:
                if _sqlstate(error) in _CONTENDED:
                    raise Conflict(str(error)) from error
                raise unavailable(error) from error

    async def write(self, batch: "Batch") -> None:
        """A transaction of statements whose results nobody needs; it is durable then.

        Raises: as `writing`.
        """
        self._demand_ready()
        direct = self._direct
        if direct is None:
            async with self.writing() as connection:
                await batch.run(connection)
            return
        async with self._turn():
            try:
                await direct.at_once(batch.commit)
            except sqlite3.IntegrityError as error:
                raise Conflict(str(error)) from error
            except (sqlite3.Error, OSError) as error:
                raise unavailable(error) from error

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self.sqlite:
            async with self._one_writer:
                yield
        else:
            yield

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """What is committed: on SQLite at one moment, on PostgreSQL at each statement.

        Raises: Unavailable (`storage_failed`, `unavailable`).
        """
        self._demand_ready()
        self.connect()
        assert self._reader is not None  # noqa: S101 - connect made it
        try:
            async with self._reader.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise unavailable(error) from error

    @asynccontextmanager
    async def one_view(self) -> AsyncIterator[AsyncConnection]:
        """What was committed at one moment, whatever is written meanwhile. Raises: Unavailable."""
        if self.sqlite:
            async with self.reading() as connection:
                yield connection
            return
        self._demand_ready()
        engine = self.connect().execution_options(isolation_level="REPEATABLE READ")
        try:
            async with engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout, OSError) as error:
            raise unavailable(error) from error

    async def forget_old_pages(self) -> None:
        """Empty the write-ahead log, where deleted words would stay readable for a while.

        Best effort: while somebody reads, SQLite keeps it; `holds_old_pages` then says so, and the
        next call tries again. What the caller wrote before is safe either way.
        """
        if self.file is None:
            return
        # Nobody can write meanwhile, and who reads may be a backup that takes minutes.
        patience_ms = 0 if self.holds_old_pages else CHECKPOINT_PATIENCE_MS
        async with self._turn():
            engine = self.connect()
            try:
                async with engine.connect() as connection:
                    raw = await connection.get_raw_connection()
                    emptied = await asyncio.shield(_checkpoint(raw.driver_connection, patience_ms))
                    self.holds_old_pages = not emptied
            except (DBAPIError, sqlite3.Error, OSError) as error:
                _log.warning("log_not_emptied", cause=str(error))


async def _checkpoint(connection: Any, patience_ms: int) -> bool:
    """Whether all of the log was emptied. By the driver: a checkpoint cannot run inside a
    transaction."""
    await connection.execute_fetchall(f"PRAGMA busy_timeout={patience_ms}")
    try:
        [(busy, *_)] = await connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await connection.execute_fetchall(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    return not busy


def unavailable(error: BaseException) -> Unavailable:
    """What a failure of the database or the disk is called."""
    cause = (error.orig if isinstance(error, DBAPIError) else None) or error
    said = f"{type(cause).__name__}: {cause}"
    state = _sqlstate(error)
    primary = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    full = primary == sqlite3.SQLITE_FULL or getattr(cause, "errno", None) == errno.ENOSPC
    if full or state == _DISK_FULL:
        return Unavailable(ErrorCode.STORAGE_FULL, said)
    away = isinstance(error, PoolTimeout | ConnectionError | TimeoutError | socket.gaierror)
    gone = isinstance(error, DBAPIError) and error.connection_invalidated
    if away or gone or (state is not None and state.startswith(_AWAY)):
        return Unavailable(ErrorCode.UNAVAILABLE, said)
    return Unavailable(ErrorCode.STORAGE_FAILED, said)


def _sqlstate(error: BaseException) -> str | None:
    found: str | None = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
    return found


def compact(value: object) -> str:
    """JSON as the columns hold it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
