"""Figures and images of a real kernel come as files that the transcript can draw."""

from __future__ import annotations

import base64

from tests.support import Ear
from tui.client.news import CellEnded, CellFailed, CellShowed
from tui.client.session import KernelSession
from tui.widgets.drawn.images import decode_image, half_blocks


async def pictures(session: KernelSession, code: str) -> list[CellShowed]:
    """Run a cell that must succeed and return what it displayed as an image."""
    ear = Ear(session)
    cell = session.run_cell(code)
    await ear.kind(CellEnded, lambda news: news.cell == cell)
    assert not [news for news in ear.heard if isinstance(news, CellFailed)]
    return [news for news in ear.heard if isinstance(news, CellShowed) and "image/png" in news.data]


async def test_a_matplotlib_figure_is_drawn_with_its_line_visible(session: KernelSession) -> None:
    (shown,) = await pictures(
        session, "import matplotlib.pyplot as plt\n_ = plt.plot([1, 3, 2, 4], color='b')"
    )
    pixels = decode_image(shown.data["image/png"], "image/png")
    raw = base64.b64decode(pixels.rgb)
    blue = [raw[i : i + 3] for i in range(0, len(raw), 3) if raw[i + 2] > 200 and raw[i] < 60]
    assert len(blue) > 100
    assert half_blocks(pixels, 60)


async def test_a_pil_image_is_drawn_in_its_colours(session: KernelSession) -> None:
    (shown,) = await pictures(session, "from PIL import Image\nImage.new('RGB', (8, 6), (0, 128, 255))")
    pixels = decode_image(shown.data["image/png"], "image/png")
    assert (pixels.width, pixels.height) == (8, 6)
    assert set(base64.b64decode(pixels.rgb)) == {0, 128, 255}
