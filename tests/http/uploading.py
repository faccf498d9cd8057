"""An upload by the tus protocol, request by request, over the pages of `tests.http.conftest`."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from sqlalchemy import insert
from starlette.types import Message, Receive

from moim.http.files import FileDesk, FileRules
from moim.http.scanning import Scanner
from moim.storage.files import FileStore
from moim.storage.tables import room as room_table
from tests.http.conftest import House
from tests.http.test_images import SLUG, seated
from tests.laid_out import lay_out

UPLOADS = f"/r/{SLUG}/uploads"
TUS = {"tus-resumable": "1.0.0"}
PIECE = {**TUS, "content-type": "application/offset+octet-stream"}


def metadata(**pairs: str) -> str:
    """`Upload-Metadata` as a client writes it."""
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in pairs.items())


@dataclass
class Uploader:
    """Mina, seated in a room whose database is open."""

    house: House
    client: httpx.AsyncClient

    async def begin(self, size: int, name: str = "plan.pdf", **more: str) -> httpx.Response:
        headers = {"upload-length": str(size), "upload-metadata": metadata(filename=name, **more)}
        return await self.client.post(UPLOADS, headers={**TUS, **headers})

    async def begun(self, size: int, name: str = "plan.pdf") -> str:
        """Where an upload is."""
        answer = await self.begin(size, name)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    async def piece(self, place: str, offset: int, data: object, **more: str) -> httpx.Response:
        headers = {**PIECE, "upload-offset": str(offset), **more}
        return await self.client.patch(place, headers=headers, content=data)  # type: ignore[arg-type]

    async def look(self, place: str) -> httpx.Response:
        return await self.client.head(place, headers=TUS)

    async def sent(self, data: bytes, name: str = "plan.pdf") -> str:
        """A whole file; where it can be fetched."""
        place = await self.begun(len(data), name)
        answer = await self.piece(place, 0, data)
        assert answer.status_code == 204, answer.text
        return place.replace("/uploads/", "/files/")

    async def lose_connection(self, place: str, data: bytes, **more: str) -> None:
        """A piece whose connection is lost after some bytes."""
        messages: list[Message] = [
            {"type": "http.request", "body": data, "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> Message:
            return messages.pop(0)

        await self._raw(place, receive, more)

    @asynccontextmanager
    async def hanging(self, place: str, data: bytes) -> AsyncIterator[None]:
        """A piece whose connection is lost without anybody telling the server."""
        taken = asyncio.Event()
        messages: list[Message] = [{"type": "http.request", "body": data, "more_body": True}]

        async def receive() -> Message:
            if messages:
                return messages.pop(0)
            taken.set()
            await asyncio.Event().wait()
            raise AssertionError("it waits for ever")

        request = asyncio.create_task(self._raw(place, receive, {}))
        await taken.wait()
        yield
        await asyncio.wait_for(request, 30)

    async def _raw(self, place: str, receive: Receive, more: dict[str, str]) -> None:
        """A request whose body comes as the test likes; httpx would send it whole."""
        request = self.client.build_request(
            "PATCH", place, headers={**PIECE, "upload-offset": "0", **more}
        )
        scope = {
            "type": "http",
            "method": "PATCH",
            "scheme": "http",
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": b"",
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": ("127.0.0.1", 1),
            "server": ("moim.test", 80),
        }

        async def send(_: Message) -> None:
            """Nobody is there to read it."""

        await self.house.app(scope, receive, send)

    def after_a_crash(self, scan: str | None = None) -> FileDesk:
        """The desk of a server that was killed and started again over the same data."""
        desk = self.house.site.files
        store = FileStore(self.house.database, desk.store.parts, 2_000_000)
        return FileDesk(store, FileRules(1_000_000), Scanner(scan), self.house.rooms)


@asynccontextmanager
async def uploader(house: House) -> AsyncIterator[Uploader]:
    """Opens the database and seats somebody."""
    await lay_out(house.database)
    async with house.browser() as client:
        await seated(house, client)
        card = house.rooms.cards[SLUG]
        values = {"id": card.id, "slug": SLUG, "name": card.name, "listed": True, "locked": False}
        times = {"people": 0, "created_ms": 0, "active_ms": 0, "seq": 0}
        async with house.database.writing() as connection:
            await connection.execute(insert(room_table).values(**values, **times))
        yield Uploader(house, client)
    await house.database.close()
