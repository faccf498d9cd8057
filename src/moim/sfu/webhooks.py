"""Webhooks: each event is posted to each address, signed, in the order of its room.

A delivery is repeated with growing pauses; meanwhile the room's later events wait, up to a bound
beyond which they are dropped and counted in the next one that arrives (`num_dropped`).
Source: livekit protocol webhook/notifier.go: the bare token in Authorization, its claim `sha256`.
"""

import asyncio
import base64
import hashlib
from collections import deque
from typing import Final

import aiohttp
import structlog
from livekit.protocol.webhook import WebhookEvent

from moim.sfu.config import Webhook
from moim.sfu.frames import to_json
from moim.sfu.tokens import Keys

CONTENT_TYPE: Final = "application/webhook+json"
TOKEN_S: Final = 300
ATTEMPT_S: Final = 10
PAUSES_S: Final = (0.25, 1, 4, 15, 30)
MOST_QUEUED: Final = 100
STOP_PATIENCE_S: Final = 2
_log = structlog.get_logger("moim.sfu")


class _Queue:
    """What waits for one room at one address."""

    def __init__(self) -> None:
        self.events: deque[WebhookEvent] = deque()
        self.dropped = 0
        self.task: asyncio.Task[None] | None = None


class Webhooks:
    """Made inside a running loop."""

    def __init__(self, config: Webhook, keys: Keys) -> None:
        self._config = config
        self._keys = keys
        self._queues: dict[tuple[str, str], _Queue] = {}
        self._session: aiohttp.ClientSession | None = None

    def tell(self, event: WebhookEvent) -> None:
        """Queue an event; never waits."""
        for url in self._config.urls:
            key = (event.room.sid, url)
            queue = self._queues.setdefault(key, _Queue())
            if len(queue.events) >= MOST_QUEUED:
                queue.dropped += 1
                continue
            queue.events.append(event)
            if queue.task is None:
                queue.task = asyncio.create_task(self._deliver(key, queue))

    async def close(self) -> None:
        """Give what waits a moment, then let go of it."""
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_PATIENCE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver(self, key: tuple[str, str], queue: _Queue) -> None:
        while queue.events:
            event = WebhookEvent()
            event.CopyFrom(queue.events[0])
            event.num_dropped = queue.dropped
            if await self._post(key[1], event):
                queue.dropped = 0
            else:
                queue.dropped += 1
                _log.warning("webhook_given_up", webhook_event=event.event)
            queue.events.popleft()
        queue.task = None
        del self._queues[key]

    async def _post(self, url: str, event: WebhookEvent) -> bool:
        body = to_json(event).encode()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        for pause_s in (*PAUSES_S, None):
            token = self._keys.sign_body(digest, TOKEN_S, key=self._config.api_key)
            headers = {
                "Content-Type": CONTENT_TYPE,
                "Authorization": token,
                "User-Agent": "LiveKit",
            }
            try:
                timeout = aiohttp.ClientTimeout(total=ATTEMPT_S)
                async with self._http().post(
                    url, data=body, headers=headers, timeout=timeout, allow_redirects=False
                ) as response:
                    if response.status < 300:
                        return True
                    why = str(response.status)
            except (aiohttp.ClientError, TimeoutError) as error:
                why = type(error).__name__
            _log.info("webhook_failed", webhook_event=event.event, why=why)
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        return False

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session
