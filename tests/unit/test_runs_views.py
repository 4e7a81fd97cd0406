"""Views are read when their files were replaced, and a broken one changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

from tui.protocol.codec import encode
from tui.protocol.run import VIEWS
from tui.protocol.views import Confusion, Preview
from tui.runs.views import ViewsReader


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
