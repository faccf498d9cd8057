"""Pages are asked for over real sockets; what may be asked is the test's to say."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from moim.titles.fetch import Manners, PageTitles

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<title>Hello</title>"


class Site:
    """A web server that answers paths with fixed bytes, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.port = 0

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(request)
        answer = self.answers.get(request.split(" ")[1], PAGE)
        try:
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def served() -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """A site on loopback."""
    async with served() as one:
        yield one


def titles(
    manners: Manners | None = None, may_ask: Callable[[str], bool] | None = None
) -> PageTitles:
    return PageTitles(manners, may_ask=may_ask or (lambda _: True), may_port=lambda _: True)


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


async def test_a_page_is_asked_for_without_anything_of_ours(site: Site) -> None:
    assert await titles().find(site.url("/a b?c=가")) == "Hello"
    [request] = site.requests
    assert request.startswith("GET /a%20b?c=%EA%B0%80 HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{site.port}" in request.lower()
    for name in ("cookie", "referer", "authorization", "x-forwarded"):
        assert name not in request.lower()


async def test_the_guard_of_a_server_asks_no_loopback_and_no_odd_port(site: Site) -> None:
    assert await PageTitles(may_port=lambda _: True).find(site.url()) is None
    assert await PageTitles(may_ask=lambda _: True).find(site.url()) is None
    assert site.requests == []


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_loopback_is_not_asked_under_another_spelling(site: Site, host: str) -> None:
    guarded = PageTitles(may_port=lambda _: True)
    assert await guarded.find(f"http://{host}:{site.port}/") is None
    assert site.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http://",
        "http://user:secret@127.0.0.1/",
        "http://[",
        "http://exa mple/",
        "https://" + "a" * 300 + ".example/",
    ],
)
async def test_what_is_no_page_is_not_asked(url: str) -> None:
    assert await titles().find(url) is None


async def test_a_redirect_is_followed_a_few_times(site: Site) -> None:
    site.answers = {"/1": moved("/2"), "/2": moved(site.url("/3")), "/3": moved("?4")}
    assert await titles().find(site.url("/1")) == "Hello"
    assert await titles(Manners(redirects=2)).find(site.url("/1")) is None
    site.answers = {"/1": moved("/1")}
    assert await titles().find(site.url("/1")) is None


async def test_a_redirect_to_an_address_that_is_not_public_is_not_followed(site: Site) -> None:
    async with served() as inside:
        inside_port = inside.port
        site.answers = {"/": moved(f"http://localhost:{inside_port}/")}
        asked: list[str] = []

        def only_first(address: str) -> bool:
            asked.append(address)
            return len(asked) == 1

        assert await titles(may_ask=only_first).find(site.url()) is None
        assert len(asked) >= 2
        assert inside.requests == []


async def test_a_name_with_one_private_address_among_its_own_is_a_trap(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (one, site.port)) for one in ("93.184.215.14", "127.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    assert await PageTitles(may_port=lambda _: True).find("http://trap.example/") is None
    assert site.requests == []


async def test_a_name_is_resolved_once_and_that_address_is_asked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[object] = []

    async def resolve(host: object, *_: object, **__: object) -> list[tuple[object, ...]]:
        names.append(host)
        return [(0, 0, 0, "", ("127.0.0.1", site.port))]

    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def resolve_names(host: object, *rest: object, **named: object) -> object:
        if host == "rebinding.example":
            return await resolve(host)
        return await real(host, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "getaddrinfo", resolve_names)
    assert await titles().find(f"http://rebinding.example:{site.port}/") == "Hello"
    assert names == ["rebinding.example"]
    assert f"host: rebinding.example:{site.port}" in site.requests[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<title>no</title>",
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n<title>no</title>",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
    ids=["missing", "picture", "packed", "no HTTP", "nothing", "cut off", "endless headers"],
)
async def test_what_does_not_answer_as_a_page_has_no_title(site: Site, answer: bytes) -> None:
    site.answers = {"/": answer}
    assert await titles().find(site.url()) is None


async def test_an_endless_page_is_read_to_a_limit(site: Site) -> None:
    sent = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Long</title><!--")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()
            sent += 65_536

    site.answers = {"/": endless}
    assert await titles(Manners(head_bytes=100_000, within_s=60)).find(site.url()) == "Long"
    assert sent < 50_000_000


async def test_a_page_that_never_comes_is_given_up(site: Site) -> None:
    given_up = asyncio.Event()

    async def silent(writer: asyncio.StreamWriter) -> None:
        await given_up.wait()

    site.answers = {"/": silent}
    assert await titles(Manners(within_s=0.2)).find(site.url()) is None
    given_up.set()
