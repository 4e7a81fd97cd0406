"""The themes, and the colours that mean something: train, validation, test, NaN, negative, positive.

Variables: ``$train $val $test $other`` for curves, ``$negative $positive $nan`` for values. No meaning is carried
by colour alone: curves differ in their marks too and NaN is spelled out.
The colour-blind theme uses the palette of Okabe and Ito (2008), which all common forms of colour vision tell apart.
"""

from __future__ import annotations

from typing import Final, TypeVar

from textual.app import App
from textual.theme import Theme

DARK: Final = Theme(
    name="torchtui-dark",
    primary="#ee7b4d",
    secondary="#6cb6ff",
    accent="#f2b05e",
    foreground="#d7dae0",
    background="#101216",
    surface="#171a20",
    panel="#21252d",
    success="#7bc275",
    warning="#e5b95c",
    error="#f0716b",
    dark=True,
    variables={
        "train": "#6cb6ff",
        "val": "#f2a65a",
        "test": "#8fd18a",
        "other": "#c49bea",
        "negative": "#5aa2f0",
        "positive": "#ee7b4d",
        "nan": "#ff5fd2",
        "block-cursor-background": "#ee7b4d",
        "footer-key-foreground": "#f2b05e",
        "input-selection-background": "#6cb6ff 35%",
    },
)

LIGHT: Final = Theme(
    name="torchtui-light",
    primary="#b8471b",
    secondary="#1f5fae",
    accent="#9a5b00",
    foreground="#23262c",
    background="#fbfaf7",
    surface="#f1efea",
    panel="#e4e1da",
    success="#2f7d32",
    warning="#8a6100",
    error="#b3261e",
    dark=False,
    variables={
        "train": "#1f5fae",
        "val": "#b85c00",
        "test": "#2f7d32",
        "other": "#7a3fae",
        "negative": "#1f5fae",
        "positive": "#b8471b",
        "nan": "#b0008a",
        "footer-key-foreground": "#9a5b00",
        "input-selection-background": "#1f5fae 25%",
    },
)

COLORBLIND: Final = Theme(
    name="torchtui-colorblind",
    primary="#56b4e9",
    secondary="#e69f00",
    accent="#f0e442",
    foreground="#e8e8e8",
    background="#0f1114",
    surface="#171a1f",
    panel="#22262d",
    success="#009e73",
    warning="#e69f00",
    error="#d55e00",
    dark=True,
    variables={
        "train": "#56b4e9",
        "val": "#e69f00",
        "test": "#009e73",
        "other": "#cc79a7",
        "negative": "#56b4e9",
        "positive": "#d55e00",
        "nan": "#f0e442",
        "footer-key-foreground": "#f0e442",
    },
)

THEMES: Final = (DARK, LIGHT, COLORBLIND)

R = TypeVar("R")


class ThemedApp(App[R]):
    """An app whose widgets may use our colours under every theme, Textual's own too."""

    def __init__(self) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give the colours that mean something also to themes that know nothing of them."""
        return DARK.variables
