"""QR codes: what is drawn can be read back, and a page may show it under its policy."""

import segno

from moim import qr

LINK = "https://192.168.1.5:3000"


def modules_of(drawn: str, *, ink: bool) -> list[list[bool]]:
    halves = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}
    rows: list[list[bool]] = []
    for line in drawn.splitlines():
        plain = line.removeprefix(qr.BLACK_ON_WHITE).removesuffix(qr.PLAIN)
        rows.append([halves[block][0] == ink for block in plain])
        rows.append([halves[block][1] == ink for block in plain])
    return rows


def test_the_terminal_shows_the_modules_of_the_code_in_both_ways() -> None:
    expected = [
        list(map(bool, row))
        for row in segno.make_qr(LINK, error="m").matrix_iter(border=qr.QUIET_ZONE_MODULES)
    ]
    for colour in (True, False):
        rows = modules_of(qr.terminal(LINK, colour=colour), ink=colour)
        assert rows[: len(expected)] == expected
        assert not any(any(row) for row in rows[len(expected) :])


def test_the_picture_for_pages_has_a_title_and_no_inline_style() -> None:
    drawn = qr.svg(LINK, title="Link & code")
    assert drawn.startswith("<svg")
    assert "<title>Link &amp; code</title>" in drawn
    assert "style=" not in drawn
    assert "viewBox" in drawn
