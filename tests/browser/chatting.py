"""The chat as a person uses it."""

from playwright.async_api import Locator, expect

from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links


async def two_who_write(party: Party, room: Links) -> tuple[Person, Person]:
    """Mina and Jun, guests without devices, each with the chat open."""
    mina = await writer(party, room, "Mina")
    return mina, await writer(party, room, "Jun")


async def writer(party: Party, room: Links, name: str) -> Person:
    """Somebody who came to listen and to write, with the chat open."""
    person = await party.person(devices=())
    await person.open(room.guest)
    await person.join(name)
    await open_chat(person)
    return person


async def open_chat(person: Person) -> None:
    await person.page.get_by_test_id("chat-button").click()
    await expect(field(person)).to_be_visible()


def field(person: Person) -> Locator:
    return person.page.get_by_test_id("chat-input")


async def write(person: Person, text: str) -> None:
    """Types a message and sends it with Enter."""
    await field(person).fill(text)
    await field(person).press("Enter")


def messages(person: Person, state: str | None = None) -> Locator:
    """All messages, or those `saved`, `deleted`, `sending`, `unsaved` or `failed`."""
    found = person.page.get_by_test_id("message")
    return found if state is None else found.and_(person.page.locator(f"[data-state={state}]"))


def message(person: Person, text: str, state: str | None = "saved") -> Locator:
    return messages(person, state).filter(has_text=text)


async def said(person: Person) -> list[str]:
    """What the messages say, as they stand, without names and times."""
    return await messages(person).locator(".text").all_inner_texts()


async def answer(person: Person, text: str) -> None:
    """Makes the next message a reply to this one."""
    await message(person, text).hover()
    await message(person, text).get_by_test_id("message-reply").click()


async def choose(person: Person, text: str, entry: str) -> None:
    """An entry of a message's menu: `message-edit` or `message-delete`."""
    await message(person, text).hover()
    await message(person, text).get_by_test_id("message-menu").click()
    await person.page.get_by_test_id(entry).click()
