"""What a reader of a page can see, reach and press: measured in the page itself."""

import re
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page, Route

SIZES = ((360, 640), (390, 844), (640, 360), (844, 390))
TARGET_PX = 44

_TOO_SMALL = """
(target) =>
  [...document.querySelectorAll("a, button, select, label.choice, input:not([type=hidden])")]
    .filter((one) => one.checkVisibility() && one.type !== "radio")
    .map((one) => ({ one, pressed: one.type === "checkbox" ? (one.labels[0] ?? one) : one }))
    .map(({ one, pressed }) => ({ one, box: pressed.getBoundingClientRect() }))
    .filter(({ box }) => box.width < target - 0.1 || box.height < target - 0.1)
    .map(({ one, box }) => `${one.outerHTML.slice(0, 120)} is ${box.width} x ${box.height}`)
"""
# The page, and what a panel would hide or scroll: a name that is cut with dots is meant so.
_SIDEWAYS = """
() =>
  [document.scrollingElement, ...document.querySelectorAll("aside *:not(input, .unseen)")]
    .filter((one) => one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1)
    .filter((one) => one === document.scrollingElement
      || (getComputedStyle(one).overflowX !== "visible"
        && getComputedStyle(one).textOverflow !== "ellipsis"))
    .map((one) => `${one.outerHTML.slice(0, 120)} is ${one.scrollWidth} wide`)
"""
_FOCUS = """
() => {
  const one = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(one.closest(".choice") ?? one);
  const box = one.getBoundingClientRect();
  return {
    what: one === document.body ? "" : one.id || one.textContent.trim(),
    visible: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2
      && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
  };
}
"""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the Tab key has led: the element's id or its words, and whether one can see it."""

    what: str
    visible: bool


async def press_tab(page: Page) -> Stop:
    await page.keyboard.press("Tab")
    found: dict[str, Any] = await page.evaluate(_FOCUS)
    return Stop(**found)


async def tab_to(page: Page, what: str) -> None:
    """Raises AssertionError when it cannot be reached, or a place on the way cannot be seen."""
    for _ in range(50):
        stop = await press_tab(page)
        assert stop.visible, f"the focus cannot be seen at {stop.what!r}"
        if stop.what == what:
            return
    raise AssertionError(f"the Tab key does not lead to {what!r}")


async def assert_fits_phones(page: Page, what: str) -> None:
    """Nothing to scroll sideways, and everything to press is large enough for a finger."""
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
        where = f"{what} at {width}x{height}"
        sideways: list[str] = await page.evaluate(_SIDEWAYS)
        assert not sideways, "\n".join([f"{where} scrolls sideways", *sideways])
        small: list[str] = await page.evaluate(_TOO_SMALL, TARGET_PX)
        assert not small, "\n".join([where, *small])


async def without_script(route: Route) -> None:
    """Answers with the page as a browser without JavaScript reads it. Such a browser itself cannot
    be asked what it shows: nothing runs in it, not even a checker."""
    answer = await route.fetch()
    html = re.sub(r"<script.*?</script>|</?noscript>", "", await answer.text(), flags=re.DOTALL)
    await route.fulfill(response=answer, body=html)
