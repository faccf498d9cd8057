"""A bot with LiveKit's Python SDK at moim's door, and which plane a page's call is on."""

from dataclasses import dataclass
from typing import Any

from livekit import api
from livekit.protocol.rtc import LeaveRequest, SignalResponse
from playwright.async_api import WebSocketRoute, expect

from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer

KEY, SECRET = "botkey", "a-secret-of-more-than-thirty-two-letters"
WITH_SFU = {
    "MOIM_SFU_UDP_PORT": "0",
    "MOIM_LIVEKIT_API_KEY": KEY,
    "MOIM_LIVEKIT_API_SECRET": SECRET,
}
# On a slow machine somebody may be late for a move (15 s), which is then begun again 15 s later.
MOVES_S = 75.0


@dataclass
class BotDoor:
    """What a bot needs: where the SFU is, and a token of the operator's key."""

    server: MoimServer
    room: Links

    @property
    def url(self) -> str:
        return f"{self.server.url}/livekit"

    def token(self, identity: str, **grants: Any) -> str:
        video = api.VideoGrants(**{"room_join": True, "room": self.room.slug, **grants})
        made = api.AccessToken(KEY, SECRET).with_identity(identity).with_name(identity.title())
        return made.with_grants(video).to_jwt()


class Signals:
    """Somebody's signalling connections to the SFU, through which the test may speak too."""

    def __init__(self) -> None:
        self._newest: WebSocketRoute | None = None

    async def listen(self, person: Person) -> None:
        """Before their page is opened."""
        await person.page.route_web_socket("**/livekit/rtc/**", self._opened)

    def _opened(self, socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        self._newest = socket

    def start_anew(self) -> None:
        """As a server does that cannot keep the seat: they leave it and take another."""
        assert self._newest is not None
        leave = LeaveRequest(can_reconnect=True, action=LeaveRequest.RECONNECT)
        self._newest.send(SignalResponse(leave=leave).SerializeToString())


async def plane(person: Person) -> str:
    """What carries their call, as the room says."""
    found = await person.page.get_by_test_id("call").get_attribute("data-plane")
    return found or ""


async def is_on(person: Person, wanted: str) -> None:
    async def there() -> bool:
        return await plane(person) == wanted

    await until(there, f"a call on the {wanted}", MOVES_S)


async def identity_of(person: Person) -> str:
    """Theirs, from their own tile."""
    tile = person.tiles.filter(has_text="(you)")
    found = await tile.first.get_attribute("data-identity")
    assert found is not None
    return found


async def act_on(person: Person, name: str, action: str) -> None:
    """Choose something from the menu on somebody's tile."""
    tile = person.tile(name)
    await tile.hover()
    await tile.get_by_test_id("person-menu").click()
    await person.page.get_by_test_id(f"action-{action}").click()


async def choose(host: Person, plane_name: str) -> None:
    """In the panel behind the scenes."""
    picker = host.page.get_by_test_id("plane-choice")
    if not await picker.count():
        await host.page.get_by_test_id("more-button").click()
        await host.page.get_by_test_id("details-button").click()
    await picker.locator(f"input[value={plane_name}]").check()
    await expect(host.page.get_by_test_id("details-plane")).to_have_attribute(
        "data-plane", plane_name, timeout=25_000
    )
