"""Images in the chat: pasted or dropped, shown at the others, refused in words."""

import base64
import io
import re
from urllib.parse import urljoin

import pytest
from PIL import Image
from playwright.async_api import Locator, expect

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


async def test_a_file_dropped_beside_the_chat_does_not_take_the_call_s_place(
    party: Party, room: Links
) -> None:
    mina = await writer(party, room, "Mina")
    for place in ("tile", "chat-list"):
        target = mina.page.get_by_test_id(place).first
        assert await give(target, "dragover", b"%PDF-1.7", "application/pdf")
        assert await give(target, "drop", b"%PDF-1.7", "application/pdf")
    # On the chat it is refused in words.
    await expect(attachment(mina).get_by_role("alert")).to_contain_text(re.compile("JPEG, PNG"))


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
    await attachment(mina).get_by_role("button", name="Remove the picture").click()
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
