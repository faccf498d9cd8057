"""What people may write: names and messages, normalised and limited in graphemes.

Limits count what a person sees as one character (UAX #29), so that Hangul and emoji are not
punished. Bidi overrides and control characters are refused in names, where they can make one person
look like another, and taken out of messages.
"""

import unicodedata
from typing import Annotated

import regex
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from moim.meeting.errors import ErrorCode

NAME_GRAPHEMES = 40
TEXT_GRAPHEMES = 4000
MOST_CODE_POINTS_PER_GRAPHEME = 16
# What is longer is refused as it is: a megabyte must not be normalised first.
MOST_RAW_IN_NAMES = 1000
MOST_RAW_IN_TEXT = 100_000

_GRAPHEME = regex.compile(r"\X")
# Normalising sorts the marks on a letter, in quadratic time: tens of thousands on one would hold
# up everybody for seconds. No script needs 30 (UAX #15, section 13, Stream-Safe Text Format).
MARKS_ON_A_LETTER = 30
_MARKS = regex.compile(r"\p{M}++")
# Cc: controls; Cf: formatting, bidi marks among it; Co, Cs: private and surrogates; Zl, Zp: breaks
_REFUSED_IN_NAMES = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
# what emoji sequences and some scripts are joined with
_JOINERS = frozenset("\u200c\u200d")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# what no name needs, and what markup is made of: a name travels to places that we do not draw
_MARKUP = frozenset("<>")
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def graphemes(text: str) -> int:
    """How many characters a person sees."""
    return sum(1 for _ in _GRAPHEME.finditer(text))


def _too_long(text: str, most: int) -> bool:
    return len(text) > most * MOST_CODE_POINTS_PER_GRAPHEME or graphemes(text) > most


def _few_marks(raw: str) -> str:
    return _MARKS.sub(lambda found: found[0][:MARKS_ON_A_LETTER], raw)


def clean_name(raw: str) -> str:
    """A name as it is stored: NFC, one space between words, nothing invisible.

    Raises: `name_invalid` when nothing visible is left, it is longer than 40 graphemes, or holds
    controls, bidi marks or markup.
    """
    if len(raw) > MOST_RAW_IN_NAMES:
        raise _name_invalid()
    name = " ".join(unicodedata.normalize("NFC", _few_marks(raw)).split())
    bad = any(
        c in _MARKUP or (unicodedata.category(c) in _REFUSED_IN_NAMES and c not in _JOINERS)
        for c in name
    )
    if bad or not any(map(_visible, name)) or _too_long(name, NAME_GRAPHEMES):
        raise _name_invalid()
    return name


def _visible(c: str) -> bool:
    # a mark shows on a letter, and some (variation selectors) never do
    return c not in _JOINERS and c not in _BLANKS and unicodedata.category(c)[0] != "M"


def _name_invalid() -> PydanticCustomError:
    return PydanticCustomError(ErrorCode.NAME_INVALID.value, "a name of 1 to 40 characters")


def clean_text(raw: str) -> str:
    """A message as it is stored: NFC, line ends as `\\n`, without controls, bidi overrides and
    heaps of marks.

    Raises: `text_too_long` over 4000 graphemes.
    """
    if len(raw) > MOST_RAW_IN_TEXT:
        raise _text_too_long()
    text = unicodedata.normalize("NFC", _few_marks(raw))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = "".join(
        c
        for c in text
        if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _BIDI)
    ).strip()
    if _too_long(text, TEXT_GRAPHEMES):
        raise _text_too_long()
    return text


def _text_too_long() -> PydanticCustomError:
    return PydanticCustomError(ErrorCode.TEXT_TOO_LONG.value, "at most 4000 characters")


Name = Annotated[str, AfterValidator(clean_name)]
Text = Annotated[str, AfterValidator(clean_text)]
