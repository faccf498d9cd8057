"""The built web client: which hashed files a page needs, and how they are served.

Source: Vite, "Backend Integration" (the manifest); RFC 9110, section 12.5.3 (Accept-Encoding).
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from moim.http.headers import WORKER_POLICY

BUILT = Path(__file__).parent / "static" / "app"
MANIFEST = ".vite/manifest.json"
FOR_EVER = "public, max-age=31536000, immutable"
ENCODINGS = (("br", ".br"), ("gzip", ".gz"))


class _Chunk(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    file: str
    css: tuple[str, ...] = ()
    imports: Annotated[tuple[str, ...], Field(default=())]


_CHUNKS = TypeAdapter(dict[str, _Chunk])


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one entry, as paths below the built folder."""

    scripts: tuple[str, ...] = ()
    preloads: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()


class Assets:
    """Reads the manifest once; with `dev` again whenever a build has replaced it."""

    def __init__(self, folder: Path = BUILT, *, dev: bool = False) -> None:
        self.folder = folder
        self._dev = dev
        self._stamp = 0
        self._chunks: dict[str, _Chunk] = {}
        self._read()

    @property
    def built(self) -> bool:
        """Whether there is a web client at all; a wheel always has one."""
        return bool(self._chunks)

    def bundle(self, entry: str) -> Bundle:
        """What a page must load for an entry such as `src/main.ts`; nothing before a build."""
        if self._dev:
            self._read()
        if entry not in self._chunks:
            return Bundle()
        names = self._with_imports(entry)
        first, *others = (self._chunks[name] for name in names)
        styles = [style for chunk in (*others, first) for style in chunk.css]
        if first.file.endswith(".css"):
            return Bundle(styles=(first.file, *styles))
        preloads = [chunk.file for chunk in others if chunk.file.endswith(".js")]
        return Bundle((first.file,), tuple(preloads), tuple(dict.fromkeys(styles)))

    def _with_imports(self, entry: str) -> list[str]:
        found: dict[str, None] = {}
        waiting = [entry]
        while waiting:
            name = waiting.pop(0)
            if name not in found and name in self._chunks:
                found[name] = None
                waiting += self._chunks[name].imports
        return list(found)

    def _read(self) -> None:
        path = self.folder / MANIFEST
        try:
            stamp = path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._chunks = _CHUNKS.validate_python(json.loads(path.read_bytes()))
                self._stamp = stamp
        except FileNotFoundError:
            self._chunks = {}


class BuiltFiles(StaticFiles):
    """Serves the built folder: names carry a hash, so browsers keep them for ever; the twins that
    the build compressed are sent where the browser takes them."""

    def __init__(self, folder: Path = BUILT) -> None:
        super().__init__(directory=folder, check_dir=False)

    async def check_config(self) -> None:
        """A folder that is not there yet is a 404, not an error: the client may be built later."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, or a 404 of a few bytes."""
        try:
            if any(part.startswith(".") for part in Path(path).parts):
                raise HTTPException(404)
            return await super().get_response(path, scope)
        except HTTPException as error:
            return PlainTextResponse(
                "not found\n" if error.status_code == 404 else "no\n",
                status_code=error.status_code,
                headers=error.headers,
            )

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,  # noqa: ARG002 - StaticFiles' own signature
        scope: Scope,
        status_code: int = 200,  # noqa: ARG002 - StaticFiles' own signature
    ) -> Response:
        """The smallest form that the browser takes."""
        original = Path(full_path)
        accepted = _accepted(Headers(scope=scope).get("accept-encoding", ""))
        for encoding, suffix in ENCODINGS:
            twin = original.with_name(original.name + suffix)
            if encoding in accepted and twin.is_file():
                return self._forever(original, twin, encoding, scope)
        return self._forever(original, original, None, scope)

    def _forever(self, original: Path, sent: Path, encoding: str | None, scope: Scope) -> Response:
        headers = {"cache-control": FOR_EVER, "vary": "accept-encoding"}
        if encoding:
            headers["content-encoding"] = encoding
        if original.suffix == ".js":
            headers["content-security-policy"] = WORKER_POLICY
        response = FileResponse(
            sent, media_type=media_type(original.name), headers=headers, stat_result=sent.stat()
        )
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return Response(status_code=304, headers={**headers, "etag": response.headers["etag"]})
        return response


MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
    ".mp3": "audio/mpeg",
    ".txt": "text/plain; charset=utf-8",
}


def media_type(name: str) -> str:
    """The type of a built file by its name. Not `mimetypes`: Windows' registry can change that."""
    return MEDIA_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


def _accepted(header: str) -> set[str]:
    accepted = set()
    for part in header.split(","):
        name, _, quality = part.strip().lower().partition(";")
        if quality.strip().replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(name.strip())
    return accepted
