"""Behind a proxy each household has its own connections, at every door; a visitor cannot lie."""

from pathlib import Path
from typing import Any

import pytest

from tests.signalling.conftest import JUN, MINA, SORA, opened, quick
from tests.signalling.server import RefusedConnection


def coming_from(*addresses: str, **more: str) -> dict[str, str]:
    return {"X-Forwarded-For": ", ".join(addresses), **more}


async def test_connections_are_counted_by_household_behind_a_proxy(
    tmp_path: Path, make_client: Any
) -> None:
    settings = quick(tmp_path, connections_per_address=1)
    async with opened(settings, make_client) as site:
        await site.connect(MINA, headers=coming_from("198.51.100.7"))
        await site.connect(JUN, headers=coming_from("2001:db8:1:2::7"))
        with pytest.raises(RefusedConnection, match="rate_limited"):
            await site.connect(SORA, headers=coming_from("2001:db8:1:2::8"))
        # What a visitor wrote stands before what the proxy added.
        with pytest.raises(RefusedConnection, match="rate_limited"):
            await site.connect(SORA, headers=coming_from("203.0.113.1", "198.51.100.7"))
        await site.connect(SORA, headers=coming_from("203.0.113.1"))


async def test_without_trust_nobody_gets_more_connections_by_saying_so(
    tmp_path: Path, make_client: Any
) -> None:
    settings = quick(tmp_path, connections_per_address=1, trusted_proxies=())
    async with opened(settings, make_client) as site:
        await site.connect(MINA, headers=coming_from("198.51.100.7"))
        with pytest.raises(RefusedConnection, match="rate_limited"):
            await site.connect(JUN, headers=coming_from("198.51.100.8"))


async def test_the_stun_server_has_the_name_in_the_address_bar_and_no_other(
    tmp_path: Path, make_client: Any
) -> None:
    settings = quick(tmp_path, port=3000)
    async with opened(settings, make_client) as site:
        lying = coming_from(
            "198.51.100.7",
            **{"X-Forwarded-Host": "evil.example.net", "Forwarded": "host=evil.example.net"},
        )
        client = await site.connect(MINA, headers=lying)
        hello = await client.inbox.get("hello")
        assert hello["ice_servers"] == [{"urls": ["stun:127.0.0.1:3000"]}]
