"""People with LiveKit's Python SDK: they show a picture of two halves, hum a tone, and look and
listen: what arrives is compared by its content."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from livekit import rtc

from tests.sfu.clients.server import SfuServer

WIDTH, HEIGHT, FPS = 640, 360, 10
RATE = 48_000
CHUNK = RATE // 100
PATIENCE_S = 40.0
# Encoders blur: a half is as bright as it was sent, give or take.
TOLERANCE = 25


@dataclass(frozen=True)
class Picture:
    """How bright the halves are: 16 is black, 235 white."""

    left: int
    right: int

    def frame(self) -> rtc.VideoFrame:
        luma = np.full((HEIGHT, WIDTH), self.left, np.uint8)
        luma[:, WIDTH // 2 :] = self.right
        chroma = np.full(HEIGHT * WIDTH // 2, 128, np.uint8)
        data = luma.tobytes() + chroma.tobytes()
        return rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.I420, data)

    def is_like(self, other: "Picture") -> bool:
        return abs(self.left - other.left) < TOLERANCE and abs(self.right - other.right) < TOLERANCE


def picture_of(frame: rtc.VideoFrame) -> Picture:
    """Measure the middle of each half."""
    plain = frame.convert(rtc.VideoBufferType.I420)
    luma = np.frombuffer(plain.data, np.uint8, plain.width * plain.height)
    rows = luma.reshape(plain.height, plain.width)
    middle = rows[plain.height // 4 : -plain.height // 4]
    quarter = plain.width // 4
    left = middle[:, quarter // 2 : quarter + quarter // 2]
    right = middle[:, -quarter - quarter // 2 : -(quarter // 2)]
    return Picture(round(float(left.mean())), round(float(right.mean())))


@dataclass
class Seen:
    """The pictures of one track that arrived."""

    frames: int = 0
    last: Picture = field(default_factory=lambda: Picture(0, 0))
    width: int = 0


@dataclass
class Heard:
    """The sound of one track that arrived: its last half second."""

    samples: list[int] = field(default_factory=list)

    def pitch_hz(self) -> float:
        """Give the loudest frequency, or 0 while there is too little to tell."""
        if len(self.samples) < RATE // 2:
            return 0
        wave = np.array(self.samples[-RATE // 2 :], np.float64)
        if float(np.abs(wave).max()) < 500:
            return 0
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
        return float(spectrum.argmax()) * 2


class Person:
    """One participant."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.room = rtc.Room()
        self.seen: dict[str, Seen] = {}
        self.heard: dict[str, Heard] = {}
        self.data: list[rtc.DataPacket] = []
        self.events: list[str] = []
        self.published: dict[str, rtc.LocalTrackPublication] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.room.on("track_subscribed", self._subscribed)
        self.room.on("data_received", self.data.append)
        for name in ("reconnecting", "reconnected", "disconnected"):
            self.room.on(name, self._noting(name))

    def _noting(self, name: str) -> Callable[..., None]:
        def note(*_: object) -> None:
            self.events.append(name)

        return note

    async def join(self, server: SfuServer, *, single: bool = True, **options: Any) -> None:
        grants = options.pop("grants", {})
        token = server.token(self.identity, **grants)
        chosen = rtc.RoomOptions(single_peer_connection=single, **options)
        async with asyncio.timeout(PATIENCE_S):
            await self.room.connect(server.url.replace("http", "ws"), token, chosen)

    async def show(self, picture: Picture, **options: Any) -> None:
        """Publish a camera that shows a picture."""
        source = rtc.VideoSource(WIDTH, HEIGHT)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        chosen = rtc.TrackPublishOptions(
            **{"source": rtc.TrackSource.SOURCE_CAMERA, "simulcast": False, **options}
        )
        self.published["camera"] = await self.room.local_participant.publish_track(track, chosen)
        self._tasks.append(asyncio.create_task(_film(source, picture)))

    async def hum(self, pitch_hz: int) -> None:
        """Publish a microphone that hears a tone."""
        source = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        chosen = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        done = await self.room.local_participant.publish_track(track, chosen)
        self.published["microphone"] = done
        self._tasks.append(asyncio.create_task(_hum(source, pitch_hz)))

    async def sees(self, identity: str, picture: Picture) -> None:
        """Wait until a picture of somebody arrives, and goes on arriving."""
        await until(
            lambda: identity in self.seen and self.seen[identity].last.is_like(picture),
            lambda: f"{self.identity} saw {self.seen}, not {picture} of {identity}",
        )
        before = self.seen[identity].frames
        await until(
            lambda: self.seen[identity].frames > before + 5,
            lambda: f"the picture of {identity} stands still for {self.identity}",
        )

    async def hears(self, identity: str, pitch_hz: int) -> None:
        await until(
            lambda: identity in self.heard and abs(self.heard[identity].pitch_hz() - pitch_hz) < 10,
            lambda: f"{self.identity} heard {[h.pitch_hz() for h in self.heard.values()]}",
        )

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()

    def _subscribed(
        self,
        track: rtc.RemoteTrack,
        _: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        watch = self._look if track.kind == rtc.TrackKind.KIND_VIDEO else self._listen
        self._tasks.append(asyncio.create_task(watch(track, participant.identity)))

    async def _look(self, track: rtc.RemoteTrack, identity: str) -> None:
        stream = rtc.VideoStream(track)
        async for event in stream:
            seen = self.seen.setdefault(identity, Seen())
            seen.frames += 1
            seen.width = event.frame.width
            seen.last = picture_of(event.frame)
        await stream.aclose()

    async def _listen(self, track: rtc.RemoteTrack, identity: str) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
        async for event in stream:
            heard = self.heard.setdefault(identity, Heard())
            heard.samples += list(event.frame.data)
            del heard.samples[: -RATE // 2]
        await stream.aclose()


async def _film(source: rtc.VideoSource, picture: Picture) -> None:
    frame = picture.frame()
    while True:
        source.capture_frame(frame)
        await asyncio.sleep(1 / FPS)


async def _hum(source: rtc.AudioSource, pitch_hz: int) -> None:
    at = 0
    while True:
        times = (np.arange(CHUNK) + at) / RATE
        wave = (8000 * np.sin(2 * math.pi * pitch_hz * times)).astype(np.int16)
        at += CHUNK
        await source.capture_frame(rtc.AudioFrame(wave.tobytes(), RATE, 1, CHUNK))


async def until(condition: Callable[[], object], why: Callable[[], str]) -> None:
    """Wait for a condition, or fail with a sentence."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - the SDK's threads set it
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(why()) from None


@asynccontextmanager
async def people(*identities: str) -> AsyncIterator[list[Person]]:
    """Make people, who leave at the end."""
    persons = [Person(identity) for identity in identities]
    try:
        yield persons
    finally:
        for person in persons:
            await person.close()
