"""The messages of a room as a file: for who sits there, whole, harmless wherever it is opened."""

import json
import re

import pytest
from httpx import AsyncClient

from moim.http.exports import as_json, as_markdown
from moim.http.ports import Said
from moim.meeting.ids import CommandId, Identity
from moim.meeting.messages import ChatMessage
from tests.http.conftest import House
from tests.http.rooms import RoomsInMemory

MINA = Identity("u_mina")
DAY_MS = 24 * 3600 * 1000


def message(seq: int, text: str, **more: object) -> ChatMessage:
    made = ChatMessage(
        seq=seq,
        command_id=CommandId(f"c{seq}"),
        author=MINA,
        name="Mina",
        at_ms=1_767_225_600_000 + seq * 60_000,
        text=text,
    )
    return made.but(**more)


async def said(*messages: ChatMessage, name: str = "Friday tea") -> Said:
    rooms = RoomsInMemory()
    rooms.put("tea", name)
    rooms.seats.add(("tea", MINA))
    rooms.messages = list(messages)
    return await rooms.said("tea", MINA)


async def test_json_has_every_message_and_tombstones() -> None:
    messages = [message(n, f'"말" {n}\n') for n in range(1, 6)] + [message(6, "", deleted=True)]
    text = "".join([part async for part in as_json(await said(*messages))])
    told = json.loads(text)
    assert told["room"] == {"slug": "tea", "name": "Friday tea"}
    assert [ChatMessage.model_validate(one) for one in told["messages"]] == messages


async def test_an_empty_room_is_json_too() -> None:
    text = "".join([part async for part in as_json(await said())])
    assert json.loads(text)["messages"] == []


async def test_markdown_has_days_names_and_lines_and_nothing_of_what_was_deleted() -> None:
    messages = [
        message(1, "one\ntwo"),
        message(2, "gone", deleted=True),
        message(3, "three", at_ms=1_767_225_600_000 + DAY_MS, reactions={MINA: "👍"}),
    ]
    text = "".join([part async for part in as_markdown(await said(*messages))])
    assert text == (
        "# Friday tea\n"
        "\n## 2026-01-01\n"
        "\n**Mina** · 00:01 UTC\n\n> one\\\n> two\n"
        "\n## 2026-01-02\n"
        "\n**Mina** · 00:00 UTC\n\n> three\\\n> 👍\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[click](javascript:alert(1))",
        "![x](https://tracker.example/x.png)",
        "# heading",
        "- item",
        "12. item",
        "> quoted",
        "a | b",
        "`code`",
        "&lt;b&gt;",
    ],
)
async def test_what_people_wrote_is_text_in_markdown(text: str) -> None:
    written = "".join([part async for part in as_markdown(await said(message(1, text)))])
    quoted = written.rsplit("\n> ", 1)[1]
    assert re.sub(r"\\(.)", r"\1", quoted).rstrip("\n") == text
    assert not re.search(r"(?<!\\)[<>\[\]`#|&]", quoted)
    assert not re.match(r"([-+=]|\d+[.)])", quoted)


@pytest.mark.parametrize("ending", ["json", "md"])
async def test_only_who_sits_there_or_is_its_host_gets_the_file(
    house: House, browser: AsyncClient, ending: str
) -> None:
    house.rooms.put("tea")
    house.rooms.messages = [message(n, "between us") for n in range(1, 6)]
    identity = house.site.identities.mint()
    bearer = {"authorization": f"Bearer {house.site.identities.token(identity)}", "accept": "*/*"}
    path = f"/r/tea/chat.{ending}"
    refused = await browser.get(path, headers=bearer)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_present")
    house.rooms.seats.add(("tea", identity))
    given = await browser.get(path, headers=bearer)
    assert given.status_code == 200
    assert given.text.count("between us") == 5
    assert given.headers["content-disposition"] == f'attachment; filename="tea.{ending}"'
    assert given.headers["x-content-type-options"] == "nosniff"
    assert given.headers["cache-control"] == "no-store"
    unknown = await browser.get(f"/r/none/chat.{ending}", headers=bearer)
    assert unknown.status_code == 404
