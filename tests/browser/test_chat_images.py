"""Images in the chat: pasted or dropped, shown at the others, refused in words."""

import base64
import io
from urllib.parse import urljoin

import pytest
from PIL import Image
from playwright.async_api import FilePayload, Locator, Route, expect

from tests.browser import axe
from tests.browser.chatting import field, messages, open_chat, two_who_write, write, writer
from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links

REFUSED_BY_STATUS = r"Failed to load resource: the server responded with a status of 4\d\d"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
GIVE = """
(element, [kind, name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const carried = new DataTransfer();
  carried.items.add(new File([bytes], name, { type }));
  const how = { bubbles: true, cancelable: true };
  const event = kind === "paste"
    ? new ClipboardEvent("paste", { ...how, clipboardData: carried })
    : new DragEvent(kind, { ...how, dataTransfer: carried });
  element.dispatchEvent(event);
  return event.defaultPrevented;
}
"""


def picture(kind: str = "PNG", size: tuple[int, int] = (320, 200)) -> bytes:
    """A picture with a secret in its metadata, as a telephone would write a place."""
    drawn = Image.effect_noise(size, 40).convert("RGB")
    exif = Image.Exif()
    exif[0x010E] = "37.5665N 126.9780E"
    out = io.BytesIO()
    drawn.save(out, kind, exif=exif)
    return out.getvalue()


async def give(target: Locator, kind: str, data: bytes, media_type: str = "image/png") -> bool:
    """Pastes or drops a file; whether the page kept the browser from acting on it."""
    given = [kind, "picture", media_type, base64.b64encode(data).decode()]
    kept: bool = await target.evaluate(GIVE, given)
    return kept


def attachment(person: Person) -> Locator:
    return person.page.get_by_test_id("attachment")


async def test_a_pasted_picture_is_shown_at_the_other_without_its_metadata(
    party: Party, room: Links
) -> None:
    mina, jun = await two_who_write(party, room)
    raw = picture()
    assert b"37.5665N" in raw
    await give(field(mina), "paste", raw)
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")
    await write(mina, "the garden")
    shown = messages(jun, "saved").get_by_test_id("message-image")
    await expect(shown).to_have_attribute("alt", "the garden")
    await expect(attachment(mina)).to_have_count(0)
    loaded = "(image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    assert await shown.evaluate(loaded) == [320, 200]
    address = await shown.get_attribute("src")
    assert address is not None
    stored = await jun.page.request.get(urljoin(room.guest, address))
    assert stored.headers["content-type"] == "image/png"
    assert stored.headers["x-content-type-options"] == "nosniff"
    assert b"37.5665N" not in await stored.body()
    # Who was never in the room sees none of it.
    stranger = await party.person(devices=())
    assert (await stranger.page.request.get(str(stored.url))).status in (401, 404)


async def test_a_dropped_picture_needs_no_words(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    target = mina.page.get_by_test_id("chat-list")
    assert await give(target, "dragover", b"", "image/jpeg")
    assert await give(target, "drop", picture("JPEG"), "image/jpeg")
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")
    await mina.page.get_by_test_id("chat-send").click()
    shown = messages(jun, "saved").get_by_test_id("message-image")
    await expect(shown).to_have_attribute("alt", "Picture from Mina")


async def test_a_file_that_is_no_picture_is_given_to_the_call(party: Party, room: Links) -> None:
    mina = await writer(party, room, "Mina")
    target = mina.page.get_by_test_id("chat-list")
    assert await give(target, "dragover", b"%PDF-1.7", "application/pdf")
    assert await give(target, "drop", b"%PDF-1.7", "application/pdf")
    await expect(mina.page.get_by_test_id("file-kept")).to_have_count(1)
    await open_chat(mina)
    assert await give(field(mina), "paste", b"%PDF-1.7", "application/pdf")
    await expect(mina.page.get_by_test_id("file-kept")).to_have_count(2)


async def test_a_picture_is_seen_in_small_before_it_is_there(party: Party, room: Links) -> None:
    mina, jun = await two_who_write(party, room)
    held: list[Route] = []
    await jun.page.route("**/images/F_*", lambda route: held.append(route))
    await give(field(mina), "paste", picture(size=(640, 400)))
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")
    await write(mina, "the garden")
    thumbnail = jun.page.get_by_test_id("message-thumbnail")
    await expect(thumbnail).to_be_visible()
    drawn = """(canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return [canvas.width, canvas.height, new Set(data).size];
    }"""
    width, height, colours = await thumbnail.evaluate(drawn)
    assert width * height <= 3400
    assert abs(width / height - 1.6) < 0.1
    assert colours > 10
    for route in held:
        await route.continue_()
    await expect(thumbnail).to_have_count(0)
    shown = messages(jun, "saved").get_by_test_id("message-image")
    assert await shown.evaluate("(image) => image.naturalWidth") == 640


async def test_a_picture_is_looked_at_large_by_keyboard_and_by_wheel(
    party: Party, room: Links
) -> None:
    mina = await writer(party, room, "Mina")
    await give(field(mina), "paste", picture())
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")
    await write(mina, "the garden")
    opener = mina.page.get_by_test_id("message-image-open")
    await opener.focus()
    await mina.page.keyboard.press("Enter")
    viewer = mina.page.get_by_test_id("image-viewer")
    await expect(viewer).to_have_accessible_name("the garden")
    await expect(viewer).to_have_attribute("data-zoom", "1.00")
    assert await axe.violations(mina.page) == []
    await mina.page.keyboard.press("+")
    await expect(viewer).to_have_attribute("data-zoom", "1.25")
    await mina.page.keyboard.press("ArrowRight")
    moved = await viewer.locator("img").evaluate("(image) => image.style.transform")
    assert moved.startswith("translate(-80px")
    await mina.page.keyboard.press("0")
    await expect(viewer).to_have_attribute("data-zoom", "1.00")
    await mina.page.mouse.move(640, 400)
    await mina.page.mouse.wheel(0, -500)
    await expect(viewer).to_have_attribute("data-zoom", "2.72")
    # The call's own keys do nothing here.
    await mina.page.keyboard.press("c")
    await mina.page.keyboard.press("Escape")
    await expect(viewer).to_have_count(0)
    await expect(field(mina)).to_be_visible()
    await expect(opener).to_be_focused()


async def test_a_phone_takes_a_picture_with_its_camera(party: Party, room: Links) -> None:
    mina = await party.person(devices=(), phone=True)
    await mina.open(room.guest)
    await mina.join("Mina")
    await open_chat(mina)
    camera = mina.page.get_by_test_id("chat-camera-file")
    assert await camera.get_attribute("capture") == "environment"
    async with mina.page.expect_file_chooser() as choosing:
        await mina.page.get_by_test_id("chat-camera").click()
    chosen: FilePayload = {
        "name": "photo.jpg",
        "mimeType": "image/jpeg",
        "buffer": picture("JPEG"),
    }
    await (await choosing.value).set_files(chosen)
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")


@pytest.mark.parametrize(
    ("data", "media_type", "said"),
    [
        (SVG, "image/svg+xml", "This kind of file cannot be shown"),
        (SVG, "image/png", "This kind of file cannot be shown"),
        (picture()[:200] + b"\x00" * 500, "image/png", "The picture is damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(10 * 1024 * 1024), "image/png", "The picture is too large"),
    ],
    ids=["svg", "svg that says png", "damaged", "too large"],
)
async def test_a_refused_picture_says_why_and_the_text_stays(
    party: Party, room: Links, data: bytes, media_type: str, said: str
) -> None:
    party.troubles.allow(REFUSED_BY_STATUS)
    mina = await writer(party, room, "Mina")
    await field(mina).fill("look at this")
    await give(field(mina), "paste", data, media_type)
    await expect(attachment(mina).get_by_role("alert")).to_contain_text(said)
    await expect(mina.page.get_by_test_id("chat-send")).to_be_disabled()
    buttons = attachment(mina).get_by_role("button")
    await expect(buttons).to_have_accessible_name("Remove the picture")  # no other: in vain
    await buttons.click()
    await expect(attachment(mina)).to_have_count(0)
    await expect(field(mina)).to_have_value("look at this")
    await field(mina).press("Enter")
    await expect(messages(mina, "saved")).to_have_count(1)


async def test_an_unsent_picture_stays_over_a_closed_panel_and_a_reload(
    party: Party, room: Links
) -> None:
    mina = await writer(party, room, "Mina")
    await give(field(mina), "paste", picture())
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")
    await mina.page.get_by_test_id("chat-button").click()
    await expect(field(mina)).to_have_count(0)
    await open_chat(mina)
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")
    await mina.page.reload()
    await expect(mina.leave_button).to_be_visible()
    await open_chat(mina)
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")
    await mina.page.get_by_test_id("chat-send").click()
    await expect(messages(mina, "saved").get_by_test_id("message-image")).to_have_count(1)


async def test_an_upload_shows_how_far_it_is_and_can_be_tried_again(
    party: Party, room: Links
) -> None:
    party.troubles.allow(r"net::ERR_(FAILED|INTERNET_DISCONNECTED)")
    mina = await writer(party, room, "Mina")
    slow = await mina.page.context.new_cdp_session(mina.page)
    await slow.send("Network.enable")
    await mina.page.route("**/images", lambda route: route.abort())
    await give(field(mina), "paste", picture(size=(900, 700)))
    await expect(attachment(mina)).to_have_attribute("data-state", "failed")
    await mina.page.unroute("**/images")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1}
    await slow.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": 400 * 1024})
    await attachment(mina).get_by_role("button", name="Try again").click()
    bar = attachment(mina).get_by_role("progressbar")
    await expect(bar).to_be_visible()
    await expect(attachment(mina)).to_have_attribute("data-state", "ready")
    await write(mina, "noise")
    await expect(messages(mina, "saved").get_by_test_id("message-image")).to_have_count(1)
