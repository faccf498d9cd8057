"""The few files of ours that no build touches: what watches over the program, and the icons."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from moim.http.assets import FOR_EVER, media_type
from moim.http.icons import png_icon

FOLDER = Path(__file__).parent / "own"
SUPPORT = "support.js"
LOADING = "loading.js"
ICON = "icon.svg"
TOUCH_ICON = "icon-180.png"
INSTALL_ICON = "icon-512.png"


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """Held in memory under names with a hash of the content, made once at start."""

    hashed: dict[str, str]
    contents: dict[str, bytes]

    @classmethod
    def read(cls) -> "OwnFiles":
        """All of them."""
        plain = {name: (FOLDER / name).read_bytes() for name in (SUPPORT, LOADING, ICON)}
        plain[TOUCH_ICON] = png_icon(180)
        plain[INSTALL_ICON] = png_icon(512)
        hashed = {name: _hashed(name, data) for name, data in plain.items()}
        return cls(hashed, {hashed[name]: data for name, data in plain.items()})

    def path(self, name: str) -> str:
        """Where a file is, below moim's own path."""
        return f"/static/own/{self.hashed[name]}"

    async def serve(self, request: Request) -> Response:
        """GET /static/own/<name>."""
        name = request.path_params["name"]
        data = self.contents.get(name)
        if data is None:
            return PlainTextResponse("not found\n", status_code=404)
        return Response(data, media_type=media_type(name), headers={"cache-control": FOR_EVER})

    async def favicon(self, _: Request) -> Response:
        """GET /favicon.ico, which browsers and previews ask for unasked."""
        return Response(
            self.contents[self.hashed[ICON]],
            media_type=media_type(ICON),
            headers={"cache-control": "public, max-age=86400"},
        )


def _hashed(name: str, data: bytes) -> str:
    stem, dot, suffix = name.partition(".")
    return f"{stem}-{hashlib.sha256(data).hexdigest()[:10]}{dot}{suffix}"
