"""Who may change something: CSRF tokens, origins, cookies, trusted proxies, rates."""

from http.cookies import SimpleCookie

import httpx
import pytest
from starlette.requests import HTTPConnection

from moim.http.identity import Identities, Person
from moim.http.origins import Origins
from moim.http.rates import Rate, address_of
from moim.meeting.errors import ErrorCode, Refused
from moim.meeting.ids import Identity
from tests.http.conftest import KEY, Build, House
from tests.http.forms import forms, send


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


@pytest.mark.parametrize("path", ["/rooms", "/go", "/h/abcd-efgh-jkm/secret"])
@pytest.mark.parametrize("token", [None, "", "x" * 43])
async def test_a_form_without_its_token_changes_nothing(
    house: House, browser: httpx.AsyncClient, path: str, token: str | None
) -> None:
    house.rooms.put("abcd-efgh-jkm")
    await browser.get("/")
    data = {"name": "Tea", "link": "abcd-efgh-jkm"} | ({} if token is None else {"csrf": token})
    answer = await browser.post(path, data=data, headers={"accept": "application/json"})
    assert (answer.status_code, code_of(answer)) == (403, "csrf_failed")
    assert set(house.rooms.cards) == {"abcd-efgh-jkm"}
    assert not house.rooms.hosts


async def test_the_token_of_another_browser_is_no_token(house: House) -> None:
    async with house.browser() as one, house.browser() as other:
        form = forms((await one.get("/")).text, "http://moim.test/")[0]
        await other.get("/")
        answer = await other.post("/rooms", data={**form.fields, "name": "Tea"})
    assert answer.status_code == 403
    assert "out" in answer.text
    assert not house.rooms.cards


async def test_a_browser_that_keeps_no_cookies_is_told_so(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/")
    browser.cookies.clear()
    answer = await send(browser, page, name="Tea")
    assert answer.status_code == 403
    assert "cookies" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://moim.test.evil.example"},
        {"origin": "http://moim.test:8080"},
        {"origin": "null"},
        {"origin": "http://[broken"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_form_of_another_site_is_refused(
    house: House, browser: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    form = forms((await browser.get("/")).text, "http://moim.test/")[0]
    answer = await browser.post(
        "/rooms",
        data={**form.fields, "name": "Tea"},
        headers={**headers, "accept": "*/*"},
    )
    assert (answer.status_code, code_of(answer)) == (403, "origin_refused")
    assert not house.rooms.cards


def asked(host: str, origin: str) -> HTTPConnection:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    return HTTPConnection({"type": "websocket", "headers": headers})


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("moim.test", "http://moim.test"),
        ("moim.test", "https://moim.test:443"),
        ("MOIM.test:3000", "http://moim.test:3000"),
        ("[::1]:3000", "http://[::1]:3000"),
        ("10.0.0.7:3000", "https://meet.example.org"),
        ("10.0.0.7:3000", "https://www.example.org"),
    ],
)
def test_own_and_named_origins_are_let_in(host: str, origin: str) -> None:
    Origins("https://meet.example.org", ("https://www.example.org",)).check(asked(host, origin))


async def test_the_identity_cookie_is_out_of_reach_of_scripts_and_other_sites(
    house: House,
) -> None:
    for base, secure in (("http://moim.test", False), ("https://moim.test", True)):
        async with house.browser(base) as reader:
            page = await reader.get("/")
        cookie = SimpleCookie(page.headers["set-cookie"])["moim_identity"]
        assert bool(cookie["secure"]) is secure
        assert cookie["httponly"]
        assert cookie["samesite"] == "lax"
        assert cookie["path"] == "/"
        assert cookie.value.startswith("u_")


async def test_a_browser_keeps_its_identity_and_a_forged_one_is_replaced(
    house: House, browser: httpx.AsyncClient
) -> None:
    first = SimpleCookie((await browser.get("/")).headers["set-cookie"])["moim_identity"].value
    again = SimpleCookie((await browser.get("/")).headers["set-cookie"])["moim_identity"].value
    assert again == first
    browser.cookies.clear()
    browser.cookies.set("moim_identity", "u_somebody.forged")
    other = SimpleCookie((await browser.get("/")).headers["set-cookie"])["moim_identity"].value
    assert other != first
    assert not other.startswith("u_somebody")


async def test_the_right_one_of_two_cookies_is_found() -> None:
    ours, theirs = Identities(KEY), Identities(b"x" * 32)
    identity = ours.mint()
    cookie = "; ".join(
        f"moim_identity={one._cookie.sign(identity).decode()}" for one in (theirs, ours, theirs)
    )
    connection = HTTPConnection({"type": "http", "headers": [(b"cookie", cookie.encode())]})
    assert await ours.identify(connection) == identity


async def test_a_token_stands_for_its_identity_and_a_cookie_value_is_no_token() -> None:
    identities = Identities(KEY)
    identity = identities.mint()
    nobody = HTTPConnection({"type": "websocket", "headers": []})
    assert await identities.identify(nobody) is None
    assert await identities.identify(nobody, identities.token(identity)) == identity
    for bad in ("u_x.y", identities._cookie.sign(identity).decode(), "é"):
        with pytest.raises(Refused) as refusal:
            await identities.identify(nobody, bad)
        assert refusal.value.code == ErrorCode.IDENTITY_INVALID


async def test_the_app_around_moim_decides_who_somebody_is(build: Build) -> None:
    async def identify(connection: HTTPConnection) -> Person | None:
        key = connection.headers.get("x-user")
        return Person(key) if key else None

    house = build(identify=identify)
    async with house.browser(x_user="mina") as mina, house.browser() as nobody:
        page = await mina.get("/")
        assert "set-cookie" not in page.headers
        await send(mina, page, name="Tea")
        await send(mina, await mina.get("/"), name="More tea")
        answer = await nobody.get("/")
    assert answer.status_code == 401
    assert "text/html" in answer.headers["content-type"]
    owners = {owner for _, owner in house.rooms.hosts}
    assert len(owners) == 1
    assert "mina" not in owners.pop()


async def test_another_person_in_the_same_browser_gets_a_token(
    house: House, browser: httpx.AsyncClient
) -> None:
    csrf = forms((await browser.get("/")).text, "http://moim.test/")[0].fields["csrf"]
    refused = await browser.post("/api/identities", headers={"accept": "*/*"})
    assert code_of(refused) == "csrf_failed"
    answer = await browser.post("/api/identities", headers={"x-moim-csrf": csrf})
    assert answer.status_code == 201
    body = answer.json()
    assert house.site.identities.of_token(body["token"]) == Identity(body["identity"])
    async with house.browser() as nobody:
        answer = await nobody.post("/api/identities", headers={"accept": "*/*"})
    assert (answer.status_code, code_of(answer)) == (401, "identity_missing")


async def test_only_a_host_makes_host_links(house: House, browser: httpx.AsyncClient) -> None:
    made = await send(browser, await browser.get("/"), name="Tea")
    slug = made.headers["location"].rpartition("/")[2]
    path = f"/r/{slug}/host-links"
    csrf = forms((await browser.get("/")).text, "http://moim.test/")[0].fields["csrf"]
    answer = await browser.post(path, headers={"x-moim-csrf": csrf})
    assert answer.status_code == 201
    assert answer.json()["host_link"].startswith(f"http://moim.test/h/{slug}/")
    async with house.browser(accept="*/*") as other:
        csrf = forms((await other.get("/")).text, "http://moim.test/")[0].fields["csrf"]
        answer = await other.post(path, headers={"x-moim-csrf": csrf})
    assert (answer.status_code, code_of(answer)) == (403, "not_host")


async def test_rooms_cannot_be_made_without_end(build: Build) -> None:
    house = build(rooms_per_hour=2)
    async with house.browser() as reader:
        page = await reader.get("/")
        answers = [await send(reader, page, name="Tea") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert answers[2].headers["retry-after"] == "60"


async def test_a_name_that_is_refused_costs_nothing(build: Build) -> None:
    house = build(rooms_per_hour=1)
    async with house.browser() as reader:
        page = await reader.get("/")
        assert (await send(reader, page, name=" ")).status_code == 422
        assert (await send(reader, page, name="Tea")).status_code == 303


async def test_forwarded_addresses_are_believed_from_trusted_proxies_only(build: Build) -> None:
    async def post_as(house: House, address: str) -> int:
        async with house.browser(x_forwarded_for=address) as reader:
            return (await send(reader, await reader.get("/"), name="Tea")).status_code

    # httpx is 127.0.0.1 to the app
    trusting = build(rooms_per_hour=1, trusted_proxies=("127.0.0.1",))
    assert [await post_as(trusting, "1.1.1.1"), await post_as(trusting, "2.2.2.2")] == [303, 303]
    wary = build(rooms_per_hour=1, trusted_proxies=())
    assert [await post_as(wary, "1.1.1.1"), await post_as(wary, "2.2.2.2")] == [303, 429]


async def test_https_behind_a_trusted_proxy_makes_secure_cookies_and_links(house: House) -> None:
    house.rooms.put("abcd-efgh-jkm")
    async with house.browser(x_forwarded_proto="https") as reader:
        page = await reader.get("/r/abcd-efgh-jkm")
    assert "Secure" in page.headers["set-cookie"]
    assert '"guest_link": "https://moim.test/r/abcd-efgh-jkm"' in page.text


def test_a_bucket_refills_evenly_and_takes_nothing_when_it_refuses() -> None:
    now = [0.0]
    rate = Rate(2, 10, lambda: now[0])
    rate.take("a")
    rate.take("a", "b")
    with pytest.raises(Refused, match="rate limited"):
        rate.take("a", "b")
    now[0] = 5
    rate.take("a", "b")
    rate.take("b")
    with pytest.raises(Refused):
        rate.take("b")


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(host: str, key: str) -> None:
    assert address_of(HTTPConnection({"type": "http", "client": (host, 1)})) == key
