"""Links between pages lead somewhere, to the very heading that they name."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    path.relative_to(ROOT)
    for folder in (".", "docs", "docs/decisions", "docs/share", "examples/vanilla")
    for path in sorted((ROOT / folder).glob("*.md"))
]
# The screenshots are made by `make screenshots`, after the pages that show them.
_CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_MADE_LATER = re.compile(r"docs/images/\w+\.png$|^images/\w+\.png$")


def prose(page: Path) -> str:
    """A page without its code, in which brackets are no links."""
    return re.sub(r"`[^`\n]*`", "", _CODE.sub("", (ROOT / page).read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    text = _CODE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?:|mailto:", target) or _MADE_LATER.search(target):
            continue
        name, _, anchor = target.partition("#")
        there = (ROOT / page).parent / name if name else ROOT / page
        is_page = there.is_file() and there.suffix == ".md"
        known = anchors(there.resolve().relative_to(ROOT)) if is_page else set()
        if not there.exists() or anchor not in {"", *known}:
            broken.append(target)
    assert broken == []
