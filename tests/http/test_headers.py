"""What every answer carries, and what is said about the pages to machines."""

import json

import httpx

from tests.http.conftest import Build, House
from tests.http.forms import parse


async def test_nothing_but_our_own_is_loaded_and_nothing_unsafe(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put("abcd-efgh-jkm")
    for path in ("/", "/r/abcd-efgh-jkm", "/nowhere", "/healthz", "/static/app/nothing.js"):
        headers = (await browser.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy == {
            "default-src": "'self'",
            "connect-src": "'self' ws://moim.test wss://moim.test",
            "img-src": "'self' blob:",
            "media-src": "'self' blob:",
            "worker-src": "'self' blob:",
            "object-src": "'none'",
            "base-uri": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
        }
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        for name in ("camera", "microphone", "display-capture"):
            assert f"{name}=(self)" in headers["permissions-policy"]


async def test_a_host_header_cannot_write_into_the_policy(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/", headers={"host": "x; script-src *"})
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "script-src" not in answer.text


async def test_a_policy_holds_no_ipv6_address_because_it_cannot(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/", headers={"host": "[2600:1::2]:3000"})
    assert "connect-src 'self';" in answer.headers["content-security-policy"]


async def test_the_servers_of_a_deployment_are_named_as_they_come(build: Build) -> None:
    known: list[str] = []
    house = build(sfu_addresses=lambda: tuple(known), livekit_url="wss://livekit.example.org")
    house.rooms.put("abcd-efgh-jkm")
    async with house.browser() as reader:
        for address, named in (
            (None, ""),
            ("https://one.example.org", " wss://one.example.org https://one.example.org"),
            ("http://10.0.0.5:3001", " ws://10.0.0.5:3001 http://10.0.0.5:3001"),
        ):
            known[:] = [address] if address else []
            page = await reader.get("/r/abcd-efgh-jkm")
            policy = page.headers["content-security-policy"]
            own = "'self' ws://moim.test wss://moim.test"
            livekit = " wss://livekit.example.org https://livekit.example.org"
            assert f"connect-src {own}{named}{livekit};" in policy


async def test_a_page_is_told_the_servers_that_its_policy_names_though_one_comes_meanwhile(
    build: Build,
) -> None:
    servers = ["https://one.example.org"]

    def named() -> tuple[str, ...]:
        before = tuple(servers)
        servers.append("https://two.example.org")  # it comes while the page is made
        return before

    house = build(sfu_addresses=named)
    house.rooms.put("abcd-efgh-jkm")
    async with house.browser() as reader:
        page = await reader.get("/r/abcd-efgh-jkm")
    start = parse(page.text).find(".//script[@id='moim-start']")
    assert start is not None
    told = json.loads(start.text or "")["network"]["sfu_addresses"]
    assert told == ["https://one.example.org"]
    assert "wss://one.example.org" in page.headers["content-security-policy"]
    assert "two.example.org" not in page.headers["content-security-policy"]


async def test_frames_are_a_setting(build: Build) -> None:
    house = build(frame_ancestors=("https://www.example.org",))
    async with house.browser() as reader:
        policy = (await reader.get("/")).headers["content-security-policy"]
    assert "frame-ancestors 'self' https://www.example.org" in policy


async def test_no_page_has_a_script_or_style_in_it(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put("abcd-efgh-jkm")
    for path in ("/", "/r/abcd-efgh-jkm", "/h/abcd-efgh-jkm/x", "/unsupported", "/nowhere"):
        page = (await browser.get(path)).text
        assert " style=" not in page
        assert "<style" not in page
        assert " onclick" not in page
        for script in page.split("<script")[1:]:
            head = script.partition(">")[0]
            assert "src=" in head or "application/json" in head


async def test_rooms_are_not_indexed(house: House, browser: httpx.AsyncClient) -> None:
    house.rooms.put("abcd-efgh-jkm")
    assert "noindex" in (await browser.get("/r/abcd-efgh-jkm")).headers["x-robots-tag"]
    assert "noindex" in (await browser.get("/h/abcd-efgh-jkm/x")).headers["x-robots-tag"]
    robots = (await browser.get("/robots.txt")).text
    assert "Disallow: /r/" in robots
    assert "Disallow: /\n" not in robots


async def test_it_says_whether_it_is_well(house: House, browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": "1.2.3"})
    house.rooms.broken = RuntimeError("the database is away")
    assert (await browser.get("/healthz")).status_code == 500


async def test_it_can_be_put_on_a_home_screen(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/manifest.webmanifest")
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest = answer.json()
    assert (manifest["start_url"], manifest["scope"], manifest["lang"]) == ("/", "/", "en")
    for icon in manifest["icons"]:
        found = await browser.get(icon["src"])
        assert found.status_code == 200
        assert found.headers["content-type"] == icon["type"]
        assert "immutable" in found.headers["cache-control"]
    assert (await browser.get("/favicon.ico")).headers["content-type"] == "image/svg+xml"


async def test_the_list_of_rooms_costs_nothing_while_it_does_not_change(
    house: House, browser: httpx.AsyncClient
) -> None:
    house.rooms.put("abcd-efgh-jkm", people=1)
    first = await browser.get("/api/rooms")
    assert first.json()["rooms"][0]["status"] == "1 person inside"
    etag = {"if-none-match": first.headers["etag"]}
    same = await browser.get("/api/rooms", headers=etag)
    assert (same.status_code, same.content) == (304, b"")
    house.rooms.put("abcd-efgh-jkm", people=2)
    changed = await browser.get("/api/rooms", headers=etag)
    assert changed.json()["rooms"][0]["status"] == "2 people inside"
    korean = await browser.get("/api/rooms", headers={"accept-language": "ko", **etag})
    assert korean.json()["rooms"][0]["status"] == "2명 참여 중"
