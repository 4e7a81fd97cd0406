"""What a chooser asks: choices that follow what is typed, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.widgets.drawn.lines import StyledLine


@dataclass(frozen=True)
class Choice:
    """One of the choices."""

    key: str
    title: str
    words: str = ""
    """What it is."""
    group: str = ""
    """Title above it and its neighbours of one group; empty: none."""


def _nothing(*_: object) -> Sequence[StyledLine]:
    return ()


def _fine(*_: object) -> str:
    return ""


def _title(_: str, choice: Choice) -> str:
    return choice.title


@dataclass(frozen=True)
class Question:
    """What is asked."""

    wish: str
    """Told with the answer."""
    label: str
    choices: Callable[[str], Sequence[Choice]] = _nothing  # type: ignore[assignment]
    """Those that fit what is typed, the best first."""
    value: str = ""
    placeholder: str = ""
    details: Callable[[str, str, int], Sequence[StyledLine]] = _nothing
    """Of the key of a choice, what is typed and a width: what is known of it."""
    problem: Callable[[str, str], str] = _fine
    """Of the key of a choice and what is typed: what is wrong with it, said while it is typed."""
    completed: Callable[[str, Choice], str] = _title
    """What stands in the line once a choice is taken over with Tab."""


def among(choices: Sequence[Choice]) -> Callable[[str], Sequence[Choice]]:
    """Return a function that gives those of some choices that contain what is typed, the titles that begin so first."""

    def fitting(text: str) -> Sequence[Choice]:
        wanted = text.strip().lower()
        found = [one for one in choices if wanted in f"{one.title} {one.words} {one.group}".lower()]
        return sorted(found, key=lambda one: not one.title.lower().startswith(wanted)) if wanted else found

    return fitting
