"""What holds for the process of the tests alone; the servers that tests start set up themselves.

- The library that reads request lines looks once, when it is imported, how long one may be; other
  tests import it before those of the SFU. What `moim sfu` says before that import is said here.
- A traceback is plain text, as `moim.logs` has it: to draw one with its variables takes a second.
"""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from moim.listening import LINE_LENGTH_VARIABLE, REQUEST_LINE_BYTES
from tests import postgres as postgresql
from tests import redis_server as redis

if LINE_LENGTH_VARIABLE not in os.environ:
    os.environ[LINE_LENGTH_VARIABLE] = str(REQUEST_LINE_BYTES)
    importlib.import_module("websockets.http11")
    del os.environ[LINE_LENGTH_VARIABLE]

_plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _plain])


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Postgres]:
    """One PostgreSQL for all tests that are not about what outlives a power cut."""
    with postgresql.running(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis.RedisServer]:
    """One Redis for all tests; who stops it starts it again."""
    with redis.running() as server:
        yield server


_HERE = Path(__file__).parent
SERVED = {_HERE / name for name in ("signalling", "tunnel", "cluster")} | {
    _HERE / "https" / "test_authority.py",
    _HERE / "net" / "test_patience.py",
    _HERE / "net" / "test_serve.py",
}
"""Whose tests are conversations over real sockets: most of their time is waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SERVED & {item.path, *item.path.parents}:
            item.add_marker("served")
