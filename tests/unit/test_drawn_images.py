from __future__ import annotations

import base64
import struct
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.style import Style

from tui.protocol.viewing import Pixels
from tui.widgets.drawn.images import KEPT, ROWS, NoImage, decode_image, fitted, half_blocks

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def pixels(*rows: list[tuple[int, int, int]]) -> Pixels:
    raw = bytes(part for row in rows for colour in row for part in colour)
    size = (len(rows), len(rows[0]))
    return Pixels(size[1], size[0], base64.b64encode(raw).decode(), size, "[0, 1]")


def file_of(image: Image.Image, kind: str = "PNG") -> str:
    file = BytesIO()
    image.save(file, kind)
    return base64.b64encode(file.getvalue()).decode()


def colours(style: Style | str) -> tuple[object, object]:
    assert isinstance(style, Style)
    return tuple(
        colour.triplet and tuple(colour.triplet) if colour is not None else None
        for colour in (style.color, style.bgcolor)
    )  # type: ignore[return-value]


def test_a_cell_shows_two_pixels_one_above_the_other() -> None:
    (line,) = half_blocks(pixels([RED, RED], [RED, BLUE]), 2)
    assert line.plain == "▀▀"
    assert [(first, last, *colours(style)) for first, last, style in line.spans] == [
        (0, 1, RED, RED), (1, 2, RED, BLUE),
    ]  # fmt: skip


@pytest.mark.parametrize(("ground", "line"), [(WHITE, BLUE), ((0, 0, 0), RED)], ids=["light", "dark"])
def test_a_thin_line_of_a_figure_stays_visible(
    ground: tuple[int, int, int], line: tuple[int, int, int]
) -> None:
    figure = Image.new("RGB", (640, 480), ground)
    figure.paste(line, (100, 200, 500, 202))
    small = decode_image(file_of(figure), "image/png")
    lines = half_blocks(small, 60)
    apart = [
        max(abs(a - b) for a, b in zip(colour, ground, strict=True))
        for drawn in lines
        for _, _, style in drawn.spans
        for colour in colours(style)
        if isinstance(colour, tuple)
    ]
    assert max(apart) > 90  # of 255; merely reduced it would be a sixth of that


def test_a_photograph_keeps_its_colours() -> None:
    """Thickening is for lines on one ground."""
    photo = Image.linear_gradient("L").resize((640, 480)).convert("RGB")
    small = decode_image(file_of(photo), "image/png")
    assert base64.b64decode(small.rgb) == _reduced(photo).tobytes()


def _reduced(image: Image.Image) -> Image.Image:
    image.thumbnail(KEPT)
    return image


def test_an_odd_last_row_leaves_the_background() -> None:
    lines = half_blocks(pixels([RED], [RED], [BLUE]), 1, rows=2)
    assert [colours(line.spans[0][2]) for line in lines] == [(RED, RED), (BLUE, None)]


def test_small_images_are_enlarged_and_large_ones_reduced() -> None:
    small = half_blocks(pixels([RED, BLUE], [BLUE, RED]), 100)
    assert [len(line.plain) for line in small] == [16] * 8
    large = half_blocks(pixels(*[[RED] * 200] * 100), 50)
    assert [len(line.plain) for line in large] == [50] * 13


@given(st.integers(1, 3_000), st.integers(1, 3_000), st.integers(1, 200))
def test_every_image_fits_and_keeps_its_shape(width: int, height: int, room: int) -> None:
    across, down = fitted(width, height, room, 2 * ROWS)
    assert 1 <= across <= room
    assert 1 <= down <= 2 * ROWS
    if across > 5 and down > 5:
        assert across / down == pytest.approx(width / height, rel=0.2)


@pytest.mark.parametrize(("mime", "kind"), [("image/png", "PNG"), ("image/jpeg", "JPEG")])
def test_files_are_decoded_and_reduced(mime: str, kind: str) -> None:
    found = decode_image(file_of(Image.new("RGB", (1_000, 500), RED), kind), mime)
    assert found.source == (500, 1_000)
    assert found.width <= KEPT[0]
    assert found.height <= KEPT[1]
    raw = base64.b64decode(found.rgb)
    assert len(raw) == found.width * found.height * 3
    assert abs(raw[0] - 255) + raw[1] + raw[2] < 10


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_mode_is_drawn(mode: str) -> None:
    image = Image.new(mode, (4, 4))
    found = decode_image(
        file_of(image, "JPEG" if mode == "CMYK" else "PNG"), f"image/{'jpeg' if mode == 'CMYK' else 'png'}"
    )
    assert (found.width, found.height) == (4, 4)


def test_transparent_parts_are_white() -> None:
    found = decode_image(file_of(Image.new("RGBA", (1, 1), (0, 0, 0, 0))), "image/png")
    assert tuple(base64.b64decode(found.rgb)) == WHITE


def bomb() -> str:
    """Return a PNG of a few bytes that says it has 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b""))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        ("", "image/png"),
        ("!!!", "image/png"),
        ("AAAA", "image/jpeg"),
        (file_of(Image.new("RGB", (300, 300), RED))[:80], "image/png"),
        (file_of(Image.new("RGB", (9, 9)), "JPEG"), "image/png"),
        (bomb(), "image/png"),
        ("<svg/>", "image/svg+xml"),
    ],
)
def test_what_cannot_be_decoded_is_told_in_a_few_words(data: str, mime: str) -> None:
    with pytest.raises(NoImage) as why:
        decode_image(data, mime)
    assert 0 < len(str(why.value)) < 80


def test_pixels_that_do_not_fit_their_size_are_not_drawn() -> None:
    assert half_blocks(Pixels(2, 2, "AAAA", (2, 2), ""), 10) == []
    assert half_blocks(Pixels(0, 0, "", (0, 0), ""), 10) == []
