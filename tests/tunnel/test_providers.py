"""A client at a provider that is not moim's own server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from moim.tunnel.client import ssh
from moim.tunnel.client.local import LocalServer
from moim.tunnel.client.ssh import SshTunnel
from moim.tunnel.errors import TunnelError
from tests.tunnel.provider import Provider, provider
from tests.tunnel.test_places import LOCALHOST_RUN, SISH
from tests.tunnel.world import Laptop, answering, echo, until


@pytest.fixture
async def laptop(tmp_path: Path) -> AsyncIterator[Laptop]:
    async with answering(echo) as local:
        yield Laptop(tmp_path / "laptop", local, name="nokey")


@asynccontextmanager
async def holding(laptop: Laptop, tunnel: SshTunnel) -> AsyncIterator[None]:
    held = asyncio.ensure_future(tunnel.hold(laptop.ups.append))
    try:
        await until(lambda: bool(laptop.ups) or held.done())
        if held.done():
            held.result()
        yield
    finally:
        held.cancel()
        await asyncio.gather(held, return_exceptions=True)


@pytest.mark.parametrize(
    ("says", "url"),
    [(LOCALHOST_RUN, "https://3b1d872d3c1d63.lhr.life"), (SISH, "https://flb.tuns.sh")],
)
async def test_the_address_is_read_and_visitors_are_served(
    laptop: Laptop, says: str, url: str
) -> None:
    async with provider(says) as there, holding(laptop, laptop.tunnel(there.port)):
        assert [up.url for up in laptop.ups] == [url]
        assert laptop.ups[0].stun is None  # it says nothing of calls
        assert there.asked == [("localhost", 80)]
        head = b"GET /tea HTTP/1.0\r\nhost: 3b1d872d3c1d63.lhr.life\r\n\r\n"
        visit = asyncio.ensure_future(there.visit(head))
        await until(lambda: bool(laptop.local.visitors))
        assert list(laptop.local.visitors.values()) == ["localhost"]
        there.people[-1].abort()
        await asyncio.gather(visit, return_exceptions=True)


async def test_an_address_without_https_is_told_when_no_better_one_follows(laptop: Laptop) -> None:
    says = "HTTP: http://tea.example.org:8080"
    async with provider(says) as there, holding(laptop, laptop.tunnel(there.port)):
        assert [up.url for up in laptop.ups] == ["http://tea.example.org:8080"]


async def test_a_name_that_changes_while_it_stands_is_told(laptop: Laptop) -> None:
    async with provider(LOCALHOST_RUN) as there, holding(laptop, laptop.tunnel(there.port)):
        there.say("9f1d.lhr.life tunneled with tls termination, https://9f1d.lhr.life")
        await until(lambda: len(laptop.ups) == 2)
        assert laptop.ups[1].url == "https://9f1d.lhr.life"


async def test_another_kind_of_host_key_is_another_key(laptop: Laptop) -> None:
    async with provider(SISH) as there, holding(laptop, laptop.tunnel(there.port)):
        port = there.port
    async with provider(SISH, port=port, key="ecdsa-sha2-nistp256"):
        with pytest.raises(TunnelError) as refused:
            await laptop.tunnel(port).hold(laptop.ups.append)
    assert refused.value.code == "tunnel_host_key_changed"


async def test_a_name_is_asked_for_with_ones_own_key(laptop: Laptop) -> None:
    laptop.name = "mina"
    async with provider(SISH) as there, holding(laptop, laptop.tunnel(there.port, "tea")):
        assert there.asked == [("tea", 80)]


async def test_a_provider_that_refuses_is_no_reason_to_try_again(laptop: Laptop) -> None:
    async with provider(SISH, refuses=True) as there:
        with pytest.raises(TunnelError) as refused:
            await laptop.tunnel(there.port).hold(laptop.ups.append)
        assert refused.value.code == "tunnel_refused"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "URL_S", 0.2)


async def test_a_machine_that_names_no_address_takes_one_by_hand(
    laptop: Laptop, impatient: None
) -> None:
    async with provider("Welcome to Debian") as there:
        tunnel = laptop.tunnel(there.port, ":8080")
        with pytest.raises(TunnelError, match="give it with --public-url") as refused:
            await tunnel.hold(laptop.ups.append)
        assert refused.value.code == "tunnel_without_url"
        named = replace(tunnel, public_url="https://meet.example.org")
        async with holding(laptop, named):
            assert [up.url for up in laptop.ups] == ["https://meet.example.org"]
            assert there.asked[-1] == ("localhost", 8080)
            assert len(there.sessions) == 1  # nobody opens a shell for nothing


async def test_a_local_server_that_is_down_ends_the_visit_and_not_the_tunnel(
    laptop: Laptop,
) -> None:
    laptop.local = LocalServer("127.0.0.1", 1)

    async def visit(there: Provider) -> bytes:
        return await there.visit(b"GET / HTTP/1.0\r\n\r\n")

    async with provider(SISH) as there, holding(laptop, laptop.tunnel(there.port)):
        assert await visit(there) == b""
        assert await visit(there) == b""
