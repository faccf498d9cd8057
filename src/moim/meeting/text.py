"""What people may write: names and messages, normalised and limited in graphemes.

Limits count what a person sees as one character (UAX #29), so that Hangul and emoji are not
punished. Bidi overrides and control characters are refused in names, where they can make one person
look like another, and taken out of messages.
"""

import unicodedata
from typing import Annotated

import regex
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from moim.meeting.errors import ErrorCode

NAME_GRAPHEMES = 40
TEXT_GRAPHEMES = 4000
MOST_CODE_POINTS_PER_GRAPHEME = 16

_GRAPHEME = regex.compile(r"\X")
# Cc: controls; Cf: formatting, bidi marks among it; Co, Cs: private and surrogates; Zl, Zp: breaks
_REFUSED_IN_NAMES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
# what emoji sequences and some scripts are joined with
_JOINERS = frozenset("\u200c\u200d")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def graphemes(text: str) -> int:
    """How many characters a person sees."""
    return sum(1 for _ in _GRAPHEME.finditer(text))


def _too_long(text: str, most: int) -> bool:
    return len(text) > most * MOST_CODE_POINTS_PER_GRAPHEME or graphemes(text) > most


def clean_name(raw: str) -> str:
    """A name as it is stored: NFC, one space between words, nothing invisible.

    Raises: `name_invalid` when nothing visible is left, it is longer than 40 graphemes, or holds
    controls or bidi marks.
    """
    name = " ".join(unicodedata.normalize("NFC", raw).split())
    bad = any(unicodedata.category(c) in _REFUSED_IN_NAMES and c not in _JOINERS for c in name)
    visible = any(c not in _JOINERS and c not in _BLANKS for c in name)
    if bad or not visible or _too_long(name, NAME_GRAPHEMES):
        raise PydanticCustomError(ErrorCode.NAME_INVALID.value, "a name of 1 to 40 characters")
    return name


def clean_text(raw: str) -> str:
    """A message as it is stored: NFC, line ends as `\\n`, without controls and bidi overrides.

    Raises: `text_too_long` over 4000 graphemes.
    """
    text = unicodedata.normalize("NFC", raw).replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(
        c
        for c in text
        if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _BIDI)
    ).strip()
    if _too_long(text, TEXT_GRAPHEMES):
        raise PydanticCustomError(ErrorCode.TEXT_TOO_LONG.value, "at most 4000 characters")
    return text


# the outer bound keeps a megabyte from being normalised before it is refused
Name = Annotated[str, StringConstraints(max_length=1000), AfterValidator(clean_name)]
Text = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(clean_text)]
