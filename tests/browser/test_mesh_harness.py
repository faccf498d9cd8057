"""The mesh in a real browser, without a server: frames are decoded and sound is heard.

The scenarios are TypeScript (`web/tests/media/scenarios.ts`), each a test here by its name. They
run in one page: several participants, an in-page relay that may lose, double and reorder.
"""

import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

WEB = Path(__file__).parents[2] / "web"
HARNESS = WEB / "tests" / "media"
# Any secure context will do; nothing is ever asked of the network.
ORIGIN = "http://localhost:9"

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SCENARIOS = re.findall(
    r"^  async (\w+)\(call\)", (HARNESS / "scenarios.ts").read_text(encoding="utf-8"), re.MULTILINE
)


def node() -> str:
    """The Node that the web client is built with: the fetched one, else the installed one."""
    fetched = WEB.parent / ".tools" / "bin" / "node"
    found = str(fetched) if fetched.exists() else shutil.which("node")
    assert found is not None, "no Node: run `make setup`"
    return found


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("harness")
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    config = HARNESS / "harness.config.ts"
    subprocess.run(
        [node(), str(vite), "build", "-c", str(config), "--outDir", str(out), "--emptyOutDir"],
        cwd=WEB,
        check=True,
        timeout=60,
    )
    shutil.copy(HARNESS / "harness.html", out)
    return out


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(bundle: Path) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream=fps=10,device-count=2",
                "--use-fake-ui-for-media-stream",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        page = await browser.new_page()
        await page.route(
            f"{ORIGIN}/**",
            lambda route, request: route.fulfill(
                path=bundle / request.url.removeprefix(ORIGIN)[1:]
            ),
        )
        await page.goto(f"{ORIGIN}/harness.html")
        yield page
        await browser.close()


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_mesh(page: Page, scenario: str) -> None:
    print(await page.evaluate("name => scenarios.run(name)", scenario))  # noqa: T201
