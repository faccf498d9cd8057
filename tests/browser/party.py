"""Several people, each with a browser context (cookies, permissions, devices) of their own."""

from collections.abc import Mapping
from typing import Any

from playwright.async_api import Browser, BrowserContext

from tests.browser.chromium import CAMERA, prepare
from tests.browser.person import Person
from tests.browser.troubles import Troubles

TIMEOUT_MS = 15_000
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
DEVICES = ("camera", "microphone")


class Party:
    """Opens contexts and closes them; what went wrong in any of them is in `troubles`."""

    def __init__(self, browser: Browser, origin: str) -> None:
        self.troubles = Troubles(origin)
        self._browser = browser
        self._origin = origin
        self._contexts: list[BrowserContext] = []

    async def person(
        self,
        *,
        devices: tuple[str, ...] = DEVICES,
        locale: str = "en-GB",
        phone: bool = False,
        camera: Mapping[str, int] = CAMERA,
        **options: Any,
    ) -> Person:
        """Somebody new, with a page that shows nothing yet.

        `options` go to Playwright's `new_context`, such as `color_scheme` or
        `reduced_motion`.
        """
        shape: dict[str, Any] = {"viewport": DESKTOP}
        if phone:
            shape = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
        context = await self._browser.new_context(**{"locale": locale, **shape, **options})
        self._contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        self.troubles.watch(context)
        await context.grant_permissions(
            [*devices, "clipboard-read", "clipboard-write"], origin=self._origin
        )
        await context.add_init_script(prepare(camera))
        return Person(await context.new_page())

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()
        self._contexts.clear()
