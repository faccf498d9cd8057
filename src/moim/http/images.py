"""Uploaded images: checked by their content, decoded within limits, encoded anew.

Only pixels survive: no EXIF (its orientation is applied), no place, no thumbnail, no bytes behind
the picture's end. An animation is kept as its first picture: it would move beside faces without a
way to stop it (WCAG 2.2, 2.2.2), and its length is the easiest way to make a decoder work.
"""

import asyncio
import io
import math
import secrets
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import ImageCms, ImageOps
from PIL.Image import Image as Picture

from moim.meeting.errors import ErrorCode, Refused, Unavailable
from moim.meeting.ids import FileId, Identity, RoomId
from moim.meeting.images import Image, MediaType
from moim.storage.images import ImageStore

# What is kept is at most this large: enough for every screen, and quick to load.
KEPT_PIXELS = 12_000_000
# WebP holds no longer side than 16383.
KEPT_SIDE = 16_000
DECODING_AT_ONCE = 2
UPLOADS_AT_ONCE = 16
UPLOADS_OF_ONE = 3

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
# Everything that decoders of hostile bytes raise; `Warning` where warnings are errors.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Pillow.DecompressionBombError,
    Warning,
)


@dataclass(frozen=True, slots=True)
class Clean:
    """An image as it is stored."""

    data: bytes
    media_type: MediaType
    width: int
    height: int


def clean(raw: bytes, max_pixels: int) -> Clean:
    """Check and re-encode an image. Takes up to seconds of one processor: call it in a thread.

    Raises: `image_type_refused`, `image_too_large` (pixels, before any is decoded),
    `image_unreadable`.
    """
    if not _known_type(raw):
        raise Refused(ErrorCode.IMAGE_TYPE_REFUSED)
    try:
        with Pillow.open(io.BytesIO(raw), formats=_FORMATS) as opened:
            width, height = opened.size
            if width * height > max_pixels:
                raise Refused(ErrorCode.IMAGE_TOO_LARGE)
            return _encoded(_upright(opened), opened.format or "")
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise Refused(ErrorCode.IMAGE_TOO_LARGE) from None
    except _BROKEN:
        raise Refused(ErrorCode.IMAGE_UNREADABLE) from None


def _known_type(raw: bytes) -> bool:
    """By the first bytes. A name or a Content-Type says nothing: SVG and HTML can call themselves
    PNG, and end here."""
    return (
        raw.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))
        or (raw[:4] == b"RIFF" and raw[8:12] == b"WEBP")
        or (raw[4:8] == b"ftyp" and raw[8:12] in (b"avif", b"avis", b"mif1"))
    )


def _upright(opened: Picture) -> Picture:
    if opened.format in ("JPEG", "MPO"):
        # Lets the JPEG decoder skip what would be thrown away; never below what is kept.
        opened.draft("RGB", _kept_size(*opened.size))
    opened.seek(0)
    opened.load()
    profile = opened.info.get("icc_profile")
    picture = ImageOps.exif_transpose(opened)
    if picture.mode not in ("RGB", "RGBA"):
        seen_through = picture.has_transparency_data
        picture = picture.convert("RGBA" if seen_through else "RGB")
        profile = profile if opened.mode in ("RGB", "RGBA") else None
    if profile:
        picture = _to_srgb(picture, profile)
    size = _kept_size(*picture.size)
    return picture if size == picture.size else picture.resize(size, Pillow.Resampling.LANCZOS)


def _kept_size(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, math.sqrt(KEPT_PIXELS / (width * height)), KEPT_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _to_srgb(picture: Picture, profile: bytes) -> Picture:
    """Phones take pictures in wider colours; without their profile they would look pale."""
    try:
        converted = ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode=picture.mode,
        )
    except (ImageCms.PyCMSError, *_BROKEN):
        return picture
    return converted or picture


def _encoded(picture: Picture, source_format: str) -> Clean:
    # A picture made of nothing but its pixels: whatever else the file said is in no `info` now.
    bare = Pillow.new(picture.mode, picture.size)
    bare.paste(picture)
    out = io.BytesIO()
    media_type: MediaType
    if source_format in ("JPEG", "MPO"):
        media_type = "image/jpeg"
        bare.convert("RGB").save(out, "JPEG", quality=88, optimize=True, progressive=True)
    elif source_format in ("PNG", "GIF"):
        media_type = "image/png"
        bare.save(out, "PNG", optimize=picture.width * picture.height < 2_000_000)
    else:
        media_type = "image/webp"
        bare.save(out, "WEBP", quality=85, method=4)
    return Clean(out.getvalue(), media_type, *bare.size)


class ImageDesk:
    """Takes uploads in, few at a time: memory and processors are shared with the calls."""

    def __init__(self, store: ImageStore, max_bytes: int, max_pixels: int) -> None:
        self.store = store
        self.max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._decoding = asyncio.Semaphore(DECODING_AT_ONCE)
        self._uploading: Counter[Identity] = Counter()

    @contextmanager
    def place(self, identity: Identity) -> Iterator[None]:
        """A place among the uploads under way. Raises: `busy`, `rate_limited`."""
        if self._uploading[identity] >= UPLOADS_OF_ONE:
            raise Refused(ErrorCode.RATE_LIMITED)
        if self._uploading.total() >= UPLOADS_AT_ONCE:
            raise Unavailable(ErrorCode.BUSY)
        self._uploading[identity] += 1
        try:
            yield
        finally:
            self._uploading[identity] -= 1
            if not self._uploading[identity]:
                del self._uploading[identity]

    async def take_in(self, room: RoomId, raw: bytes) -> Image:
        """Clean an upload and store it. Raises: what `clean` and `ImageStore.keep` raise."""
        async with self._decoding:
            cleaned = await asyncio.to_thread(clean, raw, self._max_pixels)
        file_id = FileId("F_" + secrets.token_urlsafe(16))
        await self.store.keep(room, file_id, cleaned.data)
        return Image(
            file_id=file_id,
            media_type=cleaned.media_type,
            width=cleaned.width,
            height=cleaned.height,
            bytes=len(cleaned.data),
        )
