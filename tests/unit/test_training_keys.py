from __future__ import annotations

import pytest

from screens.training_keys import KEYS, RunSituation, situation
from tui.widgets.key_bar import Entry, fitting

APPS = [
    Entry("ctrl+q", "^q", "Quit", True, everywhere=True),
    Entry("f1", "f1", "Help", True, everywhere=True),
]


@pytest.mark.parametrize(
    ("own", "status", "resumes", "starting", "expected"),
    [
        ("running", "running", False, False, "running"),
        ("paused", "paused", False, False, "paused"),
        ("running", "", False, True, "running"),
        ("", "", False, True, "starting"),
        ("", "stopped", True, False, "resumable"),
        ("", "lost", True, False, "resumable"),
        ("", "failed", False, False, "ended"),
        ("", "finished", True, False, "ended"),
        ("", "running", False, False, "elsewhere"),
        ("", "unknown", False, False, "elsewhere"),
        ("", "", False, False, "elsewhere"),
    ],
)
def test_how_the_run_is(own: str, status: str, resumes: bool, starting: bool, expected: str) -> None:
    assert situation(own, status, resumes=resumes, starting=starting) == expected


def labels(entries: list[Entry], width: int) -> list[str]:
    return [entry.label for _, entry in fitting(entries, width)]


@pytest.mark.parametrize(
    ("how", "first"),
    [
        ("running", ["Pause", "Stop", "Tune", "Halve lr", "Save", "Eval", "Open"]),
        ("paused", ["Go on", "Step", "Phase", "Tune", "Halve lr", "Stop", "Save"]),
        ("resumable", ["Resume", "Export", "Open", "Log"]),
        ("ended", ["Export", "Open", "Log"]),
    ],
)
def test_what_is_most_useful_fits_80_columns_with_the_apps_keys(how: RunSituation, first: list[str]) -> None:
    entries = [Entry("x", "x", label, True) for _, label in KEYS[how]]
    assert labels(entries + APPS, 80) == [*first, "Quit", "Help"]
    assert len(labels(entries + APPS, 120)) == len(entries) + 2


def test_where_room_is_short_the_apps_keys_stay() -> None:
    entries = [Entry("x", "x", "a long label", True) for _ in range(9)]
    for width in range(20, 200):
        shown = fitting(entries + APPS, width)
        assert [entry.label for _, entry in shown][-2:] == ["Quit", "Help"]
        column, last = shown[-1]
        assert column + last.cells <= width
