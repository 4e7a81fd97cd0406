"""Images as half blocks: each cell of the terminal shows two pixels, one above the other.

Everything here is pure and may run in a thread. What cannot be decoded is told in words, never raised.
"""

from __future__ import annotations

import base64
import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING

from rich.color import Color
from rich.style import Style

from tui.protocol.viewing import Pixels
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen

if TYPE_CHECKING:
    from PIL.Image import Image

ROWS = 20
"""Lines that an image takes at most."""
MOST_PIXELS = 40_000_000
"""Pixels of a file above which it is not decoded: a small file may hold a huge image."""
KEPT = (240, 96)
"""Width and height in pixels that a decoded image is reduced to."""
DRAWN = (64, 40)
"""Width and height in pixels at which a figure is usually drawn."""
_LIGHT = 230
"""Brightness of the ground of a light figure, at least."""
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG"}
ZOOM = 8
"""Cells that one pixel of a small image is wide at most."""

_BROKEN = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError, MemoryError,
    struct.error, zlib.error,
)  # fmt: skip


class NoImage(Exception):
    """A file that is not drawn; the message says why, in a few words."""


def decode_image(data: str, mime: str) -> Pixels:
    """Return an image file (base64) as pixels, reduced to what a terminal can show; transparent parts are white.

    Raises:
        NoImage: broken, too large, or of a kind that is not drawn.
    """
    if mime not in FORMATS:
        raise NoImage("not drawn")
    try:
        from PIL import Image
    except ImportError:
        raise NoImage("Pillow is not installed") from None
    try:
        file = BytesIO(base64.b64decode(data))
        with Image.open(file, formats=(FORMATS[mime],)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise NoImage(f"{width:,} x {height:,} pixels are too many to draw")
            image.draft("RGB", KEPT)  # a JPEG is decoded at a fraction of its size
            small = _thickened(_flat(image))
        small.thumbnail(KEPT)
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise NoImage(f"cannot be decoded: {type(error).__name__}") from None
    rgb = base64.b64encode(small.tobytes()).decode()
    return Pixels(small.width, small.height, rgb, (height, width), "")


def _flat(image: Image) -> Image:
    """Return an image in RGB, laid on white where it is transparent."""
    from PIL import Image as images

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        above = image.convert("RGBA")
        ground = images.new("RGBA", above.size, "white")
        ground.alpha_composite(above)
        return ground.convert("RGB")
    return image.convert("RGB")


def _thickened(image: Image) -> Image:
    """Return a figure with its lines so thick that they stay visible when it is reduced; any other image as it is.

    A figure is what has one light or one dark colour in all four corners.
    """
    from PIL import ImageFilter

    width, height = image.size
    factor = min(width / DRAWN[0], height / DRAWN[1])
    corners = {image.getpixel((x, y)) for x in (0, width - 1) for y in (0, height - 1)}
    if factor < 3 or len(corners) != 1:
        return image
    corner = corners.pop()
    if not isinstance(corner, tuple):
        return image
    size = min(round(factor) // 2 * 2 - 1, 9)  # odd, a little less than what becomes one pixel
    if min(corner) >= _LIGHT:
        return image.filter(ImageFilter.MinFilter(size))
    return image.filter(ImageFilter.MaxFilter(size)) if max(corner) <= 255 - _LIGHT else image


def half_blocks(pixels: Pixels, width: int, rows: int = ROWS) -> list[StyledLine]:
    """Return an image as at most `rows` lines of at most `width` cells; small ones are enlarged whole times.

    A cell is twice as high as wide, so that a half block is a square.
    """
    from PIL import Image

    raw = base64.b64decode(pixels.rgb)
    if pixels.width < 1 or pixels.height < 1 or len(raw) != pixels.width * pixels.height * 3:
        return []
    image = Image.frombytes("RGB", (pixels.width, pixels.height), raw)
    across, down = fitted(pixels.width, pixels.height, max(width, 1), 2 * max(rows, 1))
    if across > pixels.width:
        image = image.resize((across, down), Image.Resampling.NEAREST)
    elif (across, down) != image.size:
        image = image.resize((across, down), Image.Resampling.BOX)
    return _lines(image.tobytes(), across, down)


def fitted(width: int, height: int, most_width: int, most_height: int) -> tuple[int, int]:
    """Return the size at which an image is drawn, its proportions kept."""
    zoom = min(most_width // width, most_height // height, ZOOM)
    if zoom >= 1:
        return width * zoom, height * zoom
    scale = min(most_width / width, most_height / height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _lines(raw: bytes, across: int, down: int) -> list[StyledLine]:
    lines = []
    for top in range(0, down, 2):
        pen = Pen()
        for left in range(across):
            above = (top * across + left) * 3
            below = above + across * 3
            colour = Color.from_rgb(*raw[above : above + 3])
            ground = Color.from_rgb(*raw[below : below + 3]) if top + 1 < down else None
            pen.write("▀", Style.from_color(colour, ground))
        lines.append(pen.line())
    return lines
