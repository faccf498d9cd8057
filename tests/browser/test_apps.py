"""Mini-apps: used by several, allowed by hosts, and held in their frames whatever they try."""

import asyncio
import json
import re
from functools import partial
from pathlib import Path

from playwright.async_api import CDPSession, FrameLocator, Locator, expect
from playwright.async_api import Error as PlaywrightError

from tests.browser.axe import assert_accessible
from tests.browser.party import Party
from tests.browser.person import Person, until
from tests.browser.server import Links, MoimServer
from tests.browser.sharing import give, kept, open_files
from tests.browser.test_call import become_host
from tests.browser.test_presence import from_menu
from tests.browser.words import said

PAGE = Path(__file__).parents[2] / "docs" / "mini-apps.md"

# Each way out that a page knows of; what came of it, by name.
BREAK_OUT = """<!doctype html>
<title>Out</title>
<pre id="found"></pre>
<script>
const found = {};
async function attempt(name, way) {
  try {
    const got = await way();
    found[name] = `GOT ${got}`;
  } catch (error) {
    found[name] = `no: ${error.name}`;
  }
}
const to = "ORIGIN/healthz?leak=";
const loaded = (one, address, key = "src") => new Promise((done, failed) => {
  one.onload = () => done("loaded");
  one.onerror = () => failed(new Error("refused"));
  one[key] = address;
  document.body.append(one);
  setTimeout(failed, 2_000, new Error("nothing came"));
});
(async () => {
  await attempt("cookie", () => document.cookie);
  await attempt("parent document", () => parent.document.title);
  await attempt("parent state", () => parent.location.href);
  await attempt("top name", () => top.document.cookie);
  await attempt("local storage", () => localStorage.length);
  await attempt("session storage", () => sessionStorage.length);
  await attempt("databases", () => new Promise((done, failed) => {
    const opening = indexedDB.open("y");
    opening.onsuccess = done;
    opening.onerror = () => failed(opening.error);
  }));
  await attempt("caches", () => caches.keys());
  await attempt("fetch", () => fetch(to + "fetch", { credentials: "include", mode: "no-cors" }));
  await attempt("xhr", () => new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.withCredentials = true;
    request.onload = done;
    request.onerror = () => failed(new Error("refused"));
    request.open("GET", to + "xhr");
    request.send();
  }));
  await attempt("socket", () => new Promise((done, failed) => {
    const socket = new WebSocket(to.replace("http", "ws") + "socket");
    socket.onopen = done;
    socket.onerror = () => failed(new Error("refused"));
  }));
  await attempt("event source", () => new Promise((done, failed) => {
    const source = new EventSource(to + "events");
    source.onopen = done;
    source.onerror = () => { source.close(); failed(new Error("refused")); };
  }));
  await attempt("image", () => loaded(new Image(), to + "image"));
  await attempt("script", () => loaded(document.createElement("script"), to + "script"));
  await attempt("style", () => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    return loaded(link, to + "style", "href");
  });
  await attempt("worker", () => new Worker(URL.createObjectURL(new Blob(["1"]))));
  await attempt("peer", () => new RTCPeerConnection());
  await attempt("inner peer", () => {
    const inner = document.createElement("iframe");
    document.body.append(inner);
    return new inner.contentWindow.RTCPeerConnection();
  });
  await attempt("inner document", () => {
    const inner = document.createElement("iframe");
    inner.srcdoc = "<script>1</" + "script>";
  });
  await attempt("inner markup", () => { document.body.innerHTML = "<iframe srcdoc=x></iframe>"; });
  await attempt("evaluate", () => eval("1"));
  await attempt("window", () => window.open(to + "window").closed);
  await attempt("top", () => { top.location = to + "top"; return "went"; });
  await attempt("form", () => {
    const form = document.createElement("form");
    form.action = to + "form";
    form.method = "post";
    form.target = "_top";
    document.body.append(form);
    form.submit();
    return "sent";
  });
  await attempt("camera", () => navigator.mediaDevices.getUserMedia({ video: true }));
  await attempt("clipboard", () => navigator.clipboard.readText());
  document.body.append("CHECKED");
  document.getElementById("found").textContent = JSON.stringify(found);
})();
</script>
"""
GOES_AWAY = """<!doctype html><p>app</p>
<button onclick="location = 'ORIGIN/healthz?leak=away'">Go</button>"""
FLOODS = """<!doctype html><p>app</p><button>Go</button><script>
document.querySelector("button").onclick = () => {
  for (let n = 0; n < 5_000; n += 1) moim.broadcast({ n }).catch(() => undefined);
};
</script>"""
WRITES = """<!doctype html><p>app</p>
<input aria-label="Text" />
<pre id="keys"></pre>
<script>
addEventListener("keydown", ({ key, isComposing }) => {
  document.querySelector("#keys").append(`${key}${isComposing ? " composing" : ""}\\n`);
});
</script>"""
# What a page that is held in says in the console: refusals, and nothing else.
HELD_IN = (
    r"Content Security Policy",
    r"Blocked a frame",
    r"sandbox",
    r"Unsafe attempt to initiate navigation",
    r"requires 'Trusted",
    r"(?i)permissions policy",
    r"Refused to",
    r"ERR_BLOCKED_BY_(CSP|RESPONSE)",
)
COLOURED = """
(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let inked = 0;
  for (let at = 3; at < data.length; at += 4) inked += data[at] > 0 ? 1 : 0;
  return inked;
}
"""


async def host(party: Party, room: Links, **options: object) -> Person:
    """Mina, a host without devices, with the mini-apps open."""
    mina = await party.person(devices=(), **options)  # type: ignore[arg-type]
    await become_host(mina, room)
    await mina.join("Mina")
    await open_apps(mina)
    return mina


async def guest(party: Party, room: Links, name: str, **options: object) -> Person:
    person = await party.person(devices=(), **options)  # type: ignore[arg-type]
    await person.open(room.guest)
    await person.join(name)
    return person


async def open_apps(person: Person) -> None:
    await from_menu(person.page, "apps-button")
    await expect(person.page.get_by_test_id("panel-apps")).to_be_visible()


async def add(person: Person, app: str) -> None:
    await person.page.locator(f"[data-testid=app-add][data-app='{app}']").click()


def row(person: Person, app: str) -> Locator:
    return person.page.locator(f"[data-testid=app][data-app='{app}']")


async def run(person: Person, app: str) -> FrameLocator:
    """Opens it from the list; what is in its frame."""
    await row(person, app).get_by_test_id("app-open").click()
    return person.page.frame_locator("[data-testid=app-frame]")


async def own_app(mina: Person, server: MoimServer, folder: Path, source: str) -> str:
    """An HTML file that Mina shares and adds; its id."""
    path = folder / "own.html"
    path.write_text(source.replace("ORIGIN", server.origin), encoding="utf-8")
    await open_files(mina)
    await give(mina, path)
    await expect(kept(mina)).to_have_count(1)
    await open_apps(mina)
    button = mina.page.locator("[data-testid=app-add][data-app^='F_']")
    app = await button.get_attribute("data-app")
    assert app is not None
    await button.click()
    return app


async def test_a_host_asks_and_everybody_votes_once(party: Party, room: Links) -> None:
    mina = await host(party, room)
    await assert_accessible(mina.page, "no mini-apps yet")
    await add(mina, "poll")
    jun = await guest(party, room, "준호", locale="ko-KR", phone=True)
    await open_apps(jun)
    await expect(jun.page.get_by_test_id("apps-add")).to_have_count(0)
    asked, answered = await run(mina, "poll"), await run(jun, "poll")
    await expect(answered.get_by_text("아직 진행자가 묻지 않았어요.")).to_be_visible()
    await asked.get_by_label("Question").fill("차는 몇 시에 마실까요?")
    await asked.get_by_label("Answer 1").fill("네 시")
    await asked.get_by_label("Answer 2").fill("<b>다섯 시</b>")
    await asked.get_by_role("button", name="Ask everybody").click()

    await expect(answered.get_by_role("heading")).to_have_text("차는 몇 시에 마실까요?")
    four = answered.get_by_role("button", name="네 시 0표", exact=True)
    await four.click()
    await asked.get_by_role("button", name="네 시 1 vote").click()
    await expect(answered.get_by_role("button", name="네 시 2표")).to_be_visible()
    await answered.get_by_role("button", name="<b>다섯 시</b> 0표").click()
    await expect(asked.get_by_role("button", name="네 시 1 vote")).to_be_visible()
    await assert_accessible(mina.page, "a poll")
    await assert_accessible(jun.page, "a poll on a phone")

    await jun.page.reload()
    await expect(jun.leave_button).to_be_visible()
    await open_apps(jun)
    again = await run(jun, "poll")
    await expect(again.get_by_role("button", name="다섯 시")).to_have_attribute(
        "aria-pressed", "true"
    )


async def has_stroke(canvas: Locator) -> bool:
    return int(await canvas.evaluate(COLOURED)) > 100


async def draw(person: Person, mine: Locator, theirs: Locator) -> None:
    """Draw a line across a whiteboard that another one shows while it is drawn."""
    box = await mine.bounding_box()
    assert box is not None
    await person.page.mouse.move(box["x"] + 40, box["y"] + 40)
    await person.page.mouse.down()
    await person.page.mouse.move(box["x"] + 200, box["y"] + 200, steps=12)
    await until(partial(has_stroke, theirs), "the stroke while it is drawn")
    await person.page.mouse.up()


async def test_what_one_draws_the_others_see_and_who_comes_later_too(
    party: Party, room: Links
) -> None:
    mina = await host(party, room)
    jun = await guest(party, room, "Jun")
    await add(mina, "whiteboard")
    await expect(jun.page.get_by_test_id("notice")).to_contain_text(said("app_whiteboard"))
    await jun.page.get_by_role("button", name=said("app_open"), exact=True).click()
    theirs = jun.page.frame_locator("[data-testid=app-frame]").locator("canvas")
    mine = (await run(mina, "whiteboard")).locator("canvas")
    await expect(theirs).to_be_visible()
    await draw(mina, mine, theirs)
    sora = await guest(party, room, "Sora")
    await open_apps(sora)
    later = (await run(sora, "whiteboard")).locator("canvas")

    await until(partial(has_stroke, later), "the stroke for who came later")
    await assert_accessible(mina.page, "a whiteboard")


async def test_the_app_of_the_documentation_works_as_it_stands_there(
    party: Party, room: Links, moim_server: MoimServer, tmp_path: Path
) -> None:
    told = re.search(r"<!-- app -->\n```html\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert told is not None
    mina = await host(party, room)
    app = await own_app(mina, moim_server, tmp_path, told[1])
    jun = await guest(party, room, "Jun")
    await open_apps(jun)
    thrown, seen = await run(mina, app), await run(jun, app)
    await expect(seen.locator("#last")).to_have_text("Nobody has thrown yet.")
    await thrown.get_by_role("button", name="Throw").click()
    await expect(seen.locator("#last")).to_have_text(re.compile("^Mina: [1-6]$"))


async def test_a_host_says_who_may_use_an_app_and_takes_it_away(party: Party, room: Links) -> None:
    mina = await host(party, room)
    await add(mina, "poll")
    jun = await guest(party, room, "Jun")
    await open_apps(jun)
    await run(jun, "poll")
    await expect(jun.page.get_by_test_id("app-frame")).to_be_visible()
    await row(mina, "poll").get_by_test_id("app-allow").click()
    await expect(jun.page.get_by_test_id("app-frame")).to_have_count(0)
    await expect(row(jun, "poll")).to_contain_text(said("app_for_hosts"))
    await expect(row(jun, "poll").get_by_test_id("app-open")).to_have_count(0)
    await assert_accessible(mina.page, "mini-apps of a host")
    await row(mina, "poll").get_by_test_id("app-remove").click()
    await expect(row(jun, "poll")).to_have_count(0)


async def test_hangul_is_composed_in_an_app_and_its_keys_are_nobody_elses(
    party: Party, room: Links, moim_server: MoimServer, tmp_path: Path
) -> None:
    mina = await host(party, room)
    app = await own_app(mina, moim_server, tmp_path, WRITES)
    frame = await run(mina, app)
    field = frame.get_by_label("Text")
    await field.focus()
    # The frame is a process of its own, to which an input method talks.
    keyboard = await session_of(mina)
    for syllables in (("ㅎ", "하", "한"), ("ㄱ", "그", "글")):
        for text in syllables:
            at = {"selectionStart": len(text), "selectionEnd": len(text)}
            await keyboard.send("Input.imeSetComposition", {"text": text, **at})
        escape = {"key": "Process", "code": "Escape", "windowsVirtualKeyCode": 229}
        await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **escape})
        await keyboard.send("Input.insertText", {"text": syllables[-1]})
        await keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **escape})
    await expect(field).to_have_value("한글")
    # Shortcuts of the page: a hand, the chat, the microphone; and what closes a panel.
    for key in ("h", "c", "m", "?", "Escape"):
        await mina.page.keyboard.press(key)
    await expect(field).to_have_value("한글hcm?")
    await expect(frame.locator("#keys")).to_contain_text("Escape")
    await expect(mina.page.get_by_test_id("panel-apps")).to_be_visible()
    await expect(mina.tile("Mina").get_by_test_id("tile-hand")).to_have_count(0)
    await expect(mina.page.get_by_role("dialog")).to_have_count(0)


async def test_an_app_gets_out_of_its_frame_by_no_way(
    party: Party, room: Links, moim_server: MoimServer, tmp_path: Path
) -> None:
    party.troubles.allow(*HELD_IN)
    mina = await host(party, room)
    answered: list[str] = []
    mina.page.context.on("response", lambda one: answered.append(one.url))
    app = await own_app(mina, moim_server, tmp_path, BREAK_OUT)
    address = mina.page.url
    frame = await run(mina, app)
    await expect(frame.locator("#found")).not_to_be_empty(timeout=30_000)
    found = json.loads(await frame.locator("#found").inner_text())
    escaped = {name: got for name, got in found.items() if got.startswith("GOT")}
    # These two throw nothing: whether they went anywhere is seen from outside.
    assert set(escaped) <= {"top", "form"}, escaped
    assert len(found) >= 24
    await asyncio.sleep(0.5)
    await mina.page.evaluate("() => fetch('/healthz?leak=of-our-own').then((one) => one.text())")
    leaked = [url for url in answered if "leak" in url]
    assert (mina.page.url, leaked) == (address, [f"{moim_server.origin}/healthz?leak=of-our-own"])
    assert len(mina.page.context.pages) == 1
    await expect(mina.leave_button).to_be_visible()


async def test_an_app_that_goes_elsewhere_is_stopped(
    party: Party, room: Links, moim_server: MoimServer, tmp_path: Path
) -> None:
    party.troubles.allow(*HELD_IN)
    mina = await host(party, room)
    app = await own_app(mina, moim_server, tmp_path, GOES_AWAY)
    frame = await run(mina, app)
    await misbehave(mina, frame)
    await assert_accessible(mina.page, "a mini-app that was stopped")
    await mina.page.get_by_role("button", name=said("app_start_again")).click()
    await expect(frame.get_by_text("app")).to_be_visible()


async def test_an_app_that_floods_is_stopped_and_costs_the_page_nothing(
    party: Party, room: Links, moim_server: MoimServer, tmp_path: Path
) -> None:
    mina = await host(party, room)
    app = await own_app(mina, moim_server, tmp_path, FLOODS)
    jun = await guest(party, room, "Jun")
    frame = await run(mina, app)
    await misbehave(mina, frame)
    # The page of who was flooded still does what it is asked for, and others heard a burst at most.
    await mina.page.keyboard.press("h")
    await expect(jun.tile("Mina").get_by_test_id("tile-hand")).to_be_visible()


async def misbehave(person: Person, frame: FrameLocator) -> None:
    """Press an app's only button, and see it stopped: its frame may be gone before the click that
    did it has come to its end, which nobody would hear of then."""
    click = asyncio.ensure_future(frame.get_by_role("button", name="Go").click())
    await expect(person.page.get_by_test_id("app-stopped")).to_be_visible()
    click.cancel()
    await asyncio.gather(click, return_exceptions=True)


async def session_of(person: Person) -> CDPSession:
    """Where keys are pressed that go to the app: its frame may be a process of its own."""
    context = person.page.context
    try:
        return await context.new_cdp_session(person.page.frames[-1])
    except PlaywrightError:  # it is not: "This frame does not have a separate CDP session"
        return await context.new_cdp_session(person.page)
