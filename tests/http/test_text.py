"""What the pages say: complete in both languages, short, and each code has its answer."""

import re
from dataclasses import fields, is_dataclass

import pytest

from moim.http.language import accepted
from moim.http.text import TEXTS, ErrorText, Locale
from moim.meeting.errors import ErrorCode


@pytest.mark.parametrize("locale", list(TEXTS))
@pytest.mark.parametrize("code", list(ErrorCode))
def test_each_code_has_a_title_and_at_most_two_sentences(locale: Locale, code: ErrorCode) -> None:
    said = TEXTS[locale].errors.of(code)
    assert said.title
    assert not said.title.endswith(".")
    assert 1 <= len(re.findall(r"[.!?](?:\s|$)", said.text)) <= 2
    assert len(said.text) <= 120


def texts_of(locale: Locale) -> dict[str, str]:
    found: dict[str, str] = {}
    text = TEXTS[locale]
    for field in fields(text):
        value = getattr(text, field.name)
        if isinstance(value, str):
            found[field.name] = value
        elif is_dataclass(value):
            for error in fields(value):
                one = getattr(value, error.name)
                assert isinstance(one, ErrorText)
                found[error.name] = f"{one.title} {one.text}"
        else:
            found[field.name] = value(3)
    return found


def test_korean_is_korean_and_in_one_tone() -> None:
    for name, text in texts_of("ko").items():
        if name not in ("locale", "language_name"):
            assert re.search(r"[가-힣]", text), name
        assert not re.search(r"(습니다|십시오|하세요체)", text), name
        # particles that would be glued to a name: 은(는), 이(가), 을(를), (으)로
        assert not re.search(r"[은이을과](\(|/)[는가를와]|\(으\)로", text), name


def test_english_has_no_korean_in_it() -> None:
    assert not [text for text in texts_of("en").values() if re.search(r"[가-힣]", text)]


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr, de;q=0.9, ko;q=0.1", "ko"),
        ("fr", "en"),
        ("en;q=0, ko;q=0.5", "ko"),
        ("*;q=x, ko;q=, ;;;", "ko"),
    ],
)
def test_the_language_that_a_browser_asks_for(header: str, locale: str) -> None:
    assert accepted(header) == locale
