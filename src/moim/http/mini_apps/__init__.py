"""The pages of mini-apps: what moim brings, what stands before each, and what none may do.

An app is a document of an origin that is nobody's (`sandbox`), loads nothing and connects to
nothing. It is alone with `moim.js`, which stands in front of it.
"""

import re
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
SHIPPED: Final = frozenset({"poll", "whiteboard"})
APP_MOST_BYTES: Final = 256 * 1024

_DOCTYPE = re.compile(rb"\s*<!doctype[^>]*>", re.IGNORECASE)
# A document inside has a window that `moim.js` has not prepared. From a script none can be made:
# `require-trusted-types-for` refuses HTML in strings.
_INNER = re.compile(
    rb"<(?=(?:iframe|frame|frameset|fencedframe|object|embed|template)\b)", re.IGNORECASE
)


@cache
def shipped(name: str) -> bytes:
    """An app that moim brings."""
    return (FOLDER / f"{name}.html").read_bytes()


def page(app: bytes) -> bytes:
    """The document of an app: `moim.js` before the first word of it, no document inside."""
    app = _INNER.sub(b"&lt;", app)
    found = _DOCTYPE.match(app)
    start = found.end() if found else 0
    doctype = app[:start] or b"<!doctype html>"
    return b"".join((doctype, b"<script>\n", _program(), b"</script>\n", app[start:]))


@cache
def _program() -> bytes:
    return (FOLDER / "moim.js").read_bytes()


def policy(frame_ancestors: tuple[str, ...] = ()) -> str:
    """Its Content-Security-Policy. `allow-forms` lets a form tell its own script; `form-action`
    lets it send nothing. Source: CSP 3; Trusted Types; HTML, section 7.1.5 (sandboxing)."""
    ancestors = " ".join(("'self'", *frame_ancestors))
    return "; ".join(
        [
            "sandbox allow-scripts allow-forms",
            "default-src 'none'",
            "script-src 'unsafe-inline'",
            "style-src 'unsafe-inline'",
            "img-src data: blob:",
            "media-src data: blob:",
            "font-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {ancestors}",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )
