"""Who is told of the relay: those with a seat, each with a credential of their own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from moim.media.turn import turn_credential
from moim.meeting.frames import IceSettings
from tests.signalling.conftest import JUN, MINA, Site, opened, quick

SECRET = "between-moim-and-the-turn-server-alone"
URL = "turn:turn.example.org:3478"


@pytest.fixture
async def relayed(tmp_path: Path, make_client: Any) -> AsyncIterator[Site]:
    """A served app with a TURN server."""
    settings = quick(tmp_path, turn_urls=(URL,), turn_secret=SECRET, turn_lifetime_s=600)
    async with opened(settings, make_client) as one:
        yield one


def credential(said: dict[str, Any]) -> tuple[str, str]:
    ice = IceSettings.model_validate(said["ice"] | {"lifetime_s": said["ice"].get("lifetime_s")})
    (turn,) = (server for server in ice.servers if server.urls == [URL])
    assert turn.username is not None
    assert turn.credential is not None
    return turn.username, turn.credential


async def test_a_seat_comes_with_a_credential_of_its_own(relayed: Site) -> None:
    mina, said = await relayed.seated(MINA)
    username, password = credential(said)
    expires_at_s, _, whose = username.partition(":")
    assert whose == MINA
    assert (username, password) == turn_credential(SECRET, MINA, int(expires_at_s))
    assert said["ice"]["lifetime_s"] == 600
    assert said["ice"]["transport_policy"] == "all"
    _, told = await relayed.seated(JUN)
    assert credential(told)[0].endswith(f":{JUN}")

    again = await mina.ask("ice.refresh", {})
    assert credential(again)[0].endswith(f":{MINA}")


async def test_nobody_without_a_seat_gets_one(relayed: Site) -> None:
    jun = await relayed.connect(JUN)
    hello = await jun.inbox.get("hello")
    assert SECRET not in str(hello)
    assert "credential" not in str(hello)
    assert URL not in str(hello)
    said = await jun.ask("ice.refresh", {})
    assert said["error"]["code"] == "not_present"
    assert "ice" not in said

    async with httpx.AsyncClient() as browser:
        page = await browser.get(f"{relayed.base}/r/{relayed.slug}")
    assert '"relay": true' in page.text or '"relay":true' in page.text
    assert URL not in page.text
    assert '"credential"' not in page.text


async def test_a_seat_that_is_given_up_gets_none(relayed: Site) -> None:
    mina, _ = await relayed.seated(MINA)
    assert (await mina.ask("participant.leave", {}))["ok"]
    assert (await mina.ask("ice.refresh", {}))["error"]["code"] == "not_present"


async def test_without_a_turn_server_nothing_is_to_be_refreshed(site: Site) -> None:
    _, said = await site.seated(MINA)
    assert "lifetime_s" not in said["ice"]
    assert not [server for server in said["ice"]["servers"] if "credential" in server]
