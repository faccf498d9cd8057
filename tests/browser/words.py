"""What the web client says, read from its own catalogues: a test names a message, not its text."""

import json
from functools import cache
from pathlib import Path

MESSAGES = Path(__file__).parents[2] / "web" / "messages"
REGION = {"en": "en-GB", "ko": "ko-KR"}


@cache
def _catalogue(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((MESSAGES / f"{language}.json").read_text("utf-8"))
    return found


def said(message: str, language: str = "en", **values: str) -> str:
    """The text of a message, with its places filled in."""
    text = _catalogue(language)[message]
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
