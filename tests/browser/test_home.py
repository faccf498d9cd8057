"""The pages that the server renders, in a real browser."""

from playwright.async_api import expect

from tests.browser.party import Party
from tests.browser.server import MoimServer


async def test_a_room_is_made_in_two_clicks_and_its_page_breaks_no_rule(
    moim_server: MoimServer, party: Party
) -> None:
    mina = await party.person()
    await mina.open(moim_server.url)
    await mina.page.get_by_role("textbox").first.fill("Friday tea")
    await mina.page.get_by_role("button").first.click()
    await expect(mina.page).to_have_title("Friday tea · moim")


async def test_the_home_page_works_without_a_script(moim_server: MoimServer, party: Party) -> None:
    mina = await party.person(java_script_enabled=False)
    await mina.open(moim_server.url)
    await mina.page.get_by_role("textbox").first.fill("Study")
    await mina.page.get_by_role("button").first.click()
    await expect(mina.page.get_by_role("heading", name="Study")).to_be_visible()


async def test_the_home_page_is_korean_for_a_korean_browser(
    moim_server: MoimServer, party: Party
) -> None:
    mina = await party.person(locale="ko-KR")
    await mina.open(moim_server.url)
    await expect(mina.page.locator("html")).to_have_attribute("lang", "ko")
