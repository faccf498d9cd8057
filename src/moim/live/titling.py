"""Follows the links of what is said in a room, and adds what the pages are called.

It is an errand: nobody waits for it, and what comes too late or too often is left.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable

from moim.live.draft import Placed
from moim.live.ports import Clock, TitleFinder
from moim.meeting.errors import Unavailable
from moim.meeting.features.chat import AddTitles, MessageEdited, MessageSent
from moim.meeting.ids import SYSTEM, CommandId, Identity
from moim.meeting.messages import LINKS_TITLED, LinkTitle

RUNNING_MOST = 4
STARTED_PER_MINUTE = 30
LINK_LETTERS = 2000
_LINK = re.compile(r"https?://[^\s<>\"'`]+", re.IGNORECASE)
_AFTER = ".,;:!?…。、·)]}'\"”’"

Submit = Callable[[Identity, CommandId, AddTitles], object]


def links_in(text: str) -> list[str]:
    """The first links of a text, each once, without the punctuation behind them."""
    found = (link.rstrip(_AFTER) for link in _LINK.findall(text))
    return list(dict.fromkeys(link for link in found if len(link) <= LINK_LETTERS))[:LINKS_TITLED]


class Titling:
    """The errands of one room."""

    def __init__(self, finder: TitleFinder, clock: Clock, submit: Submit) -> None:
        self._finder = finder
        self._clock = clock
        self._submit = submit
        self._running: set[asyncio.Task[None]] = set()
        self._started_ms: deque[int] = deque(maxlen=STARTED_PER_MINUTE)

    def follow(self, placed: Iterable[Placed]) -> None:
        """Start what the new messages ask for."""
        for one in placed:
            match one.stored.event:
                case MessageSent(text=text):
                    self._start(one.stored.seq, one.stored.seq, text)
                case MessageEdited(about=about, text=text):
                    self._start(about, one.stored.seq, text)
                case _:
                    continue

    def _start(self, seq: int, said_by: int, text: str) -> None:
        links = links_in(text)
        if not links or not self._may_start():
            return
        task = asyncio.create_task(self._find(seq, said_by, text, links))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _may_start(self) -> bool:
        now_ms = self._clock.now_ms()
        full = len(self._started_ms) == STARTED_PER_MINUTE
        if len(self._running) >= RUNNING_MOST or (full and now_ms - self._started_ms[0] < 60_000):
            return False
        self._started_ms.append(now_ms)
        return True

    async def _find(self, seq: int, said_by: int, text: str, links: list[str]) -> None:
        found = [(link, await self._finder.find(link)) for link in links]
        titles = tuple(LinkTitle(url=link, title=title) for link, title in found if title)
        if not titles:
            return
        try:
            # by the event that says it: two servers that follow it do one thing
            command_id = CommandId(f"titles-{said_by}")
            self._submit(SYSTEM, command_id, AddTitles(seq=seq, text=text, titles=titles))
        except Unavailable:
            return  # the room is closing

    async def stop(self) -> None:
        """Leave what is under way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
