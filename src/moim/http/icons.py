"""The persimmon as a bitmap, for phones that put moim on their home screen and read no SVG."""

import io
from functools import cache

from PIL import Image, ImageDraw

GROUND = "#fff6ee"
FRUIT = "#ea7a1d"
LEAF = "#5d7a3e"
SHINE = "#f6a04e"
STALK = "#6b5138"
FINER = 4


@cache
def png_icon(side: int) -> bytes:
    """A square PNG, drawn four times too large and scaled down for smooth edges."""
    unit = side * FINER / 64
    canvas = Image.new("RGB", (side * FINER, side * FINER), GROUND)
    draw = ImageDraw.Draw(canvas)

    def box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        return (x0 * unit, y0 * unit, x1 * unit, y1 * unit)

    draw.rounded_rectangle(box(12, 21, 52, 52), 15 * unit, fill=FRUIT)
    draw.ellipse(box(17, 28, 22, 38), fill=SHINE)
    draw.ellipse(box(15, 19, 32, 27), fill=LEAF)
    draw.ellipse(box(32, 19, 49, 27), fill=LEAF)
    draw.ellipse(box(24, 20, 32, 33), fill=LEAF)
    draw.ellipse(box(32, 20, 40, 33), fill=LEAF)
    draw.rounded_rectangle(box(30, 13, 34, 24), 2 * unit, fill=STALK)
    out = io.BytesIO()
    canvas.reduce(FINER).save(out, "PNG")
    return out.getvalue()
