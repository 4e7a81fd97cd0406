"""A view as a picture: resized on its own device, so that no more than the pixels cross."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from math import ceil
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from tui.kernel.summary import number
from tui.kernel.viewing.arrange import arranged_whole
from tui.kernel.viewing.errors import ViewError, reading
from tui.kernel.viewing.opened import Opened, opened_view
from tui.kernel.viewing.strided import magnitudes, strided_of
from tui.protocol.viewing import Pixels, ReadPixels

MOST_PIXELS: Final = 1_000_000
_MOST_READ: Final = 4_000_000
"""Pixels of the tensor that are averaged; of a larger image every second, third, … row and column is read."""
_MAGENTA: Final = (255, 0, 255)
"""What a NaN looks like, and a pixel that averages one."""


def read_pixels(namespace: Mapping[str, object], request: ReadPixels) -> Pixels:
    """Return a view as an image no larger than asked, its proportions kept; never enlarged.

    uint8 and bool are brightness as they are, as are floats within [0, 1]; other values are stretched between the
    smallest and the largest finite one, which `scaled` says. One transfer of the pixels, one of the limits.

    Raises:
        ViewError: the view has not the shape of an image, or no values.
    """
    with reading(request.view.expression):
        opened = opened_view(namespace, request.view)
        layout = opened.facts.tensor.layout
        if layout in ("nested", "jagged"):
            raise ViewError(
                "bad index", f"{opened.name} is nested: look at one of its parts, {opened.name}[0]."
            )
        tensor = arranged_whole(opened) if request.view.arrangement else strided_of(opened)
        image = _channels_first(tensor, opened)  # (1 or 3, H, W)
        height, width = image.shape[1:]
        small = _read(image)
        shown, scaled = _brightness(small, tensor.dtype)
        out_height, out_width = _fitted(height, width, request)
        shown = _resized(shown, out_height, out_width)
        rgb = _colours(shown)
        return Pixels(out_width, out_height, base64.b64encode(rgb).decode("ascii"), (height, width), scaled)


def _channels_first(tensor: Tensor, opened: Opened) -> Tensor:
    """Return the image as (channels, height, width)."""
    shape = tuple(tensor.shape)
    if 0 in shape:
        raise ViewError("no values", f"{opened.name} is empty: {shape}.")
    if len(shape) == 2:
        return tensor.unsqueeze(0)
    if len(shape) == 3 and shape[0] in (1, 3):
        return tensor
    if len(shape) == 3 and shape[2] == 3:
        return tensor.permute(2, 0, 1)
    part = f" Look at a part of it, such as {opened.name}[0]." if len(shape) > 2 else ""
    words = "a picture is (H, W), (1, H, W), (3, H, W) or (H, W, 3)"
    raise ViewError("bad index", f"{opened.name} has the shape {shape}; {words}.{part}")


def _read(image: Tensor) -> Tensor:
    """Return the values as real numbers, thinned out evenly where there are very many."""
    step = max(1, ceil((image.size(1) * image.size(2) / _MOST_READ) ** 0.5))
    if step > 1:
        image = (
            image[:, step // 2 :: step, step // 2 :: step] if min(image.shape[1:]) > step else _thinned(image)
        )
    return magnitudes(image)


def _thinned(image: Tensor) -> Tensor:
    """Return an image that is very long in one direction with fewer places in that one."""
    dim = 1 if image.size(1) > image.size(2) else 2
    step = ceil(image.size(1) * image.size(2) / _MOST_READ)
    return image[:, ::step] if dim == 1 else image[:, :, ::step]


def _brightness(values: Tensor, dtype: torch.dtype) -> tuple[Tensor, str]:
    """Return the values as brightness from 0 to 1 in float32, NaN kept, and how they became that."""
    if dtype is torch.uint8:
        return values.float() / 255, "[0, 255]"
    if dtype is torch.bool:
        return values.float(), "[0, 1]"
    floats = values if values.dtype is torch.float32 or values.device.type == "mps" else values.double()
    finite = floats.isfinite()
    limits = (
        torch.where(finite, floats, float("inf")).amin(),
        torch.where(finite, floats, float("-inf")).amax(),
    )
    low, high = torch.stack(limits).tolist()
    if low > high:
        return torch.full_like(floats, float("nan"), dtype=torch.float32), "no finite values"
    if values.is_floating_point() and low >= 0 and high <= 1:
        return floats.float().clamp(0, 1), "[0, 1]"
    words = f"[{number(low)}, {number(high)}] stretched"
    if low == high:
        return torch.where(finite, 0.5, floats).float(), words
    half = high / 2 - low / 2  # the whole range may leave the dtype
    return ((floats.double() / 2 - low / 2) / half).float().clamp(0, 1), words


def _fitted(height: int, width: int, request: ReadPixels) -> tuple[int, int]:
    """Return height and width of the picture."""
    if request.width < 1 or request.height < 1 or request.width * request.height > MOST_PIXELS:
        raise ViewError("too large", f"A picture has 1 to {MOST_PIXELS:,} pixels.")
    scale = min(request.height / height, request.width / width, 1.0)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    """Return the image with each pixel the mean of those that fall on it."""
    if tuple(image.shape[1:]) == (height, width):
        return image
    mode = "area" if image.size(1) >= height and image.size(2) >= width else "nearest"
    return functional.interpolate(image.unsqueeze(0), size=(height, width), mode=mode)[0]


def _colours(image: Tensor) -> bytes:
    """Return the pixels as red, green and blue by rows; one transfer."""
    unknown = image.isnan().any(0)  # (H, W)
    bytes_of = (image.nan_to_num(0.0) * 255).round().to(torch.uint8).expand(3, -1, -1)
    magenta = torch.tensor(_MAGENTA, dtype=torch.uint8, device=image.device)
    pixels = torch.where(unknown.unsqueeze(2), magenta, bytes_of.permute(1, 2, 0)).contiguous().cpu()
    return bytes(pixels.reshape(-1).numpy())
