"""The table for two as people sit down at it, with hands that find the ball by themselves."""

from playwright.async_api import Locator, expect

from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links
from tests.browser.test_presence import from_menu

# One in ten packets of the channel that may lose some is lost, always the same ones.
LOSSY = """
(() => {
  let state = 7;
  window.testLost = { lost: 0, sent: 0 };
  const send = RTCDataChannel.prototype.send;
  RTCDataChannel.prototype.send = function (data) {
    if (this.label === "moim.lossy") {
      state = (state * 1103515245 + 12345) % 2147483648;
      window.testLost.sent += 1;
      if (state / 2147483648 < 0.1) return void (window.testLost.lost += 1);
    }
    send.call(this, data);
  };
})();
"""

# Follows the ball with the pointer, and meets it beside the middle of the paddle.
HANDS = """
(skill) => {
  clearInterval(window.testHands);
  window.testHands = setInterval(() => {
    const board = document.querySelector('[data-testid="game-board"]');
    const ball = document.querySelector('[data-testid="game-ball"]');
    if (!board || !ball) return;
    const box = board.getBoundingClientRect();
    const at = ball.getBoundingClientRect();
    const x = at.left + at.width / 2;
    const off = skill ? box.width * 0.04 : x < box.left + box.width / 2 ? 1e4 : -1e4;
    const there = { clientX: x + off, clientY: at.top, bubbles: true };
    board.dispatchEvent(new PointerEvent("pointermove", there));
  }, 20);
}
"""

# Where the ball is drawn while a rally goes on, in widths of the table, picture by picture.
WATCH = """
async (pictures) => {
  const seen = [];
  const deadline = performance.now() + 25_000;
  while (seen.length < pictures && performance.now() < deadline) {
    await new Promise((done) => requestAnimationFrame(done));
    const board = document.querySelector('[data-testid="game-board"]');
    const ball = document.querySelector('[data-testid="game-ball"]');
    if (!ball || board.dataset.phase !== "rally") { seen.length = 0; continue; }
    const box = board.getBoundingClientRect();
    const at = ball.getBoundingClientRect();
    seen.push({ ms: performance.now(), x: at.left / box.width, y: at.top / box.width });
  }
  return seen;
}
"""


async def player(party: Party, room: Links, name: str, **options: object) -> Person:
    """A guest without devices who looks at the table."""
    person = await party.person(devices=(), **options)  # type: ignore[arg-type]
    await person.page.context.add_init_script(LOSSY)
    await person.open(room.guest)
    await person.join(name)
    await open_table(person)
    return person


async def open_table(person: Person) -> None:
    await from_menu(person.page, "game-button")
    await expect(person.page.get_by_test_id("game")).to_be_visible()


async def sit(*people: Person) -> None:
    for person in people:
        await person.page.get_by_test_id("game-sit").click()
        await expect(person.page.get_by_test_id("game-stand")).to_be_visible()


async def play(*people: Person, well: bool = True) -> None:
    """Their hands meet every ball from now on, or none."""
    for person in people:
        await person.page.evaluate(HANDS, well)


async def in_order(one: Person, other: Person) -> tuple[Person, Person]:
    """The referee first: the one with the lower identity."""
    mine = await one.tiles.first.get_attribute("data-identity")
    theirs = await other.tiles.first.get_attribute("data-identity")
    assert mine is not None
    assert theirs is not None
    return (one, other) if mine < theirs else (other, one)


def board(person: Person) -> Locator:
    return person.page.get_by_test_id("game-board")


def phase(person: Person, name: str) -> Locator:
    return board(person).and_(person.page.locator(f"[data-phase={name}]"))


def points(person: Person, side: str) -> Locator:
    return person.page.get_by_test_id(f"game-place-{side}").get_by_test_id("game-points")


async def side_of(person: Person) -> str:
    """The end at which somebody plays."""
    own = person.page.locator("[data-testid^=game-paddle-].own")
    return (await own.get_attribute("data-testid") or "").rpartition("-")[2]
