from __future__ import annotations

import json
import multiprocessing
import stat
from pathlib import Path

from tui.widgets.code_input.history import History, HistoryWalk, search


def test_entries_come_back_in_a_new_session(tmp_path: Path) -> None:
    path = tmp_path / "state" / "history"
    first = History(path)
    for entry in ("x = 1", "def f():\n    return 'é'", "x"):
        first.append(entry)
    assert list(History(path).entries) == ["x = 1", "def f():\n    return 'é'", "x"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_repeats_and_blanks_are_not_kept(tmp_path: Path) -> None:
    history = History(tmp_path / "history")
    for entry in ("a", "a", "  \n", "b", "a"):
        history.append(entry)
    assert list(history.entries) == ["a", "b", "a"]
    assert list(History(tmp_path / "history").entries) == ["a", "b", "a"]


def test_damaged_lines_cost_only_themselves(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_bytes(b'"a"\nnot json\n{"b": 1}\n\xff\xfe\n' + b"[" * 100_000 + b'\n"c"\n"torn')
    history = History(path)
    assert list(history.entries) == ["a", "c"]
    history.append("d")
    assert list(History(path).entries) == ["a", "c", "d"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(json.dumps(f"x{number}") + "\n" for number in range(50)))
    history = History(path, limit=10)
    history.append("last")
    assert list(history.entries) == [*(f"x{number}" for number in range(41, 50)), "last"]


def test_where_nothing_can_be_written_memory_serves(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file" / "history")
    history.append("a")
    assert list(history.entries) == ["a"]
    assert list(History(None).entries) == []


def _append_many(path: Path, name: str) -> None:
    history = History(path)
    for number in range(200):
        history.append(f"{name} {number} " + "z" * 500)


def test_terminals_at_work_at_once_do_not_mix_entries(tmp_path: Path) -> None:
    path = tmp_path / "history"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_many, args=(path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries = History(path).entries
    assert len(entries) == 600
    for name in "abc":
        own = [entry for entry in entries if entry.startswith(name)]
        assert own == [f"{name} {number} " + "z" * 500 for number in range(200)]


def test_walk_goes_through_entries_with_the_prefix_and_back() -> None:
    walk = HistoryWalk(["x = 1", "y = 2", "x = 3", "x = 3"], draft="x", prefix="x")
    assert walk.older() == "x = 3"
    assert walk.older() == "x = 1"
    assert walk.older() is None
    assert walk.shown == "x = 1"
    assert walk.newer() == "x = 3"
    assert walk.newer() == "x"
    assert walk.newer() is None


def test_search_finds_all_words_newest_first_once() -> None:
    entries = ["loss.backward()", "x = torch.rand(3)", "Torch x", "x = torch.rand(3)"]
    assert search(entries, "torch x") == ["x = torch.rand(3)", "Torch x"]
    assert search(entries, "")[0] == "x = torch.rand(3)"
    assert search(entries, "nothing") == []
