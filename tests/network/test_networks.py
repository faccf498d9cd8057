"""In each kind of network picture and sound arrive, by the way that the design says."""

from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.network.calls import try_call
from tests.network.networks import NETWORKS, Network

pytestmark = pytest.mark.network


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
async def test_picture_and_sound_arrive_by_the_way_that_the_panel_names(
    driver: Playwright, tmp_path: Path, network: Network
) -> None:
    result = await try_call(driver, tmp_path, network)
    assert network.allows(result.ways), result
