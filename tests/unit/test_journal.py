from __future__ import annotations

import time

from tui.client import news
from tui.client.journal import LIMIT_BYTES, STREAM_CHARACTERS, Failed, Journal, Printed, Showed
from tui.protocol.values import VALUE_MIME


def started(journal: Journal, cell: str, code: str, count: int = 1) -> None:
    journal.hear(news.CellStarted(cell, code, count, True))


def played(*told: news.News, limit_bytes: int = LIMIT_BYTES) -> Journal:
    journal = Journal(limit_bytes=limit_bytes)
    for item in told:
        journal.hear(item)
    return journal


def test_a_cell_is_kept_with_all_that_came_out() -> None:
    journal = played(
        news.CellStarted("a", "print(1); x", 3, True),
        news.CellPrinted("a", "stdout", "1"),
        news.CellPrinted("a", "stdout", "\n"),
        news.CellPrinted("a", "stderr", "careful\n"),
        news.CellShowed(
            "a", {"text/plain": "tensor(1)", VALUE_MIME: "{}", "application/json": "{'a': 1}"}, 3
        ),
        news.CellFailed("a", "ValueError", "no", ("line",)),
        news.CellEnded("a", "error"),
    )
    (cell,) = journal.cells
    assert (cell.code, cell.count, cell.status, cell.kernel) == ("print(1); x", 3, "error", 0)
    assert cell.outputs == [
        Printed("stdout", "1\n"),
        Printed("stderr", "careful\n"),
        Showed({"text/plain": "tensor(1)"}, 3),
        Failed("ValueError", "no", ("line",)),
    ]


def test_a_cleared_output_is_not_kept() -> None:
    journal = played(
        news.CellStarted("a", "bar()", 1, True),
        news.CellPrinted("a", "stdout", "10 %"),
        news.OutputCleared("a", wait=True),
    )
    assert journal.cells[0].outputs == [Printed("stdout", "10 %")]
    journal.hear(news.CellPrinted("a", "stdout", "20 %"))
    assert journal.cells[0].outputs == [Printed("stdout", "20 %")]
    journal.hear(news.OutputCleared("a", wait=False))
    assert journal.cells[0].outputs == []
    assert journal.size_bytes == len("bar()")


def test_cells_of_a_fresh_kernel_are_told_apart() -> None:
    journal = played(
        news.CellStarted("a", "x = 1", 1, True),
        news.KernelEnded("killed", (), False),
        news.CellEnded("a", "aborted"),
        news.CellStarted("b", "x = 2", 1, True),
    )
    assert [(cell.code, cell.kernel, cell.status) for cell in journal.cells] == [
        ("x = 1", 0, "aborted"),
        ("x = 2", 1, "running"),
    ]


def test_of_a_flood_the_tail_is_kept_at_little_cost() -> None:
    journal = Journal()
    started(journal, "a", "flood()")
    line = "0123456789" * 10 + "\n"
    began_s = time.perf_counter()
    for number in range(20_000):
        journal.hear(news.CellPrinted("a", "stdout", line + str(number)))
    assert time.perf_counter() - began_s < 20
    (output,) = journal.cells[0].outputs
    assert isinstance(output, Printed)
    assert len(output.text) <= 2 * STREAM_CHARACTERS
    assert output.text.endswith("19999")
    assert output.omitted + len(output.text) == sum(len(line) + len(str(n)) for n in range(20_000))


def test_a_single_line_of_100_mb_is_cut() -> None:
    journal = Journal()
    started(journal, "a", "print('x' * 10**8)")
    journal.hear(news.CellPrinted("a", "stdout", "x" * 10**8))
    assert journal.size_bytes < 2 * STREAM_CHARACTERS + 100


def test_all_cells_together_stay_within_the_limit() -> None:
    journal = Journal(limit_bytes=10_000)
    for number in range(200):
        started(journal, f"c{number}", f"x = {number}", number + 1)
        journal.hear(news.CellShowed(f"c{number}", {"text/plain": "v" * 1_000}, number + 1))
        assert journal.size_bytes <= 10_000
    cells = journal.cells
    assert [cell.code for cell in cells] == [f"x = {number}" for number in range(200)]
    assert cells[0].outputs == []
    assert cells[0].outputs_omitted
    assert cells[-1].outputs
    assert journal.size_bytes == sum(cell.size_bytes for cell in cells)


def test_one_output_larger_than_the_limit_is_not_kept() -> None:
    journal = played(
        news.CellStarted("a", "show()", 1, True),
        news.CellShowed("a", {"image/png": "A" * 20_000}, 1),
        news.CellStarted("b", "y", 2, True),
        news.CellShowed("b", {"text/plain": "1"}, 2),
        limit_bytes=10_000,
    )
    assert [cell.outputs_omitted for cell in journal.cells] == [True, False]
    assert journal.cells[1].outputs


def test_code_that_fills_the_limit_lets_the_oldest_cells_go() -> None:
    journal = Journal(limit_bytes=1_000)
    for number in range(10):
        started(journal, f"c{number}", "x" * 300)
    assert [cell.id for cell in journal.cells] == ["c7", "c8", "c9"]


def test_what_belongs_to_no_cell_is_passed_over() -> None:
    heard: list[None] = []
    journal = Journal(on_change=lambda: heard.append(None))
    journal.hear(news.CellPrinted("gone", "stdout", "x"))
    journal.hear(news.StateChanged("idle"))
    assert journal.cells == ()
    assert heard == []
    started(journal, "a", "1")
    assert heard == [None]
