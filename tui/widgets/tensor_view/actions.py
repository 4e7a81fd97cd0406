"""The keys that change what is looked at or how: each a few lines between a binding and the model."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import cast

from tui.protocol.viewing import Place
from tui.widgets.tensor_view.asking import Comparing, find
from tui.widgets.tensor_view.grid import ValueGrid
from tui.widgets.tensor_view.model import ViewerModel

Wish = Callable[[], Coroutine[None, None, str | None]]
"""What needs the kernel; returns what was wrong, in words."""


class ModelActions:
    """Actions of a screen that has a `ViewerModel`; mixed into it."""

    model: ViewerModel
    comparing: Comparing

    @property
    def grid(self) -> ValueGrid:
        """The grid of values."""
        raise NotImplementedError

    def wish(self, wish: Wish) -> None:
        """Do what needs the kernel, and tell what was wrong."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Tell something in the foot."""
        raise NotImplementedError

    # -- numbers and colours ----------------------------------------------------------------------

    def action_format(self, step: int) -> None:
        """Write values in the next way."""
        self.model.show_as(self.model.how.next_style(step))

    def action_digits(self, more: int) -> None:
        """Write more digits, or fewer."""
        self.model.show_as(self.model.how.with_more_digits(more))

    def action_reach(self) -> None:
        """Use the next kind of colour scale."""
        self.model.next_reach()

    # -- dimensions -------------------------------------------------------------------------------

    def action_next_dim(self, which: str) -> None:
        """Show the next dimension down or across the screen."""
        layout = self.model.layout
        self.model.show_layout(
            layout.with_next_row_dim() if which == "row" else layout.with_next_column_dim()
        )

    def action_transpose(self) -> None:
        """Exchange rows and columns."""
        view = self.grid.viewport
        self.model.show_layout(self.model.layout.transposed())
        self.grid.show_at(view.column, view.row)

    def action_slide(self, step: int) -> None:
        """Move the picked slider."""
        self.model.slide(step)

    def action_pick(self, step: int) -> None:
        """Pick the next slider."""
        self.model.pick(step)

    def action_arrange(self, step: int) -> None:
        """Sort or reduce in the next way."""
        self.wish(lambda: self.model.arrange(step))

    def action_arrange_along(self) -> None:
        """Sort or reduce along the next dimension."""
        self.wish(self.model.arrange_along_next)

    def action_back(self) -> None:
        """Look at what was looked at before."""
        self.wish(self.model.go_back)

    # -- values -----------------------------------------------------------------------------------

    def action_interval(self) -> None:
        """Follow the values at the next rate, or freeze them."""
        self.model.next_interval()

    def action_read_again(self) -> None:
        """Read values and statistics once more."""
        self.model.read_again()

    def action_statistics(self) -> None:
        """Take the statistics of all values."""
        self.model.read_statistics(everything=True)

    def action_log(self) -> None:
        """Count over x, or over log10 |x|."""
        self.model.toggle_log()

    def action_find(self, place: str) -> None:
        """Go to the smallest, the largest, the next NaN or Inf."""
        find(self.model, cast("Place", place), (self.grid.viewport.row, self.grid.viewport.column))

    def action_difference(self) -> None:
        """Look at the difference of what was compared."""
        self.wish(self.comparing.show_difference)

    def action_mismatch(self, largest: bool) -> None:
        """Go to where the compared tensors differ."""
        self.wish(lambda: self.comparing.go_to(largest=largest))
