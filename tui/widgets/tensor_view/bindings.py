"""The keys of the viewer, apart from those that move the cursor, which the grid has."""

from __future__ import annotations

from typing import Final

from textual.binding import Binding

from tui.widgets.keys import key

_AT_THE_FOOT: Final = (
    (
        "slash,colon",
        "type_view",
        "Index",
        "index",
        "Type what to look at: x[2, :, ::2], a - b, model.fc.weight",
    ),
    ("f", "format(1)", "Format", "format", "Fixed, scientific, significant digits, hex, bits"),
    ("c", "reach", "Colours", "colours", "Colour scale: without outliers, all values, off"),
    ("g", "type_place", "Go to", "go-to", "Go to a row, to a row and column, or to a whole index"),
    ("h", "panel", "Panel", "panel", "Facts, statistics, quantiles and histogram at the side, or not"),
    ("r", "interval", "Live", "live", "Follow the values every 0.5 s, 1 s, 2 s, 5 s, or freeze them"),
    ("escape", "leave", "Close", "close", "End what is being computed; else close the viewer"),
    ("a", "arrange(1)", "Sort/reduce", "arrange", "Sort or reduce along a dimension: the next way"),
    ("equals_sign", "type_compare", "Compare", "compare", "Compare with another tensor"),
    ("p", "picture", "Picture", "picture", "Look at an image-shaped tensor as a picture, and back"),
)
_IN_THE_HELP: Final = (
    ("q", "quit", "Close", "quit", "Close the viewer"),
    ("F", "format(-1)", "Format back", "format-back", "The format before"),
    ("plus", "digits(1)", "More digits", "more-digits", "One more digit"),
    ("minus", "digits(-1)", "Fewer digits", "fewer-digits", "One digit less"),
    ("less_than_sign", "find('min')", "Min", "min", "Go to the smallest value"),
    ("greater_than_sign", "find('max')", "Max", "max", "Go to the largest value"),
    ("n", "find('nan')", "Next NaN", "next-nan", "Go to the next NaN"),
    ("N,i", "find('inf')", "Next Inf", "next-inf", "Go to the next infinite value"),
    ("R", "read_again", "Read again", "read-again", "Read values and statistics once more"),
    ("A", "arrange_along", "Along", "along", "Sort or reduce along the next dimension"),
    ("d", "next_dim('row')", "Row dim", "row-dim", "The next dimension down the screen"),
    ("D", "next_dim('column')", "Column dim", "column-dim", "The next dimension across the screen"),
    ("t", "transpose", "Transpose", "transpose", "Exchange rows and columns"),
    ("left_square_bracket", "slide(-1)", "Index - 1", "slider-back", "The picked dimension: one back"),
    ("right_square_bracket", "slide(1)", "Index + 1", "slider-on", "The picked dimension: one on"),
    ("left_curly_bracket", "slide(-10)", "Index - 10", "slider-back-10", "The picked dimension: ten back"),
    ("right_curly_bracket", "slide(10)", "Index + 10", "slider-on-10", "The picked dimension: ten on"),
    ("tab", "pick(1)", "Next slider", "next-slider", "Pick the slider of the next dimension"),
    ("shift+tab", "pick(-1)", "Slider before", "slider-before", "Pick the slider of the dimension before"),
    ("s", "statistics", "Statistics", "statistics", "Statistics of all values, however long it takes"),
    ("J", "scroll_panel(3)", "Panel down", "panel-down", "Scroll the side panel down"),
    ("K", "scroll_panel(-3)", "Panel up", "panel-up", "Scroll the side panel up"),
    ("l", "log", "Log", "log", "Histogram of x, or of log10 |x|"),
    ("x", "difference", "Difference", "difference", "After a comparison: look at a - b"),
    ("m", "mismatch(False)", "Mismatch", "first-mismatch", "After a comparison: the first that differs"),
    ("M", "mismatch(True)", "Largest", "largest-difference", "After a comparison: where it is largest"),
    ("enter", "details", "Details", "details", "The value under the cursor as it is stored: hex and bits"),
    ("y", "copy(False)", "Copy value", "copy-value", "Copy the value under the cursor"),
    ("Y", "copy(True)", "Copy page", "copy-page", "Copy the values in sight, tab-separated"),
    ("backspace", "back", "Back", "back", "What was looked at before"),
)


def _bindings() -> list[Binding]:
    return [
        key(keys, action, label, f"viewer.{name}", tooltip, show=show)
        for rows, show in ((_AT_THE_FOOT, True), (_IN_THE_HELP, False))
        for keys, action, label, name, tooltip in rows
    ]


VIEWER_KEYS: Final[list[Binding]] = _bindings()
