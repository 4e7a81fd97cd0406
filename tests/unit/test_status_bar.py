from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.protocol.messages import CudaMemory, KernelStatus, RunState
from tui.widgets.status_bar import fit_fields, status_fields

STATUS = KernelStatus(
    1, 42, "3.11.7", "/usr/bin/python", "/", "ready", torch="2.13.0", device="cpu", rss_bytes=253_400_000
)
CUDA = replace(
    STATUS,
    device="cuda:0",
    device_name="NVIDIA H200",
    cuda=CudaMemory(2 * 10**9, 3 * 10**9, 100 * 10**9, 141 * 10**9),
)
RUN = RunState("r", "/runs/r", "paused", 1, 20)


def line(session: str, state: str, status: KernelStatus | None, width: int = 400) -> str:
    return " | ".join(fit_fields(status_fields(session, state, status), width))


def test_before_the_kernel_answers_only_its_state_is_told() -> None:
    assert "starting" in line("", "starting", None)
    assert "ab12cd" in line("ab12cd", "starting", None)


def test_it_says_session_state_torch_device_and_memory() -> None:
    said = line("ab12cd", "idle", STATUS)
    for expected in ("idle", "torch 2.13.0", "cpu", "250 MB", "ab12cd"):
        assert expected in said
    assert "run" not in said


def test_three_kinds_of_gpu_memory_are_told_apart() -> None:
    said = line("ab12cd", "busy", CUDA)
    for expected in ("cuda:0 NVIDIA H200", "2.0 GB allocated", "3.0 GB reserved", "100 GB free"):
        assert expected in said


@pytest.mark.parametrize("status", ["running", "paused", "finished", "failed"])
def test_the_run_and_how_it_is(status: str) -> None:
    assert f"run {status}" in line("", "idle", replace(STATUS, run=replace(RUN, status=status)))  # type: ignore[arg-type]


def test_beside_a_run_it_says_who_is_idle_and_how_far_the_run_is() -> None:
    at_work = replace(STATUS, run=replace(RUN, status="running", step=12_345))
    for width in (60, 80, 120):
        said = line("ab12cd", "idle", at_work, width=width)
        assert said.startswith("● idle (REPL) | run running | step 12,345")
    assert all("step" not in text for text, _ in status_fields("", "idle", at_work, with_step=False))
    assert "(REPL)" not in line("ab12cd", "idle", replace(STATUS, run=replace(RUN, status="finished")))
    assert "(REPL)" not in line("ab12cd", "dead", at_work)


def test_torch_on_its_way_or_missing_is_said_and_never_left_out() -> None:
    for torch_state, word in (("importing", "importing"), ("failed", "failed")):
        said = line("ab12cd", "idle", replace(STATUS, torch_state=torch_state, torch=None), width=45)  # type: ignore[arg-type]
        assert word in said
        assert "None" not in said


def test_small_changes_of_memory_are_not_worth_a_repaint() -> None:
    fields = {
        tuple(status_fields("s", "idle", replace(STATUS, rss_bytes=253_400_000 + n)))
        for n in range(0, 10**6, 10**5)
    }
    assert len(fields) == 1
    assert status_fields("s", "idle", replace(STATUS, rss_bytes=300_000_000)) not in [list(f) for f in fields]


def test_in_a_narrow_terminal_state_device_and_run_outlive_the_rest() -> None:
    said = line("ab12cd", "busy", replace(CUDA, run=RUN), width=50)
    for expected in ("busy", "cuda:0", "run paused"):
        assert expected in said
    assert "reserved" not in said


FIELDS = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=20), st.integers(0, 4)), min_size=1, max_size=8
)


@given(FIELDS, st.integers(0, 120))
def test_what_is_kept_fits_and_is_as_important_as_can_be(fields: list[tuple[str, int]], width: int) -> None:
    fields = [(f"{number}{text}", importance) for number, (text, importance) in enumerate(fields)]
    kept = fit_fields(fields, width)
    rest = [field for field in fields if field[0] in kept]
    assert [text for text, _ in rest] == kept  # in the order given
    dropped = [field for field in fields if field[0] not in kept]
    if sum(len(text) + 3 for text in kept) > width:
        assert len(kept) == 1 or all(importance == 0 for _, importance in rest)
    if dropped and len(rest) > 1:
        assert max(importance for _, importance in rest) <= min(importance for _, importance in dropped)
    if len(kept) > 1 or fields[0][1] == 0:
        assert all(field in rest for field in fields if field[1] == 0)
    if not dropped:
        assert kept == [text for text, _ in fields]
