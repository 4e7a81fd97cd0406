"""What the viewer asks beside windows and statistics: places, comparisons, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui.protocol.viewing import (
    CompareViews,
    Comparison,
    FindPlace,
    Found,
    Pixels,
    Place,
    ReadPixels,
    View,
)
from tui.widgets.tensor_view.model import ViewerModel
from tui.widgets.tensor_view.places import difference, picture_view, read_tolerance
from tui.widgets.tensor_view.source import ANSWER_S, ASK_ERRORS, Asker, problem_of

PLACE_WORDS: Final[dict[Place, str]] = {
    "min": "smallest value",
    "max": "largest value",
    "nan": "NaN",
    "inf": "Inf",
    "nonzero": "value other than 0",
}


def find(model: ViewerModel, place: Place, cell: tuple[int, int]) -> None:
    """Look for a value, behind the given row and column, and go there."""
    if not model.has_values:
        model.notice("there are no values to search")
        return
    words = PLACE_WORDS[place]
    restart = model.compute.label == "statistics" and model.statistics is None

    def take(found: Found) -> None:
        if found.index is None:
            model.notice(f"no {words} in {model.view.expression}")
        elif len(found.index) == len(model.layout.shape):
            model.jump(found.index)
            model.notice(f"{words} at {list(found.index)}")
        if restart:
            model.read_statistics()

    after = model.layout.cell_index(*cell) if place in ("nan", "inf", "nonzero") else None
    model.compute.start(
        f"the next {words}" if "value" not in words else f"the {words}",
        FindPlace(model.view, place, after),
        take,
    )


@dataclass(frozen=True)
class Compared:
    """A comparison that was made."""

    left: str
    right: str
    rtol: float
    atol: float
    result: Comparison


class Comparing:
    """Comparison with another tensor."""

    def __init__(self, model: ViewerModel) -> None:
        self._model = model
        self.last: Compared | None = None
        """The last comparison; None before the first."""

    def start(self, other: str, rtol_text: str = "1e-5", atol_text: str = "1e-8") -> str:
        """Compare what is looked at with another expression; returns what is wrong with what was typed."""
        try:
            rtol, atol = read_tolerance(rtol_text, "rtol"), read_tolerance(atol_text, "atol")
        except ValueError as error:
            return str(error)
        if not other.strip():
            return "type what to compare with, such as y"
        left, right = self._model.view.expression, other.strip()
        restart = self._model.compute.label == "statistics" and self._model.statistics is None

        def take(result: Comparison) -> None:
            self.last = Compared(left, right, rtol, atol, result)
            if restart:
                self._model.read_statistics()

        self._model.compute.start("the comparison", CompareViews(left, right, rtol, atol), take)
        return ""

    async def show_difference(self) -> str:
        """Look at the difference of the two."""
        if self.last is None:
            return "compare with = first"
        return await self._model.open(View(difference(self.last.left, self.last.right)))

    async def go_to(self, *, largest: bool) -> str:
        """Go to the first value that differs, or to the one that differs most; in the difference where it must be."""
        if self.last is None:
            return "compare with = first"
        result = self.last.result
        index = result.max_abs_index if largest else result.first_index
        if index is None:
            return "nothing differs beyond the tolerances"
        if len(index) != len(self._model.layout.shape) or not all(
            i < size for i, size in zip(index, self._model.layout.shape, strict=True)
        ):
            refused = await self.show_difference()
            if refused:
                return refused
        if len(index) == len(self._model.layout.shape):
            self._model.jump(index)
        return ""


async def read_picture(asker: Asker, model: ViewerModel, width: int, height: int) -> Pixels | str:
    """Return what is looked at as an image of at most that many pixels, or why it is none."""
    try:
        view = picture_view(model.view, model.layout)
        return await asker.ask(ReadPixels(view, width, height), timeout_s=ANSWER_S)
    except ValueError as error:
        return str(error)
    except ASK_ERRORS as error:
        return problem_of(error).message
