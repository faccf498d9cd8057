"""How long a search takes in a room of 100,000 messages: `python bench/search.py [messages]`.

Writes a room into a temporary database as the migration of an older one would, then asks for words
that are rare, common, everywhere and nowhere, each as one request of a browser. The last line is
one JSON object: `{"messages", "database_mb", "p50_ms", "p95_ms", "slowest_ms"}`.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from moim.meeting.ids import ROOM, Identity, RoomId
from moim.storage import search_index
from moim.storage.batch import Batch, Statement
from moim.storage.database import Database
from moim.storage.grams import folded
from moim.storage.messages import Messages
from moim.storage.schema import bring_up_to_date
from moim.storage.tables import message, room

TEA = RoomId("RM_bench")
MINA = Identity("u_mina")
AT_ONCE = 2000
TIMES = 20
SAY = Statement(insert(message))
KOREAN = (
    "오늘 내일 회의 시간 장소 점심 저녁 커피 자료 발표 일정 확인 부탁 감사 사진 링크 파일 "
    "프로젝트 마감 연락 주말 여행 기차 버스 우산 날씨 저는 제가 그럼 혹시 정말 아마"
).split()
ENDINGS = "은 는 이 가 을 를 에서 으로 까지 부터 이에요 했어요 할게요 인가요".split()
ENGLISH = (
    "the and that have for not with you this but from they say her she will one all would there "
    "their what out about who get which when make can like time just know take people into year "
    "meeting agenda schedule tomorrow lunch coffee slides deadline project weekend"
).split()
ASKED = (
    "회의",
    "정기회의록",
    "망고",
    "the",
    "ing",
    "schedul",
    "zq",
    "회의 schedul",
    "마감까지",
    "th an",
)


def sentence(dice: random.Random) -> str:
    words = []
    for _ in range(dice.randint(3, 14)):
        korean = dice.random() < 0.5
        word = dice.choice(KOREAN) + dice.choice(ENDINGS) if korean else dice.choice(ENGLISH)
        words.append(word)
    return " ".join(words)


def rows(first: int, count: int, dice: random.Random) -> list[dict[str, Any]]:
    made = []
    for seq in range(first, first + count):
        text = "다음주정기회의록은 망고 옆에 있어요" if seq % 25_000 == 1 else sentence(dice)
        made.append(
            {
                "room_id": TEA,
                "seq": seq,
                "command_id": f"c{seq}",
                "author": MINA,
                "name": "Mina",
                "at_ms": seq,
                "text": text,
                "folded": folded(text),
                "stream": ROOM,
                "deleted": False,
            }
        )
    return made


async def fill(database: Database, messages: int) -> None:
    dice = random.Random(7)  # noqa: S311 - the same room each time
    bare = {"slug": "bench", "name": "Bench", "listed": False, "locked": False, "people": 0}
    async with database.writing() as connection:
        times = {"created_ms": 0, "active_ms": 0, "seq": messages}
        await connection.execute(insert(room).values(id=TEA, **bare, **times))
    for first in range(1, messages + 1, AT_ONCE):
        made = rows(first, min(AT_ONCE, messages - first + 1), dice)
        batch = Batch()
        batch.add(SAY, made)
        search_index.add(batch, TEA, [(ROOM, row["seq"], row["folded"]) for row in made])
        await database.write(batch)


async def main(messages: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "moim.db"
        database = Database(f"sqlite+aiosqlite:///{file.as_posix()}")
        await bring_up_to_date(database)
        await fill(database, messages)
        took_ms = []
        for text in ASKED:
            mine = []
            for _ in range(TIMES):
                begun = time.perf_counter()
                found, more = await Messages(database).search(TEA, MINA, text, None)
                mine.append((time.perf_counter() - begun) * 1000)
            took_ms += mine
            goes_on = "and on" if more else "that is all"
            print(f"{text!r:>16} {statistics.median(mine):6.1f} ms, {len(found)} found, {goes_on}")
        await database.close()
        figures = {
            "messages": messages,
            "database_mb": round(file.stat().st_size / 1e6),
            "p50_ms": round(statistics.median(took_ms), 1),
            "p95_ms": round(statistics.quantiles(took_ms, n=20)[-1], 1),
            "slowest_ms": round(max(took_ms), 1),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
