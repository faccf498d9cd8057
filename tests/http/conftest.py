"""An app with the real pages, over rooms in memory and images in a temporary folder."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from moim.http.files import FileDesk, FileRules
from moim.http.identity import IdentifyPerson, Identities
from moim.http.scanning import Scanner
from moim.http.site import Options, Site
from moim.http.wiring import add_pages, make_site
from moim.storage.database import Database
from moim.storage.file_parts import FileParts
from moim.storage.files import FileStore
from moim.storage.images import ImageStore
from tests.http.rooms import RoomsInMemory

ORIGIN = "http://moim.test"
KEY = b"k" * 32
AS_BROWSER = {"accept": "text/html,application/xhtml+xml", "accept-language": "en"}


@dataclass
class House:
    """One app and what is behind it."""

    app: FastAPI
    rooms: RoomsInMemory
    site: Site
    files: Path
    database: Database
    """Of the files alone, and not opened: see `tests.http.uploading`."""

    def browser(self, base: str = ORIGIN, **headers: str) -> httpx.AsyncClient:
        """Somebody's browser, with cookies of its own."""
        shown = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url=base,
            headers={**AS_BROWSER, **shown},
        )


Build = Callable[..., House]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A built web client: a program with a shared chunk, and the pages' style and script."""
    folder = tmp_path / "app"
    (folder / ".vite").mkdir(parents=True)
    (folder / "assets").mkdir()
    manifest = {
        "src/main.ts": {
            "file": "assets/main-Ab12.js",
            "css": ["assets/main-Cd34.css"],
            "imports": ["_shared.js"],
        },
        "_shared.js": {"file": "assets/shared-Ef56.js", "css": ["assets/tokens-Gh78.css"]},
        "src/pages/pages.css": {"file": "assets/pages-Ij90.css"},
        "src/pages/pages.ts": {"file": "assets/pages-Kl12.js"},
    }
    (folder / ".vite" / "manifest.json").write_text(json.dumps(manifest))
    (folder / "assets" / "main-Ab12.js").write_text("plain")
    (folder / "assets" / "main-Ab12.js.br").write_bytes(b"brotli")
    (folder / "assets" / "main-Ab12.js.gz").write_bytes(b"gzip")
    (folder / "assets" / "pages-Ij90.css").write_text("body{}")
    return folder


@pytest.fixture
def build(tmp_path: Path, built: Path) -> Build:
    """Makes apps; each call another one, with nothing shared between them."""
    made = 0

    def make(identify: IdentifyPerson | None = None, key: bytes = KEY, **changes: object) -> House:
        nonlocal made
        made += 1
        rooms = RoomsInMemory()
        files = tmp_path / f"files{made}"
        quota = changes.pop("room_images_max_bytes", 50_000_000)
        assert isinstance(quota, int)
        kinds = changes.pop("file_types", frozenset())
        assert isinstance(kinds, frozenset)
        most = changes.pop("file_max_bytes", 1_000_000)
        assert isinstance(most, int)
        space = changes.pop("room_files_max_bytes", 2_000_000)
        assert isinstance(space, int)
        scan = changes.pop("file_scan_command", None)
        assert scan is None or isinstance(scan, str)
        database = Database(f"sqlite+aiosqlite:///{(tmp_path / f'{made}.db').as_posix()}")
        store = FileStore(database, FileParts(tmp_path / f"shared{made}"), space)
        desk = FileDesk(store, FileRules(most, kinds), Scanner(scan), rooms)
        options = replace(Options(version="1.2.3"), **changes)  # type: ignore[arg-type]
        site = make_site(
            options,
            rooms=rooms,
            images=ImageStore(files, quota),
            files=desk,
            identities=Identities(key, identify),
            built=built,
        )
        app = FastAPI(openapi_url=None)
        add_pages(app, site, built)
        return House(app, rooms, site, files, database)

    return make


@pytest.fixture
def house(build: Build) -> House:
    """The app as it is without any setting."""
    return build()


@pytest.fixture
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has not been here, reading English."""
    async with house.browser() as client:
        yield client
