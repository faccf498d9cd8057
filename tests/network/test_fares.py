"""A call goes on where packets are lost."""

from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.network.fares import fares
from tests.network.impairment import Conditions

pytestmark = pytest.mark.network


async def test_picture_and_sound_go_on_where_a_tenth_is_lost(
    driver: Playwright, tmp_path: Path
) -> None:
    bad = Conditions(loss=0.1, delay_ms=20, jitter_ms=5)
    [found] = await fares(driver, tmp_path, [bad], seconds=8)
    assert 0.03 < found.lost < 0.2, found
    assert found.frames_per_s > 1, found
    assert 0 < found.concealed < 0.5, found
