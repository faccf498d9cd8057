"""The persimmon as a bitmap, for phones that put moim on their home screen and read no SVG."""

import io

from PIL import Image, ImageDraw

GROUND = "#fdf3ec"
FRUIT = "#d9591c"
LEAF = "#3f7148"
SHINE = "#f0823f"
FINER = 4


def png_icon(side: int) -> bytes:
    """A square PNG, drawn four times too large and scaled down for smooth edges."""
    unit = side * FINER / 64
    canvas = Image.new("RGB", (side * FINER, side * FINER), GROUND)
    draw = ImageDraw.Draw(canvas)

    def box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        return (x0 * unit, y0 * unit, x1 * unit, y1 * unit)

    draw.ellipse(box(11, 19, 53, 54), fill=FRUIT)
    draw.ellipse(box(17, 26, 24, 37), fill=SHINE)
    for x0, x1 in ((17, 32), (32, 47)):
        draw.ellipse(box(x0, 16, x1, 25), fill=LEAF)
    draw.ellipse(box(27.500, 19, 36.500, 31), fill=LEAF)
    draw.ellipse(box(29.500, 10, 34.500, 22), fill=LEAF)
    out = io.BytesIO()
    canvas.resize((side, side), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()
