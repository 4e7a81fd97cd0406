"""How a sweep stands, by the file that its kernel leaves beside the runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweep_cases import GONE, written_sweep
from tui.protocol.run import SWEEPS
from tui.runs.index import list_runs
from tui.runs.sweeps import newest_sweep


@pytest.mark.parametrize(
    ("statuses", "fields", "standing", "line", "unbegun"),
    [
        (("finished", "running", "waiting!"), {}, "running", "run 2 of 3", [3]),
        (("failed", "refused!", "running"), {}, "running", "run 3 of 3 · 2 failed", []),
        (("finished", "running", "waiting!", "waiting!"), {"pid": GONE}, "lost",
         "1 of 4 done · its kernel is gone: 2 never began, 1 was cut off", [2, 3, 4]),
        (("finished", "waiting!"), {"pid": GONE}, "lost", "1 of 2 done · its kernel is gone: 1 never began", [2]),
        (("stopped", "stopped!", "stopped!"), {"ended": True}, "ended", "1 of 3 done · ended, 2 never began", [2, 3]),
        (("running", "stopped!"), {"ended": True}, "running", "run 1 of 2", [2]),
        (("finished", "failed"), {"ended": True, "pid": GONE}, "finished", "2 of 2 done · 1 failed", []),
    ],
)  # fmt: skip
def test_it_says_what_had_its_turn_and_what_never_began(
    tmp_path: Path,
    statuses: tuple[str, ...],
    fields: dict[str, object],
    standing: str,
    line: str,
    unbegun: list[int],
) -> None:
    written_sweep(tmp_path, *statuses, **fields)  # type: ignore[arg-type]
    sweep = newest_sweep(tmp_path)
    assert sweep is not None
    assert (sweep.standing, sweep.line) == (standing, line)
    assert [spec.knobs["lr"] for spec in sweep.unbegun] == unbegun
    assert all(spec.sweep == "" for spec in sweep.unbegun)


def test_the_newest_that_can_be_read_is_taken(tmp_path: Path) -> None:
    assert newest_sweep(tmp_path) is None
    written_sweep(tmp_path, "finished", name="1.json", ended=True)
    written_sweep(tmp_path, "waiting!", "waiting!", name="2.json")
    (tmp_path / SWEEPS / "3.json").write_text("{")
    sweep = newest_sweep(tmp_path)
    assert sweep is not None
    assert len(sweep.record.runs) == 2
    assert list_runs(tmp_path) == ()  # none of them is taken for a run


def test_a_process_that_has_the_number_of_a_gone_kernel_is_not_taken_for_it(tmp_path: Path) -> None:
    written_sweep(tmp_path, "running", "waiting!", pid_started_at=1.0)
    sweep = newest_sweep(tmp_path)
    assert sweep is not None
    assert sweep.standing == "lost"
