"""A running moim for what the pages say and show."""

import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from moim.app import create_app
from moim.settings import Settings

PATIENCE_S = 30


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running moim, on any free port."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), stun=False, stun_urls=())
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), port=0, log_config=None, ws="websockets-sansio")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + PATIENCE_S
    while not server.started and thread.is_alive():
        assert time.monotonic() < deadline, "moim did not start"
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(PATIENCE_S)
