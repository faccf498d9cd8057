"""What whoever runs moim watches."""

from pathlib import Path

import httpx
from pydantic import SecretStr

from moim.app import create_app
from moim.settings import Settings
from tests.signalling.server import serving

TOKEN = "what Prometheus shows to read them"


async def test_a_server_says_that_it_lives_and_that_it_is_ready(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    async with serving(app) as base, httpx.AsyncClient(base_url=base) as watcher:
        assert (await watcher.get("/livez")).json() == {"status": "ok"}
        assert (await watcher.get("/readyz")).json() == {"status": "ok"}
        await app.state.before_stop()
        stopping = await watcher.get("/readyz")
        assert (stopping.status_code, stopping.json()) == (503, {"status": "stopping"})
        assert (await watcher.get("/livez")).is_success


async def test_the_figures_are_for_who_has_the_token(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path, metrics_token=SecretStr(TOKEN)))
    async with serving(app) as base, httpx.AsyncClient(base_url=base) as watcher:
        for headers in ({}, {"authorization": "Bearer guessed"}):
            assert (await watcher.get("/metrics", headers=headers)).status_code == 404
        await app.state.rooms.create("u_mina", "Friday tea", listed=True)
        shown = await watcher.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert shown.headers["content-type"].startswith("text/plain; version=0.0.4")
    figures = dict(line.split() for line in shown.text.splitlines() if not line.startswith("#"))
    assert figures["moim_rooms_open"] == "1"
    assert int(figures["moim_events_total"]) > 0
    assert "# TYPE moim_commits_total counter" in shown.text


async def test_without_a_token_in_the_settings_there_are_no_figures(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path))
    async with serving(app) as base, httpx.AsyncClient(base_url=base) as watcher:
        for token in ("none", "None"):
            headers = {"authorization": f"Bearer {token}"}
            assert (await watcher.get("/metrics", headers=headers)).status_code == 404
