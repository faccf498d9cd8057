"""Each page in both languages: valid HTML, the right words, the right way out."""

import json

import httpx
import pytest
from starlette.requests import HTTPConnection

from moim.http.text import TEXTS, Locale
from tests.http.conftest import Build, House
from tests.http.forms import parse, said, send

LOCALES: tuple[Locale, ...] = ("en", "ko")


def heading(page: httpx.Response) -> str:
    found = parse(page.text).find(".//h1")
    assert found is not None
    return said(found)


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_home_page_speaks_the_language_of_its_reader(
    house: House, locale: Locale
) -> None:
    house.rooms.put("abcd-efgh-jkm", "Tea & <b>cake</b>", people=2)
    async with house.browser(accept_language=f"fr, {locale};q=0.8") as reader:
        page = await reader.get("/")
    text = TEXTS[locale]
    tree = parse(page.text)
    assert page.status_code == 200
    assert tree.get("lang") == page.headers["content-language"] == locale
    assert heading(page) == text.home_title
    assert "Tea & <b>cake</b>" in said(tree)
    assert text.inside(2) in said(tree)


@pytest.mark.parametrize("locale", LOCALES)
async def test_every_page_is_valid_html_in_both_languages(house: House, locale: Locale) -> None:
    house.rooms.put("abcd-efgh-jkm")
    house.rooms.put("full-full-ful", people=8)
    async with house.browser(accept_language=locale) as reader:
        for path, status in (
            ("/", 200),
            ("/r/abcd-efgh-jkm", 200),
            ("/r/none-none-non", 404),
            ("/r/full-full-ful", 409),
            ("/h/abcd-efgh-jkm/secret", 200),
            ("/h/none-none-non/secret", 404),
            ("/unsupported", 200),
            ("/nowhere", 404),
        ):
            page = await reader.get(path)
            assert page.status_code == status, path
            assert page.headers["content-language"] == locale
            assert parse(page.text).get("lang") == locale
            if path != "/r/abcd-efgh-jkm":
                assert heading(page)


async def test_without_a_listed_room_the_list_says_so(browser: httpx.AsyncClient) -> None:
    tree = parse((await browser.get("/")).text)
    empty = tree.find(".//*[@data-rooms-empty]")
    assert empty is not None
    assert empty.get("hidden") is None
    assert said(empty) == TEXTS["en"].rooms_empty


async def test_a_room_by_link_only_is_not_on_the_home_page(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put("abcd-efgh-jkm", "Between us", listed=False)
    assert "Between us" not in (await browser.get("/")).text
    assert (await browser.get("/api/rooms")).json() == {"rooms": []}


async def test_a_room_is_made_and_entered_without_javascript(
    house: House, browser: httpx.AsyncClient
) -> None:
    answer = await send(browser, await browser.get("/"), name="  Friday   tea ")
    assert answer.status_code == 303
    (room,) = house.rooms.cards.values()
    assert (room.name, room.listed) == ("Friday tea", False)
    assert answer.headers["location"] == f"/r/{room.slug}"

    page = await browser.get(answer.headers["location"])
    start = json.loads(said_script(page))
    assert start["me"]["role"] == "host"
    assert start["guest_link"] == f"http://moim.test/r/{room.slug}"
    assert start["host_link"].startswith(f"http://moim.test/h/{room.slug}/")
    assert start["host_link"] in page.text.partition("<noscript>\n<header")[2]
    assert start["host_link"] not in str(page.url)


def said_script(page: httpx.Response) -> str:
    found = parse(page.text).find(".//script[@id='moim-start']")
    assert found is not None
    return found.text or ""


async def test_the_links_of_a_new_room_are_shown_to_nobody_else(
    house: House, browser: httpx.AsyncClient
) -> None:
    answer = await send(browser, await browser.get("/"), name="Tea", visibility="listed")
    async with house.browser() as other:
        start = json.loads(said_script(await other.get(answer.headers["location"])))
    assert start["host_link"] is None
    assert start["me"]["role"] == "guest"


async def test_the_start_data_is_what_the_program_needs_and_cannot_end_its_script(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put("abcd-efgh-jkm", "</script><b>x", people=1)
    page = await browser.get("/r/abcd-efgh-jkm")
    start = json.loads(said_script(page))
    assert start["room"] == {
        "slug": "abcd-efgh-jkm",
        "name": "</script><b>x",
        "listed": True,
        "locked": False,
        "people": 1,
        "capacity": 8,
    }
    assert start["me"]["identity"].startswith("u_")
    assert (start["base"], start["locale"], start["version"]) == ("", "en", "1.2.3")
    assert set(start) >= {"csrf", "ice_servers", "guest_link", "host_link", "limits"}


async def test_ice_servers_are_told_for_the_name_in_the_address_bar(build: Build) -> None:
    house = build(ice_servers=lambda host: [{"urls": f"stun:{host}:3478"}])
    house.rooms.put("abcd-efgh-jkm")
    for base, name in (("http://moim.test:3000", "moim.test"), ("http://[::1]:3000", "[::1]")):
        async with house.browser(base) as reader:
            start = json.loads(said_script(await reader.get("/r/abcd-efgh-jkm")))
        assert start["ice_servers"] == [{"urls": f"stun:{name}:3478"}]


async def test_a_name_that_cannot_be_is_said_beside_the_field_and_what_was_typed_stays(
    house: House, browser: httpx.AsyncClient
) -> None:
    answer = await send(browser, await browser.get("/"), name="a\u202eb", visibility="listed")
    assert answer.status_code == 422
    tree = parse(answer.text)
    field = tree.find(".//input[@id='room-name']")
    assert field is not None
    assert field.get("value") == "a\u202eb"
    assert field.get("aria-invalid") == "true"
    error = tree.find(f".//*[@id='{field.get('aria-describedby')}']")
    assert error is not None
    assert said(error) == TEXTS["en"].room_name_invalid
    chosen = tree.find(".//input[@value='listed']")
    assert chosen is not None
    assert chosen.get("checked") is not None
    assert house.rooms.cards == {}


@pytest.mark.parametrize(
    "typed",
    [
        "http://moim.test/r/abcd-efgh-jkm",
        "https://elsewhere.example/meet/r/abcd-efgh-jkm?x=1#y",
        "abcd-efgh-jkm",
        "  ABCD efgh JKM ",
        "abcdefghjkm",
    ],
)
async def test_a_link_or_code_leads_to_its_room(browser: httpx.AsyncClient, typed: str) -> None:
    answer = await send(browser, await browser.get("/"), 1, link=typed)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/r/abcd-efgh-jkm"


async def test_a_host_link_that_is_typed_leads_to_its_page(browser: httpx.AsyncClient) -> None:
    link = "http://moim.test/h/abcd-efgh-jkm/AbC_-1"
    answer = await send(browser, await browser.get("/"), 1, link=link)
    assert answer.headers["location"] == "/h/abcd-efgh-jkm/AbC_-1"


@pytest.mark.parametrize("typed", ["hello!", "//evil.example", "javascript:alert(1)", "…"])
async def test_what_is_no_link_is_asked_for_again(browser: httpx.AsyncClient, typed: str) -> None:
    answer = await send(browser, await browser.get("/"), 1, link=typed)
    assert answer.status_code == 422
    assert TEXTS["en"].join_not_understood in said(parse(answer.text))
    assert parse(answer.text).find(f".//input[@value='{typed}']") is not None


async def test_opening_a_host_link_changes_nothing_until_its_button_is_pressed(
    house: House, browser: httpx.AsyncClient
) -> None:
    made = await send(browser, await browser.get("/"), name="Tea")
    start = json.loads(said_script(await browser.get(made.headers["location"])))
    async with house.browser() as other:
        page = await other.get(start["host_link"])
        assert page.status_code == 200
        assert page.headers["referrer-policy"] == "no-referrer"
        assert len(house.rooms.hosts) == 1
        answer = await send(other, page)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/r/{start['room']['slug']}"
        assert answer.headers["referrer-policy"] == "no-referrer"
        start = json.loads(said_script(await other.get(answer.headers["location"])))
    assert start["me"]["role"] == "host"
    assert len(house.rooms.hosts) == 2


async def test_a_wrong_host_link_is_refused_in_words(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put("abcd-efgh-jkm")
    page = await browser.get("/h/abcd-efgh-jkm/wrong")
    answer = await send(browser, page)
    assert answer.status_code == 404
    assert heading(answer) == TEXTS["en"].errors.host_link_invalid.title


async def test_a_full_room_lets_in_who_has_a_seat(house: House, browser: httpx.AsyncClient) -> None:
    house.rooms.put("abcd-efgh-jkm", people=8)
    page = await browser.get("/r/abcd-efgh-jkm")
    assert page.status_code == 409
    assert heading(page) == TEXTS["en"].errors.room_full.title
    again = parse(page.text).find(".//a[@class='button']")
    assert again is not None
    assert again.get("href") == "/r/abcd-efgh-jkm"

    await browser.get("/")
    me = await house.site.identities.identify(page_request(browser))
    assert me is not None
    house.rooms.seats.add(("abcd-efgh-jkm", me))
    assert (await browser.get("/r/abcd-efgh-jkm")).status_code == 200


async def test_a_full_room_lets_in_its_hosts(house: House, browser: httpx.AsyncClient) -> None:
    house.rooms.put("abcd-efgh-jkm", people=8)
    await browser.get("/")
    me = await house.site.identities.identify(page_request(browser))
    assert me is not None
    house.rooms.hosts.add(("abcd-efgh-jkm", me))
    assert (await browser.get("/r/abcd-efgh-jkm")).status_code == 200


def page_request(client: httpx.AsyncClient) -> HTTPConnection:
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in client.cookies.jar)
    return HTTPConnection({"type": "http", "headers": [(b"cookie", cookies.encode())]})


async def test_the_chosen_language_stays_and_leaves_the_address(
    browser: httpx.AsyncClient, house: House
) -> None:
    house.rooms.put("abcd-efgh-jkm")
    page = await browser.get("/r/abcd-efgh-jkm")
    switch = next(a for a in parse((await browser.get("/")).text).iter("a") if said(a) == "KO")
    assert switch.get("href") == "/?lang=ko"
    answer = await browser.get("/r/abcd-efgh-jkm?a=1&lang=ko")
    assert (answer.status_code, answer.headers["location"]) == (303, "/r/abcd-efgh-jkm?a=1")
    page = await browser.get(answer.headers["location"])
    assert page.headers["content-language"] == "ko"


async def test_an_unknown_language_is_no_language(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/?lang=xx")).headers["content-language"] == "en"


async def test_the_switch_never_leads_to_another_site(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("http://moim.test//evil.example/?lang=ko")
    assert answer.headers["location"] == "/evil.example/"


async def test_a_bug_is_a_page_with_all_its_headers(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.broken = RuntimeError("secret detail")
    page = await browser.get("/")
    assert page.status_code == 500
    assert heading(page) == TEXTS["en"].errors.internal.title
    assert "secret detail" not in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]


async def test_a_developer_is_shown_the_cause(build: Build) -> None:
    house = build(dev=True)
    house.rooms.broken = RuntimeError("the <cause>")
    async with house.browser() as reader:
        page = await reader.get("/")
    assert "RuntimeError('the <cause>')" in said(parse(page.text))


async def test_programs_get_errors_as_json(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/r/none-none-non", headers={"accept": "*/*"})
    assert answer.status_code == 404
    assert answer.json()["ok"] is False
    assert answer.json()["error"]["code"] == "room_unknown"


async def test_a_head_request_is_answered_like_the_page(browser: httpx.AsyncClient) -> None:
    assert (await browser.head("/")).status_code == 200


async def test_a_method_that_a_page_does_not_have_is_refused_in_words(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.delete("/")
    assert answer.status_code == 405
    assert heading(answer)


@pytest.mark.parametrize("address", ["/rooms", "/go"])
async def test_the_address_of_a_form_that_was_wrong_leads_home_when_it_is_opened_again(
    browser: httpx.AsyncClient, address: str
) -> None:
    answer = await browser.get(address)
    assert (answer.status_code, httpx.URL(answer.headers["location"]).path) == (303, "/")


async def test_before_the_client_is_built_the_pages_say_so(build: Build, house: House) -> None:
    (house.site.pages._assets.folder / ".vite" / "manifest.json").unlink()
    other = build()
    async with other.browser() as reader:
        assert TEXTS["en"].not_built in said(parse((await reader.get("/")).text))
