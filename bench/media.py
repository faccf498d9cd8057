"""Encodes what the load generator plays: VP8 in three sizes, Opus.

    python bench/media.py FOLDER

Each file is a row of frames: the length (four bytes, little-endian), a byte that is 1 for a key
frame, the frame. A recording begins with a key frame and has no other: the generator begins anew
where a viewer needs one, as an encoder would make one. The picture moves and is noisy, so that the
encoder reaches its rate and spreads it over the frames as it does with a camera.
"""

import struct
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SECONDS = 8
# Name, size, frames and bits a second: the layers of LiveKit's clients at 720p.
VIDEO = (
    ("180p", 320, 180, 20, 160_000),
    ("360p", 640, 360, 30, 450_000),
    ("720p", 1280, 720, 30, 2_000_000),
)
AUDIO_BPS = 32_000
AUDIO_HZ = 48_000
AUDIO_FRAME = 960


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, width, height, fps, bps in VIDEO:
        write(folder / f"{name}.frames", video(width, height, fps, bps))
    write(folder / "opus.frames", audio())


def write(path: Path, packets: Iterator[tuple[bool, bytes]]) -> None:
    rows = (struct.pack("<IB", len(data), key) + data for key, data in packets)
    path.write_bytes(b"".join(rows))


def video(width: int, height: int, fps: int, bps: int) -> Iterator[tuple[bool, bytes]]:
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps)
    encoder.bit_rate = bps
    encoder.gop_size = SECONDS * fps * 2
    # As WebRTC encodes: at once, at a constant rate, in parts that survive alone.
    encoder.options = {
        "deadline": "realtime",
        "cpu-used": "8",
        "lag-in-frames": "0",
        "error-resilient": "default",
        "minrate": str(bps),
        "maxrate": str(bps),
        "bufsize": str(bps),
        "undershoot-pct": "100",
        "overshoot-pct": "15",
    }
    dice = np.random.default_rng(7)
    rows, columns = np.mgrid[0:height, 0 : width * 2]
    scene = 96 + 64 * np.sin(columns / 31) * np.cos((rows - columns) / 23)
    noises = [dice.normal(0, 5, (height, width)) for _ in range(5)]
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    for number in range(SECONDS * fps):
        shift = number * width // (4 * fps) % width
        luma = scene[:, shift : shift + width] + noises[number % len(noises)]
        picture[:height] = np.clip(luma, 16, 235).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            yield packet.is_keyframe, bytes(packet)
    for packet in encoder.encode(None):
        yield packet.is_keyframe, bytes(packet)


def audio() -> Iterator[tuple[bool, bytes]]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = AUDIO_HZ, "mono", "s16"
    encoder.bit_rate = AUDIO_BPS
    encoder.options = {"application": "voip", "frame_duration": "20", "vbr": "on"}
    dice = np.random.default_rng(7)
    for number in range(SECONDS * AUDIO_HZ // AUDIO_FRAME):
        time = (np.arange(AUDIO_FRAME) + number * AUDIO_FRAME) / AUDIO_HZ
        voice = np.sin(440 * time) + np.sin(1_330 * time) + dice.normal(0, 0.3, AUDIO_FRAME)
        samples = (voice * 4_000 * (1 + np.sin(5 * time))).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = AUDIO_HZ, number * AUDIO_FRAME
        for packet in encoder.encode(frame):
            yield True, bytes(packet)


if __name__ == "__main__":
    main()
