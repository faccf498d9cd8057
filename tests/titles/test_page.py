"""What a page is called, whatever its HTML is like."""

import pytest

from moim.meeting.messages import TITLE_LETTERS
from moim.titles.page import title_of


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title>Friday tea</title>", "Friday tea"),
        ("<TITLE lang=en>\n  Friday\n tea </TITLE>", "Friday tea"),
        ("<title>R&amp;D &lt;b&gt;</title>", "R&D <b>"),
        ("<title>one</title><svg><title>two</title></svg>", "one"),
        ('<meta property="og:title" content="Shared"><title>Page</title>', "Shared"),
        ('<meta property="og:title" content=""><title>Page</title>', "Page"),
        ("<title>cut off", "cut off"),
        ("<p>no title</p>", None),
        ("<title>  </title>", None),
        ("<title>left\u202eright\u0007</title>", "leftright"),
        ("<title>" + "x" * 10_000 + "</title>", "x" * TITLE_LETTERS),
        ("", None),
    ],
)
def test_a_title_is_one_clean_line(html: str, title: str | None) -> None:
    assert title_of(html.encode(), None) == title


@pytest.mark.parametrize(
    ("head", "charset"),
    [
        ("<title>금요일 차</title>".encode("euc-kr"), "euc-kr"),
        (b'<meta charset="euc-kr">' + "<title>금요일 차</title>".encode("euc-kr"), None),
        ("<title>금요일 차</title>".encode(), "no-such-charset"),
        ("<title>금요일 차</title>".encode(), None),
    ],
)
def test_a_page_is_read_in_its_own_charset(head: bytes, charset: str | None) -> None:
    assert title_of(head, charset) == "금요일 차"


def test_bytes_that_are_no_text_end_in_no_error() -> None:
    assert title_of(bytes(range(256)) * 50, None) is None
