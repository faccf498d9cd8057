"""What the search of the chat looks up: pairs of neighbouring letters, folded.

Two letters are found inside a longer word too, in Korean as in English, and every database that has
an index finds them alike. A pair is kept as one number with the stream of its message in it, so
that a private message is not even looked at for anybody else.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator

from moim.meeting.ids import RoomId, Stream

LETTERS = 2
_BYTES = 8


def folded(text: str) -> str:
    """A text as it is compared: without case, accents and line breaks, Hangul in whole syllables.

    Source: Unicode, section 3.13, definition D146 (compatibility caseless matching: a styled
    capital is a capital only once its style is gone), with the marks taken out.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFD", text).casefold())
    apart = unicodedata.normalize("NFKD", plain.casefold())
    bare = "".join(c for c in apart if unicodedata.category(c) != "Mn")
    return " ".join(unicodedata.normalize("NFKC", bare).split())


def grams(folded_text: str) -> set[str]:
    """Its pairs of letters, within words."""
    return {
        word[at : at + LETTERS]
        for word in folded_text.split(" ")
        for at in range(len(word) - LETTERS + 1)
    }


def keys(room: RoomId, stream: Stream, pairs: Iterable[str]) -> Iterator[int]:
    """The number of each pair in a stream of a room. Two that meet by chance cost a look at a
    message that does not match, no more."""
    for pair in sorted(pairs):
        named = "\0".join((room, stream, pair)).encode()
        digest = hashlib.blake2b(named, digest_size=_BYTES).digest()
        yield int.from_bytes(digest, "big", signed=True)
