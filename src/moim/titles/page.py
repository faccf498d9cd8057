"""The title of a page, out of the first part of its HTML."""

import re
from html.parser import HTMLParser

from moim.meeting.messages import TITLE_LETTERS
from moim.meeting.text import clean_text

_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE
)
# what is looked for stands at the beginning (HTML, 4.2.5.4: within the first 1024 bytes)
_CHARSET_WITHIN_BYTES = 2048


class _Title(HTMLParser):
    """Reads `<title>`, and what the page would like to be called when it is shared."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.shared = ""
        self._inside = False
        self._done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "title" and not self._done:
            self._inside = True
        elif tag == "meta" and known.get("property") == "og:title":
            self.shared = self.shared or (known.get("content") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "title" and self._inside:
            self._inside, self._done = False, True

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.title += data


def title_of(head: bytes, charset: str | None) -> str | None:
    """What the page is called, in one line; None when it does not say."""
    reader = _Title()
    reader.feed(_decoded(head, charset))
    for found in (reader.shared, reader.title):
        line = " ".join(found[: TITLE_LETTERS * 20].split())
        if said := clean_text(line)[:TITLE_LETTERS].strip():
            return said
    return None


def _decoded(head: bytes, charset: str | None) -> str:
    if charset is None and (named := _CHARSET.search(head[:_CHARSET_WITHIN_BYTES])):
        charset = named[1].decode("ascii")
    try:
        return head.decode(charset or "utf-8", errors="replace")
    except LookupError:
        return head.decode("utf-8", errors="replace")
