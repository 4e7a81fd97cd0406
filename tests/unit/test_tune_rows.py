"""The rows of the tuning panel, as text."""

from __future__ import annotations

import pytest

from tui.protocol.run import RunChange
from tui.protocol.training import TuneField, TuneLayer, TuneTable
from tui.widgets.tune.rows import (
    NEXT_STEP,
    TuneState,
    field_key,
    field_of,
    in_order,
    layer_key,
    layer_of,
    panel_rows,
    scaled,
    shown_number,
    since_text,
)

BETAS, LR0, LR1 = (
    TuneField("betas", "(0.9, 0.999)", 0), TuneField("lr", "0.001", 0), TuneField("lr", "0.0001", 1),
)  # fmt: skip
CLIP = TuneField("clip_norm", "None")
BODY, HEAD = (
    TuneLayer("body.0", "Conv2d", 1_792, frozen=True),
    TuneLayer("head [/h]\x1b", "Linear", 650, frozen=False),
)
TABLE = TuneTable((CLIP, BETAS, LR0, LR1), (BODY, HEAD))


def rows(state: TuneState, width: int = 60) -> list[tuple[str, str]]:
    return [
        (key, "\n".join(line.plain for line in lines)) for key, lines in panel_rows(state, width, "", None)
    ]


def change(name: str, step: int) -> RunChange:
    return RunChange(step, "2026-01-01T00:00:00+00:00", name, "1", "2")


def test_the_learning_rate_comes_first_in_each_group_and_the_loop_last() -> None:
    assert in_order(TABLE.fields) == [LR0, BETAS, LR1, CLIP]


def test_groups_and_layers_have_titles() -> None:
    titles = [text for key, text in rows(TuneState(TABLE)) if not key]
    assert titles == [" Optimizer, group 0", " Optimizer, group 1", " Loop", " Layers: 1 of 2 frozen"]
    single = TuneTable((LR0,))
    assert [text for key, text in rows(TuneState(single)) if not key] == [" Optimizer"]


def test_every_row_is_found_by_its_key() -> None:
    state = TuneState(TABLE)
    for field in TABLE.fields:
        assert field_of(state, field_key(field)) == field
    for layer in TABLE.layers:
        assert layer_of(state, layer_key(layer)) == layer
    assert field_of(state, "") is None
    assert layer_of(state, "") is None


def test_frozen_layers_are_told_by_more_than_colour() -> None:
    text = dict(rows(TuneState(TABLE)))
    assert "○" in text[layer_key(BODY)]
    assert "frozen" in text[layer_key(BODY)]
    assert "●" in text[layer_key(HEAD)]
    assert "frozen" not in text[layer_key(HEAD)]
    assert "\x1b" not in text[layer_key(HEAD)]


def test_a_change_tells_from_which_step_it_holds() -> None:
    changes = (change("lr", 100), change("lr[1]", 2_000), change("frozen body.0", 7))
    state = TuneState(TABLE, changes)
    assert since_text(state, field_key(LR0)) == "from step 100"
    assert since_text(state, field_key(LR1)) == "from step 2,000"
    assert since_text(state, layer_key(BODY)) == "from step 7"
    assert since_text(state, field_key(CLIP)) == ""
    assert "from step 2,000" in dict(rows(state))[field_key(LR1)]


def test_a_change_that_was_not_noted_yet_holds_from_the_next_step() -> None:
    key = field_key(LR0)
    before = TuneState(TABLE, (change("lr", 100),), pending={key: 1})
    assert since_text(before, key) == NEXT_STEP
    after = TuneState(TABLE, (change("lr", 100), change("lr", 120)), pending={key: 1})
    assert since_text(after, key) == "from step 120"


@pytest.mark.parametrize(
    ("text", "factor", "expected"),
    [("0.001", 0.5, "0.0005"), ("0.1", 2.0, "0.2"), ("0.3", 0.5, "0.15"), ("1", 0.5, "0.5"), ("1e-08", 2.0, "2e-08"),
     ("True", 2.0, None), ("(0.9, 0.999)", 2.0, None), ("tensor(0.1)", 2.0, None), ("", 2.0, None)],
)  # fmt: skip
def test_a_rate_is_scaled_in_few_digits(text: str, factor: float, expected: str | None) -> None:
    assert scaled(text, factor) == expected


def test_long_numbers_are_shortened_for_the_eye_alone() -> None:
    assert shown_number("0.00031415926535") == "0.00031416"
    assert shown_number("0.001") == "0.001"
    assert shown_number("(0.9, 0.999)") == "(0.9, 0.999)"


@pytest.mark.parametrize("width", [30, 36, 80])
def test_rows_fit_their_width(width: int) -> None:
    state = TuneState(
        TABLE, (change("lr", 123_456),), problems={field_key(LR0): "lr takes a number above 0 " * 3}
    )
    for _, text in rows(state, width):
        assert max(map(len, text.split("\n"))) <= width
