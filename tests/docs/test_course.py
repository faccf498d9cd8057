"""The pages that point into the house point at what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/course.md", "docs/architecture.md", "docs/operate.md", "CONTRIBUTING.md")
_PATH = re.compile(r"`((?:B|src|tests|tools|web|examples|docs)/[\w./-]+)(?:::(\w+))?`")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_test_that_a_page_names_is_there(page: str) -> None:
    missing = []
    for name, test in _PATH.findall((ROOT / page).read_text(encoding="utf-8")):
        path = ROOT / re.sub("^B/", "tests/browser/", name)
        if not path.exists():
            missing.append(name)
        elif test and f"def {test}(" not in path.read_text(encoding="utf-8"):
            missing.append(f"{name}::{test}")
    assert missing == []
