"""Pictures of a model at work, kept beside its run: one JSON file for each in ``views/``, replaced as it learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

SUFFIX: Final = ".json"
"""A view's file is its name and this: ``views/confusion.json``."""


@dataclass(frozen=True)
class Image:
    """A small picture of numbers."""

    shape: tuple[int, ...]
    """(H, W), or (H, W, 3) for red, green and blue."""
    values: tuple[float, ...]
    """Row by row, the channels of a pixel one after the other. NaN where there is none."""


@dataclass(frozen=True)
class Confusion:
    """How often each class was taken for each, over one evaluation: ``confusion``."""

    split: str
    """``val`` or ``test``."""
    step: int
    classes: tuple[str, ...]
    """Names, or the numbers as text; K of them."""
    counts: tuple[tuple[int, ...], ...]
    """K rows of K: row the true class, column the predicted one."""
    seen: int
    """Examples in all."""
    class_count: int | None = None
    """Classes in all, where only those with the most mistakes are here; None: here are all."""


@dataclass(frozen=True)
class WorstSample:
    """An example with a high loss."""

    index: int
    """In the order of the loader, from 0."""
    loss: float
    target: str
    predicted: str
    confidence: float | None
    """Probability of the predicted class, 0 to 1; None where there are no classes."""
    image: Image | None
    """None where the input is no picture."""
    text: str = ""
    """The input's values, where it is small and no picture."""
    target_image: Image | None = None
    """What the output was to be, where both are pictures: `target` and `predicted` are empty then."""
    output_image: Image | None = None
    target_curve: tuple[float, ...] = ()
    """Likewise where both are rows of numbers; at most 64, of more every second, third, …"""
    output_curve: tuple[float, ...] = ()


@dataclass(frozen=True)
class WorstSamples:
    """The examples with the highest loss of one evaluation, worst first: ``worst``."""

    split: str
    step: int
    samples: tuple[WorstSample, ...]


@dataclass(frozen=True)
class Boundary:
    """What a model of 2-d inputs says at each place of the plane: ``boundary``."""

    step: int
    x_min: float
    x_max: float
    y_min: float
    y_max: float
    shape: tuple[int, int]
    """Rows from the top (y_max) and columns from the left."""
    kind: Literal["class", "value"]
    """`values` are class ids · a regression's output, or the probability of class 1."""
    values: tuple[float, ...]
    """One for each place, row by row."""
    confidence: tuple[float, ...] = ()
    """Of the class shown, 0 to 1, one for each place; empty where `kind` is ``value``."""
    points: tuple[tuple[float, float, float], ...] = ()
    """Training examples: x, y, and class id or target; at most 500."""


@dataclass(frozen=True)
class Preview:
    """What the preset's ``preview(model)`` returned: ``preview``."""

    step: int
    epoch: int
    text: str = ""
    """Empty where it returned a tensor."""
    images: tuple[Image, ...] = ()
    """A tensor: one picture for (H, W); one for each of the first of (N, H, W) or (N, 3, H, W)."""
    summary: str = ""
    """Of a tensor: shape, dtype and statistics."""


@dataclass(frozen=True)
class Filters:
    """The weights of the first convolution: ``filters``."""

    step: int
    layer: str
    """Its path in the model."""
    images: tuple[Image, ...]
    """One for each output channel, of its first input channel, or of all three; at most 64."""
    total: int
    """Output channels in all."""


VIEW_TYPES: Final[dict[str, type[Confusion | WorstSamples | Boundary | Preview | Filters]]] = {
    "confusion": Confusion, "worst": WorstSamples, "boundary": Boundary, "preview": Preview, "filters": Filters,
}  # fmt: skip
"""What the file of each name holds, as ``tui.protocol.codec`` writes it."""
