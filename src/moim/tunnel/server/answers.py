"""The few pages that the front door writes itself, in Korean and in English."""

import html
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import h11


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and two short texts."""

    status: int
    en: str
    ko: str
    headers: tuple[tuple[str, str], ...] = ()

    def events(self) -> tuple[h11.Response, h11.Data, h11.EndOfMessage]:
        """The same for h11. The connection ends with it."""
        body = _PAGE.format(en=html.escape(self.en), ko=html.escape(self.ko)).encode()
        headers = [
            ("content-type", "text/html; charset=utf-8"),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
            ("connection", "close"),
            *self.headers,
        ]
        return (
            h11.Response(
                status_code=self.status,
                headers=headers,
                reason=HTTPStatus(self.status).phrase.encode(),
            ),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )


_PAGE: Final = (
    '<!doctype html><html><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width"><title>moim</title>'
    "<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:15vh auto;"
    "padding:0 1.5rem;color-scheme:light dark}}</style></head><body>"
    '<p lang="ko">{ko}</p><p lang="en">{en}</p></body></html>'
)

NOBODY_HERE = Answer(
    404,
    "Nothing is open at this address right now. Check the link, or ask whoever sent it to start "
    "moim again.",
    "지금 이 주소에는 열려 있는 것이 없어요. 링크를 확인하거나 보낸 분께 moim을 다시 켜 달라고 "
    "부탁해 주세요.",
)
NO_ANSWER = Answer(
    502,
    "The computer behind this address does not answer. Try again in a moment.",
    "이 주소의 컴퓨터가 응답하지 않아요. 잠시 뒤 다시 시도해 주세요.",
)
TOO_MANY = Answer(
    503,
    "Too many people are here at once. Try again in a moment.",
    "지금 접속한 사람이 너무 많아요. 잠시 뒤 다시 시도해 주세요.",
    (("retry-after", "10"),),
)
TOO_LARGE = Answer(
    431,
    "Your browser sent more than fits in one request. Delete the cookies of this address.",
    "브라우저가 한 번에 보낸 정보가 너무 많아요. 이 주소의 쿠키를 지워 주세요.",
)
NOT_UNDERSTOOD = Answer(
    400,
    "This request could not be understood.",
    "요청을 이해하지 못했어요.",
)
TOO_SLOW = Answer(
    408,
    "The request took too long to arrive. Try again.",
    "요청이 너무 늦게 도착했어요. 다시 시도해 주세요.",
)


def elsewhere(url: str) -> Answer:
    """It is at another address (RFC 9110, section 15.4.9: method and body stay)."""
    return Answer(
        308,
        "This page is at another address.",
        "이 페이지는 다른 주소에 있어요.",
        (("location", url),),
    )
