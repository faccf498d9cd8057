"""The bus on Redis Pub/Sub: a channel for each open room. It carries news and no truth.

Nothing here waits for Redis or fails because of it: what cannot be told is lost, and the others
read it in the journal within a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from moim.live.news import News, read, write
from moim.meeting.ids import RoomId

CHANNEL: Final = "moim:room:"
EVERYBODY: Final = "moim:servers"
MOST_WAITING: Final = 10_000
AT_ONCE: Final = 200
TIMEOUT_S: Final = 3
RETRY_S: Final = 0.5
_log = structlog.get_logger("moim.live")

Hear = Callable[[RoomId, News], None]
HearServers = Callable[[str], None]


class RedisBus:
    """`Bus` of several servers. `start` before use, `stop` after."""

    active = True

    def __init__(self, url: str, me: str) -> None:
        self._me = me
        self._redis = Redis.from_url(
            url,
            socket_connect_timeout=TIMEOUT_S,
            socket_timeout=None,
            health_check_interval=0,
            decode_responses=True,
        )
        self._hear: Hear | None = None
        self._hear_servers: HearServers | None = None
        self._rooms: set[RoomId] = set()
        self._pubsub: PubSub | None = None
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue(MOST_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self.connected = False
        """Whether news come in at this moment."""

    def start(self, hear: Hear, hear_servers: HearServers) -> None:
        """Begin to listen: `hear` gets the news of rooms, `hear_servers` what concerns no room."""
        self._hear, self._hear_servers = hear, hear_servers
        self._tasks = [
            asyncio.create_task(self._for_ever(self._listen), name="bus in"),
            asyncio.create_task(self._for_ever(self._publish), name="bus out"),
        ]

    async def stop(self) -> None:
        """Tell what waits, if that is quick, and close."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._waiting.join(), RETRY_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._redis.aclose()

    async def join(self, room: RoomId) -> None:
        """Hear the news of a room from now on."""
        self._rooms.add(room)
        if self._pubsub is not None and self.connected:
            try:
                await self._pubsub.subscribe(CHANNEL + room)
            except (RedisError, OSError):
                self.connected = False  # the listener finds out, and subscribes to all again

    def leave(self, room: RoomId) -> None:
        """Hear them no more; what still comes is for nobody."""
        self._rooms.discard(room)
        if self._pubsub is not None and self.connected:
            self._errand(self._unsubscribe(self._pubsub, room))

    async def _unsubscribe(self, pubsub: PubSub, room: RoomId) -> None:
        if room not in self._rooms:
            await pubsub.unsubscribe(CHANNEL + room)

    def _errand(self, work: Awaitable[None]) -> None:
        async def quietly() -> None:
            try:
                await work
            except (RedisError, OSError):
                self.connected = False

        task = asyncio.create_task(quietly())
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    def tell(self, room: RoomId, news: News) -> None:
        """Tell the other servers; lost when Redis is away or too slow."""
        self._put(CHANNEL + room, write(self._me, news))

    def tell_servers(self, text: str) -> None:
        """Tell every server something that concerns no room."""
        self._put(EVERYBODY, text)

    def _put(self, channel: str, text: str) -> None:
        if self._waiting.full():
            self._waiting.get_nowait()  # the oldest is the one that the journal has told since
            self._waiting.task_done()
        self._waiting.put_nowait((channel, text))

    async def _for_ever(self, work: Callable[[], Awaitable[None]]) -> None:
        said = False
        while True:
            try:
                await work()
            except (RedisError, OSError, TimeoutError) as error:
                if not said:
                    _log.warning("bus_away", cause=f"{type(error).__name__}: {error}")
                said = True
            except Exception:
                _log.exception("bus_broke")
            await asyncio.sleep(RETRY_S)

    async def _publish(self) -> None:
        while True:
            some = [await self._waiting.get()]
            while not self._waiting.empty() and len(some) < AT_ONCE:
                some.append(self._waiting.get_nowait())
            try:
                async with (
                    asyncio.timeout(TIMEOUT_S),
                    self._redis.pipeline(transaction=False) as pipeline,
                ):
                    for channel, text in some:
                        pipeline.publish(channel, text)
                    await pipeline.execute()
            finally:
                for _ in some:
                    self._waiting.task_done()

    async def _listen(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(EVERYBODY, *(CHANNEL + room for room in self._rooms))
            self._pubsub, self.connected = pubsub, True
            try:
                while self.connected:
                    message = await pubsub.get_message(timeout=1)
                    if message is not None:
                        self._heard(message["channel"], message["data"])
            finally:
                self._pubsub, self.connected = None, False

    def _heard(self, channel: str, text: str) -> None:
        if self._hear is None or self._hear_servers is None:
            return
        if channel == EVERYBODY:
            self._hear_servers(text)
            return
        try:
            server, news = read(text)
        except (KeyError, ValueError):
            _log.warning("bus_unreadable")  # of a newer moim: the journal tells it
            return
        if server != self._me:
            self._hear(RoomId(channel.removeprefix(CHANNEL)), news)
