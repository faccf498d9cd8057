"""Somebody changes their network in the middle of a call, and nobody has to do anything."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Playwright, expect

from tests.network.calls import Ground, ground
from tests.network.moves import Journey, stay, travel
from tests.network.routers import Kind

pytestmark = pytest.mark.network

# The figures are measured by `make nat ARGS=--move`; a loaded machine takes its time.
GENEROUS_MS = 20_000
MARK = "(tile) => { tile.dataset.before = 'the change' }"


@pytest.mark.parametrize(
    ("change", "kind", "gap_s"),
    [
        pytest.param(travel, Kind.PORT_RESTRICTED, 0, id="to another network"),
        pytest.param(travel, Kind.ONLY_443, 0, id="to another that lets only the web pass"),
        pytest.param(travel, Kind.PORT_RESTRICTED, 4, id="after seconds without any"),
        pytest.param(stay, Kind.PORT_RESTRICTED, 0, id="another router, unnoticed"),
    ],
)
async def test_all_is_back_in_the_same_seat_as_muted_as_before(
    driver: Playwright,
    tmp_path: Path,
    change: Callable[[Ground, Kind], Awaitable[Journey]],
    kind: Kind,
    gap_s: float,
) -> None:
    async with ground(driver, tmp_path) as here:
        call = await change(here, kind)
        jun_seen_by_mina = call.mina.tile("Jun")
        await jun_seen_by_mina.evaluate(MARK)
        back = await call.go(gap_s)
        assert back.all_ms < GENEROUS_MS, back
        await expect(jun_seen_by_mina).to_have_attribute("data-before", "the change")
        await expect(jun_seen_by_mina).to_have_attribute("data-muted", "false")

        button = call.jun.page.get_by_test_id("mic-button")
        await button.click()
        await expect(jun_seen_by_mina).to_have_attribute("data-muted", "true")
        await call.way.move(gap_s)
        await call.mina.sees()
        await call.jun.hears()
        await expect(button).to_have_attribute("aria-pressed", "false")
        await expect(jun_seen_by_mina).to_have_attribute("data-muted", "true")
        await expect(jun_seen_by_mina).to_have_attribute("data-before", "the change")
        await expect(call.mina.tiles).to_have_count(2)
        here.check_troubles()
