"""What a file may be called: a name, never a path, and nothing that reads otherwise than it is."""

import unicodedata
from typing import Annotated, Final

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from moim.meeting.errors import ErrorCode

MOST_BYTES: Final = 255
"""What every file system takes in one name."""
# Cc: controls; Cf: formatting, bidi marks among it; Co, Cs: private and surrogates; Zl, Zp: breaks
_REFUSED: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
# what emoji sequences and some scripts are joined with
_JOINERS: Final = frozenset("\u200c\u200d")
# separators of paths, and what Windows reads as something else than a letter of a name
_SPECIAL: Final = frozenset('/\\:*?"<>|')
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}
)


def clean_file_name(raw: str) -> str:
    """A file's name as it is kept: NFC, without blanks around it and dots behind it.

    Raises: `file_name_invalid` for a path, a name that hides or turns letters around, one that is
    a device on Windows, and one that is empty or longer than 255 bytes.
    """
    if len(raw) > MOST_BYTES:
        raise _invalid()
    name = unicodedata.normalize("NFC", raw).strip().rstrip(". ")
    bad = any(
        c in _SPECIAL or (unicodedata.category(c) in _REFUSED and c not in _JOINERS) for c in name
    )
    device = name.partition(".")[0].strip().lower() in _DEVICES
    if not name or bad or device or len(name.encode()) > MOST_BYTES:
        raise _invalid()
    return name


def ending(name: str) -> str:
    """What stands behind the last dot, in small letters: `pdf`; empty where there is none."""
    return name.rpartition(".")[2].lower() if "." in name.lstrip(".") else ""


def _invalid() -> PydanticCustomError:
    return PydanticCustomError(ErrorCode.FILE_NAME_INVALID.value, "a name of up to 255 bytes")


FileName = Annotated[str, AfterValidator(clean_file_name)]
