"""Asks axe-core for what a page does wrong, by the rules of WCAG 2.2 AA.

The checker is evaluated by the debugger, not loaded by the page: the page's own
Content-Security-Policy stays as strict as it is.
"""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.async_api import Page

PROGRAM = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
RULES = (*WCAG, "best-practice")

_RUN = """
async (rules) => {
  const found = await axe.run(document, {
    runOnly: { type: "tag", values: rules },
    resultTypes: ["violations"],
  });
  return found.violations.map(({ id, help, nodes }) => ({
    id,
    help,
    nodes: nodes.map(({ html, failureSummary }) => `${html}\\n      ${failureSummary}`),
  }));
}
"""


@cache
def _program() -> str:
    return f"() => {{ {PROGRAM.read_text(encoding='utf-8')} }}"


async def violations(page: Page, rules: tuple[str, ...] = RULES) -> list[str]:
    """What is wrong on the page as it is now: a rule and its elements in each entry."""
    # Colours that are still on their way to others would be judged half-way.
    await page.evaluate(
        "() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => 0)))"
    )
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_program())
    found: list[dict[str, Any]] = await page.evaluate(_RUN, list(rules))
    return [
        "\n".join([f"{one['id']}: {one['help']}", *(f"    {node}" for node in one["nodes"])])
        for one in found
    ]


async def assert_accessible(page: Page, what: str, rules: tuple[str, ...] = RULES) -> None:
    """Raises AssertionError with every violation."""
    found = await violations(page, rules)
    assert not found, "\n".join([f"{what} ({page.url})", *found])
