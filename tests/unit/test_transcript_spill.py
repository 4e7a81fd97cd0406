from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tui.widgets.drawn.lines import plain_of
from tui.widgets.transcript.cells import Cell
from tui.widgets.transcript.spill import HELD_BYTES, Spill


def cell_of(spill: Spill, count: int | None = 3) -> Cell:
    cell = Cell("a", gap=False, spill=spill.cell())
    cell.count = count
    return cell


def lines_of(cell: Cell) -> list[str]:
    return [plain_of(line) for block in cell.blocks for line in block.lines]


def test_what_fits_needs_no_file(tmp_path: Path) -> None:
    cell = cell_of(Spill(tmp_path / "out"))
    cell.stream("", "a few lines\n" * 100)
    cell.end_stream()
    assert not (tmp_path / "out").exists()
    assert lines_of(cell) == ["a few lines"] * 100


@pytest.mark.parametrize("chunk", [1, 777, 100_000])
def test_a_file_has_every_line_from_the_first(tmp_path: Path, chunk: int) -> None:
    cell = cell_of(Spill(tmp_path / "out"))
    lines = [f"line {number} é\n" for number in range(5_000)]
    for start in range(0, len(lines), chunk):
        cell.stream("stderr" if chunk == 1 and start % 2 else "", "".join(lines[start : start + chunk]))
    cell.end_stream()
    path = tmp_path / "out" / "cell-3.txt"
    assert path.read_text() == "".join(lines)
    assert any("dropped" in line and line.endswith(f"all in {path}") for line in lines_of(cell))
    assert lines_of(cell)[-1] == f"… all in {path}"


def test_a_line_that_is_cut_is_whole_in_the_file(tmp_path: Path) -> None:
    cell = cell_of(Spill(tmp_path))
    cell.stream("", "x" * 1_000_000 + "\n")
    cell.end_stream()
    assert (tmp_path / "cell-3.txt").stat().st_size == 1_000_001
    assert lines_of(cell)[-1] == f"… all in {tmp_path / 'cell-3.txt'}"
    assert "996,000 more characters" in lines_of(cell)[0]


def test_files_are_for_their_owner_and_never_overwritten(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "out")
    for _ in range(2):
        cell = cell_of(spill)
        cell.stream("", "x\n" * 3_000)
        cell.end_stream()
    folder = tmp_path / "out"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "cell-3.txt": 0o600, "cell-3-2.txt": 0o600,
    }  # fmt: skip


def test_what_comes_after_the_end_is_appended(tmp_path: Path) -> None:
    cell = cell_of(Spill(tmp_path))
    cell.stream("", "x\n" * 3_000)
    cell.end_stream()
    cell.stream("", "a thread\n")
    cell.end_stream()
    assert (tmp_path / "cell-3.txt").read_text() == "x\n" * 3_000 + "a thread\n"


def test_the_limit_is_told_once(tmp_path: Path) -> None:
    cell = cell_of(Spill(tmp_path, limit_bytes=HELD_BYTES))
    for _ in range(4):
        cell.stream("", "y" * 99 + "\n" + "x\n" * (HELD_BYTES // 4))
    assert (tmp_path / "cell-3.txt").stat().st_size == HELD_BYTES
    told = [line for line in lines_of(cell) if "no room" in line]
    assert len(told) == 1
    assert "the first 256 kB in" in told[0]


def test_a_folder_that_cannot_be_made_is_told_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cell = cell_of(Spill(tmp_path / "file" / "out"))
    cell.stream("", "x\n" * 3_000)
    assert "not kept in a file: " in lines_of(cell)[0]
    cell.stream("", "x\n" * 3_000)
    assert len([line for line in lines_of(cell) if "not kept" in line]) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told_and_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode=0o777: plain("/dev/full", os.O_WRONLY))
    cell = cell_of(Spill(tmp_path))
    for _ in range(3):
        cell.stream("", "x\n" * HELD_BYTES)
    cell.end_stream()
    assert "No space left on device" in lines_of(cell)[0]
