"""Files as a person gives and gets them."""

import hashlib
import random
from pathlib import Path

from playwright.async_api import Locator, expect

from tests.browser.party import Party
from tests.browser.person import Person
from tests.browser.server import Links

MIB = 1024 * 1024


async def two_with_files(party: Party, room: Links, **options: object) -> tuple[Person, Person]:
    """Mina and Jun, guests without devices, each with the files open and a way to the other."""
    mina = await holder(party, room, "Mina", **options)
    jun = await holder(party, room, "Jun", **options)
    return mina, jun


async def holder(party: Party, room: Links, name: str, **options: object) -> Person:
    """Somebody who came without devices, with the files open."""
    person = await party.person(devices=(), **options)  # type: ignore[arg-type]
    await person.open(room.guest)
    await person.join(name)
    await open_files(person)
    return person


async def open_files(person: Person) -> None:
    await person.page.keyboard.press("f")
    await expect(person.page.get_by_test_id("files-pick")).to_be_visible()


def file_of(folder: Path, name: str, size: int) -> Path:
    """A file whose bytes nobody can guess or pack."""
    path = folder / name
    path.write_bytes(random.Random(size).randbytes(size))
    return path


async def give(person: Person, *paths: Path) -> None:
    await person.page.get_by_test_id("files-input").set_input_files(paths)


def given(person: Person) -> Locator:
    return person.page.get_by_test_id("file-given")


def received(person: Person, state: str | None = None) -> Locator:
    """Files that came straight from somebody: `offered`, `receiving`, `done`, ..."""
    found = person.page.get_by_test_id("file-received")
    return found if state is None else found.and_(person.page.locator(f"[data-state={state}]"))


def kept(person: Person) -> Locator:
    """Files of the room."""
    return person.page.get_by_test_id("file-kept")


async def saved(person: Person, button: Locator) -> tuple[str, str]:
    """What a button saves: the name, and the SHA-256 of what is in it."""
    async with person.page.expect_download() as saving:
        await button.click()
    download = await saving.value
    path = await download.path()
    return download.suggested_filename, hashlib.sha256(path.read_bytes()).hexdigest()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def got_bytes(one: Locator) -> int:
    """How far a transfer is, by its first line."""
    line = one.get_by_test_id("file-progress").first
    if not await line.count():
        return 0
    return int(await line.get_attribute("data-got", timeout=1000) or 0)
