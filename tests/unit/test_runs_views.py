"""Views are read when their files were replaced, and a broken one changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tui.protocol.codec import encode
from tui.protocol.run import VIEWS
from tui.protocol.views import Boundary, Confusion, Filters, Image, Preview, WorstSample, WorstSamples
from tui.runs.views import MAX_BYTES, View, ViewsReader


def write(folder: Path, name: str, text: str) -> None:
    """Replace a view's file, as the trainer does."""
    (folder / VIEWS).mkdir(exist_ok=True)
    (folder / VIEWS / f"{name}.tmp").write_text(text)
    (folder / VIEWS / f"{name}.tmp").replace(folder / VIEWS / f"{name}.json")


def test_views_are_read_again_only_when_replaced(tmp_path: Path) -> None:
    reader = ViewsReader(tmp_path)
    assert not reader.poll()
    first = Confusion("val", 1, ("a",), ((1,),), 1)
    write(tmp_path, "confusion", json.dumps(encode(first)))
    assert reader.poll()
    assert reader.views == {"confusion": first}
    assert not reader.poll()
    before, version = reader.views, reader.version
    write(tmp_path, "preview", json.dumps(encode(Preview(2, 1, "text"))))
    assert reader.poll()
    assert before == {"confusion": first}
    assert set(reader.views) == {"confusion", "preview"}
    assert reader.version == version + 1


def test_a_broken_or_unknown_view_leaves_the_others(tmp_path: Path) -> None:
    reader = ViewsReader(tmp_path)
    write(tmp_path, "preview", json.dumps(encode(Preview(2, 1, "text"))))
    write(tmp_path, "confusion", '{"split": 3')
    write(tmp_path, "unknown", "{}")
    assert reader.poll()
    assert set(reader.views) == {"preview"}
    write(tmp_path, "preview", "[]")
    assert not reader.poll()
    assert reader.views["preview"] == Preview(2, 1, "text")


def test_a_huge_view_is_left_unread(tmp_path: Path) -> None:
    reader = ViewsReader(tmp_path)
    write(tmp_path, "preview", json.dumps(encode(Preview(2, 1, "x" * MAX_BYTES))))
    assert not reader.poll()
    assert reader.views == {}


def plane(shape: tuple[int, int], values: int, sure: int = 0) -> Boundary:
    """A plane whose parts need not fit together."""
    return Boundary(1, 0.0, 1.0, 0.0, 1.0, shape, "class", (0.0,) * values, (1.0,) * sure)


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("confusion", Confusion("val", 1, ("a", "b", "c"), ((1, 2, 3),), 6)),
        ("confusion", Confusion("val", 1, ("a", "b"), ((1,), (2, 3)), 6)),
        ("boundary", plane((2, 2), 3)),
        ("boundary", plane((0, 2), 0)),
        ("boundary", plane((-2, -2), 4)),
        ("boundary", plane((2, 2), 4, sure=1)),
        ("preview", Preview(1, 1, images=(Image((2, 2), (1.0, 2.0)),))),
        ("preview", Preview(1, 1, images=(Image((3,), (1.0, 2.0, 3.0)),))),
        ("filters", Filters(1, "0", (Image((2, 2, 2), (1.0,) * 8),), 1)),
        ("filters", Filters(1, "0", (Image((1, 9999), (1.0,) * 9999),), 1)),
        ("worst", WorstSamples("val", 1, (WorstSample(0, 1.0, "a", "b", None, Image((2, 2, 3), (1.0,))),))),
    ],
)
def test_a_view_whose_parts_do_not_fit_together_is_left_out(tmp_path: Path, name: str, view: View) -> None:
    reader = ViewsReader(tmp_path)
    write(tmp_path, name, json.dumps(encode(view)))
    assert not reader.poll()
    assert reader.views == {}
