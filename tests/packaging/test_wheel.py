"""The distributions, as somebody gets them who has never seen the repository."""

import asyncio
import os
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import httpx
import pytest

from tests.browser.server import free_port
from tests.packaging.building import uv

pytestmark = pytest.mark.packaging

START_S = 60.0
APP = "moim/http/static/app"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution, and a wheel that was built from nothing but that."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--out-dir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel_file(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(wheel_file: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(wheel_file) as archive:
        yield archive


def test_the_wheel_is_pure_python(wheel: zipfile.ZipFile) -> None:
    assert wheel.filename is not None
    assert wheel.filename.endswith("-py3-none-any.whl")
    names = wheel.namelist()
    assert not [name for name in names if name.endswith((".so", ".pyd", ".dylib"))]


def test_the_wheel_holds_the_built_client_and_its_compressed_twins(
    wheel: zipfile.ZipFile,
) -> None:
    names = wheel.namelist()
    assert f"{APP}/.vite/manifest.json" in names
    scripts = [name for name in names if re.fullmatch(rf"{APP}/assets/main-[\w-]+\.js", name)]
    assert len(scripts) == 1
    assert f"{scripts[0]}.br" in names
    assert f"{scripts[0]}.gz" in names


def test_the_wheel_holds_views_and_migrations(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    for wanted in (r"moim/http/templates/.+\.html", r"moim/.*migrations/versions/.+\.py"):
        assert any(re.fullmatch(wanted, name) for name in names), wanted
    assert "moim/py.typed" in names


def test_the_wheel_names_the_licence_of_all_that_is_in_it(wheel: zipfile.ZipFile) -> None:
    licences = wheel.read(f"{APP}/licenses.txt").decode()
    for package in ("svelte", "socket.io-client", "mvp.css", "bits-ui"):
        assert re.search(rf"^{re.escape(package)} \d", licences, re.MULTILINE), package
    names = wheel.namelist()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_metadata_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = Parser().parsestr(wheel.read(name).decode())
    assert metadata["Name"] == "moim"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_source_distribution_can_be_built_without_node(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = ["/".join(name.split("/")[1:]) for name in archive.getnames()]
    assert f"src/{APP}/.vite/manifest.json" in names
    assert "web/package-lock.json" in names
    assert not [name for name in names if "node_modules" in name.split("/")]


async def test_the_wheel_starts_from_an_empty_environment_in_another_folder(
    wheel_file: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "env"
    uv("venv", "--python", sys.executable, environment)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    uv("pip", "install", "--python", python, wheel_file)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    port = free_port()
    bare = {key: os.environ[key] for key in ("SYSTEMROOT",) if key in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(python, "-m", "moim", "--port", str(port), "--data-dir", str(tmp_path / "data")),
        cwd=elsewhere,
        env=bare,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://localhost:{port}") as browser:
            health = await first_answer(browser)
            assert health.json()["status"] == "ok"
            page = await browser.get("/")
            assert page.status_code == 200
            style = re.search(r'href="(/static/app/assets/[^"]+\.css)"', page.text)
            assert style is not None, page.text
            file = await browser.get(style[1], headers={"accept-encoding": "gzip"})
            assert file.status_code == 200
            assert file.headers["content-encoding"] == "gzip"
            assert "immutable" in file.headers["cache-control"]
    finally:
        process.terminate()
        await process.wait()


async def first_answer(browser: httpx.AsyncClient) -> httpx.Response:
    async with asyncio.timeout(START_S):
        while True:
            try:
                return await browser.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
