"""The built files: found by the manifest, kept for ever, sent compressed."""

import os
from pathlib import Path

import httpx
import pytest

from moim.http.assets import Assets, Bundle
from moim.http.own_files import LOADING, SUPPORT
from tests.http.conftest import House
from tests.http.forms import parse


def test_an_entry_brings_what_it_imports(built: Path) -> None:
    assert Assets(built).bundle("src/main.ts") == Bundle(
        scripts=("assets/main-Ab12.js",),
        preloads=("assets/shared-Ef56.js",),
        styles=("assets/tokens-Gh78.css", "assets/main-Cd34.css"),
    )
    assert Assets(built).bundle("src/pages/pages.css") == Bundle(styles=("assets/pages-Ij90.css",))
    assert Assets(built).bundle("src/none.ts") == Bundle()


def test_while_developing_a_new_build_is_seen(built: Path) -> None:
    assets = Assets(built, dev=True)
    manifest = built / ".vite" / "manifest.json"
    manifest.write_text('{"src/main.ts": {"file": "assets/main-New0.js"}}')
    os.utime(manifest, ns=(1, 1))
    assert assets.bundle("src/main.ts").scripts == ("assets/main-New0.js",)


@pytest.mark.parametrize(
    ("accepts", "encoding", "content"),
    [
        ("gzip, deflate, br, zstd", "br", b"brotli"),
        ("gzip", "gzip", b"gzip"),
        ("br;q=0, gzip", "gzip", b"gzip"),
        ("identity", None, b"plain"),
    ],
)
async def test_a_file_is_sent_in_the_smallest_form_that_the_browser_takes(
    house: House, accepts: str, encoding: str | None, content: bytes
) -> None:
    async with (
        house.browser() as reader,
        reader.stream(
            "GET", "/static/app/assets/main-Ab12.js", headers={"accept-encoding": accepts}
        ) as answer,
    ):
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert (answer.status_code, raw) == (200, content)
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "accept-encoding"


async def test_a_script_may_run_webassembly_in_a_worker_and_reach_nothing(
    browser: httpx.AsyncClient,
) -> None:
    script = await browser.head("/static/app/assets/main-Ab12.js")
    policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'"
    assert script.headers["content-security-policy"] == policy


async def test_a_file_that_the_browser_has_is_not_sent_again(browser: httpx.AsyncClient) -> None:
    first = await browser.get("/static/app/assets/pages-Ij90.css")
    again = await browser.get(
        "/static/app/assets/pages-Ij90.css", headers={"if-none-match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/app/assets/none.js",
        "/static/app/.vite/manifest.json",
        "/static/app/assets",
        "/static/app/%2e%2e/%2e%2e/wiring.py",
        "/static/app/..%2f..%2fwiring.py",
        "/static/app/assets/main-Ab12.js/x",
        "/static/app/%00",
        "/static/own/none.js",
    ],
)
async def test_what_is_not_there_is_a_404_of_a_few_bytes(
    browser: httpx.AsyncClient, path: str
) -> None:
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert len(answer.content) < 20


async def test_the_room_loads_its_program_and_what_watches_over_it(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put("abcd-efgh-jkm")
    tree = parse((await browser.get("/r/abcd-efgh-jkm")).text)
    scripts = {script.get("src"): script.get("type") for script in tree.iter("script")}
    own = [f"/static/own/{house.site.own.hashed[name]}" for name in (SUPPORT, LOADING)]
    assert scripts == {
        own[0]: None,
        own[1]: None,
        None: "application/json",
        "/static/app/assets/main-Ab12.js": "module",
    }
    for path in own:
        found = await browser.get(path)
        assert "immutable" in found.headers["cache-control"]
        for modern in ("=>", "let ", "const ", "`", "?."):
            assert modern not in found.text, "an old browser must be able to read it"
