"""The list of keys, made from bindings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.app import App
from textual.binding import ActiveBinding, Binding
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from tui.widgets.help import grouped, pretty_key


class Panel(Widget):
    """Something with keys of its own."""


def active(node: DOMNode, key: str, action: str, text: str = "", **more: str | bool) -> ActiveBinding:
    return ActiveBinding(node, Binding(key, action, text, **more), True, "")  # type: ignore[arg-type]


@pytest.fixture
def panel() -> Iterator[Panel]:
    """A widget on a screen."""
    screen, panel = Screen[None](), Panel()
    panel._attach(screen)
    yield panel
    assert panel.parent is screen  # which knows its children, and they it only weakly


@pytest.mark.parametrize(
    ("key", "shown"),
    [("f5", "F5"), ("f12", "F12"), ("ctrl+p", "ctrl+p"), ("question_mark", "?"), ("alt+2", "alt+2"), ("f", "f"),
     ("ctrl+slash", "ctrl+/"), ("space", "space"),],
)  # fmt: skip
def test_keys_are_written_as_on_the_keyboard(key: str, shown: str) -> None:
    assert pretty_key(key) == shown


def test_the_tooltip_tells_more_than_the_label_and_is_preferred(panel: Panel) -> None:
    [(owner, rows)] = grouped([
        active(panel, "s", "stop", "Stop", tooltip="Save, then end"), active(panel, "n", "step", "Step")
    ])  # fmt: skip
    assert owner == "Panel"
    assert rows == [("s", "Save, then end"), ("n", "Step")]


def test_the_keys_of_one_action_stand_together(panel: Panel) -> None:
    keys = [active(panel, key, "mode('x')", "X") for key in ("f2", "alt+2", "f2")]
    assert grouped(keys) == [("Panel", [("F2 alt+2", "X")])]


def test_a_key_that_is_shown_otherwise_is_listed_so(panel: Panel) -> None:
    keys = [active(panel, "right_square_bracket", "more", "More", key_display="]")]
    assert grouped(keys) == [("Panel", [("]", "More")])]


def test_keys_without_a_word_and_the_systems_own_are_left_out(panel: Panel) -> None:
    assert grouped([active(panel, "a", "nothing"), active(panel, "b", "secret", "Secret", system=True)]) == []


def test_the_screens_keys_come_first_and_owners_are_named_for_people(panel: Panel) -> None:
    bindings = [
        active(panel, "a", "a", "A"),
        active(Screen[None](), "b", "b", "B"),
        active(App[None](), "c", "c", "C"),
        active(panel, "d", "d", "D"),
    ]
    owners = grouped(bindings)
    assert [owner for owner, _ in owners] == ["This screen", "Panel", "Everywhere"]
    assert owners[1][1] == [("a", "A"), ("d", "D")]
