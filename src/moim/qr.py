"""QR codes: for a terminal when the server starts, and as SVG for pages."""

import io
from collections.abc import Iterable, Iterator
from itertools import zip_longest

import segno

QUIET_ZONE_MODULES = 2  # the standard asks for 4; phones read 2, and small terminals need it
BLACK_ON_WHITE = "\x1b[30;107m"
PLAIN = "\x1b[0m"


def terminal(text: str, *, colour: bool) -> str:
    """Draw a QR code with half blocks, two rows of modules in one line.

    With colour it is black on white whatever the terminal's own colours are. Without, light modules
    are drawn, which reads well on dark terminals; phones read it inverted on light ones, too.
    """
    rows = [list(map(bool, row)) for row in _modules(text)]
    lines = (_line(upper, lower, ink=colour) for upper, lower in _pairs(rows))
    if colour:
        lines = (f"{BLACK_ON_WHITE}{line}{PLAIN}" for line in lines)
    return "\n".join(lines) + "\n"


def svg(text: str, *, title: str) -> str:
    """Draw a QR code as an SVG element for a page; it takes the size of its place.

    Black on white in a dark theme too: many phones do not read an inverted one. `title` is what a
    screen reader says.
    """
    drawn = io.BytesIO()
    # Colours as attributes: the Content-Security-Policy forbids inline styles.
    _code(text).save(
        drawn,
        kind="svg",
        border=QUIET_ZONE_MODULES,
        xmldecl=False,
        svgns=True,
        nl=False,
        omitsize=True,
        title=title,
        svgclass="qr",
        lineclass=None,
        dark="#000",
        light="#fff",
    )
    return drawn.getvalue().decode()


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m")


def _modules(text: str) -> Iterable[Iterable[int]]:
    return _code(text).matrix_iter(border=QUIET_ZONE_MODULES)


def _pairs(rows: list[list[bool]]) -> Iterator[tuple[list[bool], list[bool]]]:
    blank = [False] * len(rows[0])
    return zip_longest(rows[::2], rows[1::2], fillvalue=blank)


def _line(upper: list[bool], lower: list[bool], *, ink: bool) -> str:
    blocks = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
    return "".join(blocks[a == ink, b == ink] for a, b in zip(upper, lower, strict=True))
