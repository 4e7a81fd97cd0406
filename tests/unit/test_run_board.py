"""How many charts there are, which, and what is said of them."""

from __future__ import annotations

import pytest

from screens.run_view import looks_of_runs
from tests.unit.test_run_groups import OURS
from tui.widgets.run.board_layout import (
    BoardState,
    CursorState,
    cursor_parts,
    grid,
    overlay_parts,
    room,
    state_parts,
)
from tui.widgets.run.board_line import Part, cells_of, fitting
from tui.widgets.run.chart_chooser import Choice, matching, moved
from tui.widgets.run.groups import TIME_TITLE, all_groups, arranged


@pytest.mark.parametrize(
    ("size", "charts"),
    [((80, 13), (2, 1)), ((120, 26), (2, 2)), ((59, 10), (1, 1)), ((200, 46), (3, 4)), ((10, 1), (1, 1))],
)
def test_as_many_charts_as_are_readable(size: tuple[int, int], charts: tuple[int, int]) -> None:
    assert room(*size) == charts


def test_few_charts_become_larger() -> None:
    assert [grid(count, 3, 2) for count in (0, 1, 2, 3, 4, 6, 9)] == [
        (1, 1), (1, 1), (2, 1), (3, 1), (3, 2), (3, 2), (3, 2),
    ]  # fmt: skip


def test_all_tags_have_a_chart_to_choose_and_those_of_the_phases_share_one() -> None:
    groups = all_groups(OURS)
    assert sorted(tag for group in groups for tag, _ in group.tags) == sorted(OURS)
    assert len({group.title for group in groups}) == len(groups)
    by_title = {group.title: group for group in groups}
    assert not by_title[TIME_TITLE].shown
    assert [tag for tag, _ in by_title[TIME_TITLE].tags] == ["time/data_ms", "time/forward_ms"]
    assert not by_title["grad_norm/fc.weight"].shown
    assert by_title["loss"].shown


def test_charts_come_in_the_order_chosen_and_new_ones_after_them() -> None:
    groups = all_groups(OURS)
    found = arranged(groups, ("lr", "loss"), ("accuracy",), (TIME_TITLE,))
    assert [group.title for group, _ in found[:2]] == ["lr", "loss"]
    shown = {group.title: on for group, on in found}
    assert (shown["accuracy"], shown[TIME_TITLE], shown["grad_norm"]) == (False, True, True)
    assert len(found) == len(groups)


def test_a_filter_finds_words_in_titles_and_tags() -> None:
    choices = [
        Choice("loss", "train/loss, val/loss", True),
        Choice("lr", "", True),
        Choice("acc", "val/acc", False),
    ]
    assert matching(choices, "") == [0, 1, 2]
    assert matching(choices, "VAL") == [0, 2]
    assert matching(choices, "val/acc") == [2]
    assert matching(choices, "[") == []


def test_moving_goes_past_the_next_row_that_is_shown() -> None:
    choices = [Choice(name, "", True) for name in "abcde"]
    assert "".join(choice.title for choice in moved(choices, [0, 1, 2, 3, 4], 1, 1)) == "acbde"
    assert "".join(choice.title for choice in moved(choices, [0, 2, 4], 0, 1)) == "bcade"
    assert "".join(choice.title for choice in moved(choices, [0, 2, 4], 2, -1)) == "abecd"
    assert moved(choices, [0, 2, 4], 0, -1) == choices
    assert moved(choices, [], 0, 1) == choices


def test_what_is_unusual_keeps_its_place_where_room_is_short() -> None:
    parts = [Part("a", "usual"), Part("b", "unusual", True), Part("c", "usual too")]
    assert [part.key for _, part in fitting(parts, 80)] == ["a", "b", "c"]
    assert [part.key for _, part in fitting(parts, 20)] == ["a", "b"]
    assert [part.key for _, part in fitting(parts, 12)] == ["b"]
    assert fitting(parts, 3) == []
    for width in range(80):
        placed = fitting(parts, width)
        assert all(column + cells_of(part) <= width for column, part in placed)


def state(**changes: object) -> BoardState:
    usual = BoardState("step", "", False, False, None, False, 1, 4, 9, False)
    return BoardState(
        **{**{name: getattr(usual, name) for name in BoardState.__dataclass_fields__}, **changes}
    )


def said(parts: list[Part]) -> str:
    return " | ".join(f"{part.key} {part.text}".strip() for part in parts)


def test_the_line_says_how_the_charts_are_shown() -> None:
    assert said(state_parts(state())) == (
        "w raw | x step | X log x | y log y | + zoom | c choose | f enlarge | Y outliers | ] charts 1–4 of 9"
    )
    assert "] " not in said(state_parts(state(charts=4)))
    text = said(state_parts(state(smoothing="EMA 0.9", unit="time", window=(60.0, 90.0), follows=True)))
    assert "w EMA 0.9 | x time" in text
    assert "0 1m–1m30 →" in text


def test_the_line_says_what_is_in_front_and_whether_outliers_are_shown() -> None:
    assert "b to front" in said(state_parts(state(curves=2)))
    text = said(state_parts(state(curves=2, front="val", outliers=True)))
    assert "b val in front" in text
    assert "Y all outliers" in text


def test_names_of_runs_and_how_to_bring_one_to_the_front_stay_where_room_is_short() -> None:
    names = [Part(str(place), f"run-{place}", True) for place in range(4)]
    parts = overlay_parts(names, state_parts(state(curves=4)))
    kept = [part.text for _, part in fitting(parts, 60)]
    assert kept[:5] == ["to front", "run-0", "run-1", "run-2", "run-3"]
    assert overlay_parts([], state_parts(state())) == state_parts(state())


def test_the_line_reads_x_in_all_units_at_the_cursor() -> None:
    text = said(cursor_parts(CursorState(1234, 2.5, 3723.0, ("lr 1 → 2",), 3)))
    assert "step 1,234 · epoch 2.50 · 1:02:03 after start" in text
    assert "lr 1 → 2" in text
    assert "3 points" in text
    assert "epoch" not in said(cursor_parts(CursorState(1, None, 0.0, (), 1)))


def test_a_run_keeps_its_colour_whatever_others_there_are() -> None:
    assert looks_of_runs(["one"]) == [None]
    names = ["alpha", "beta", "gamma"]
    colours = {name: look.colour for name, look in zip(names, looks_of_runs(names), strict=True) if look}
    other = {
        name: look.colour for name, look in zip(names[::-1], looks_of_runs(names[::-1]), strict=True) if look
    }
    assert colours == other
    assert len(set(colours.values())) == 3
    many = looks_of_runs([f"run {number}" for number in range(40)])
    assert all(look is not None and len(look.glyph) == 1 for look in many)
