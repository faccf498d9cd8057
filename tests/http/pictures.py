"""Pictures made for tests, good ones and bad ones."""

import io
import struct
import zlib

from PIL import Image


def encoded(
    kind: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **extra: object
) -> bytes:
    """A small picture: red, its top left corner blue."""
    picture = Image.new(mode, size, "red")
    picture.paste("blue", (0, 0, size[0] // 4, size[1] // 4))
    out = io.BytesIO()
    picture.save(out, kind, **extra)
    return out.getvalue()


def animated(kind: str) -> bytes:
    """Three frames: red, green, blue."""
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=100, loop=0)
    return out.getvalue()


def turned_photo() -> bytes:
    """A JPEG that says "turn me" (EXIF orientation 6), where it was taken, and hides words."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    return (
        encoded("JPEG", exif=exif.tobytes(), comment=b"hidden words") + b"<script>alert(1)</script>"
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few kilobytes that claims 3.6 gigapixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1_000_000, 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", pixels)
        + _chunk(b"IEND", b"")
    )


def png_with_text_bomb() -> bytes:
    """A good PNG with a comment that unpacks to 80 MB."""
    good = encoded("PNG")
    bomb = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 80_000_000, 9))
    return good[:33] + bomb + good[33:]
