"""The clock of a step's phases on a device, with events that tell a time of the test's."""

from __future__ import annotations

import pytest
import torch

from tui.kernel.training.log.phases import BACKWARD, DATA, FORWARD, OPTIMIZER, CudaPhaseClock


class Event:
    """An event that happens at once."""

    now_ms = 0.0

    def __init__(self, *, enable_timing: bool) -> None:
        assert enable_timing
        self.at_ms = 0.0

    def record(self) -> None:
        self.at_ms = Event.now_ms

    def query(self) -> bool:
        return True

    def elapsed_time(self, later: Event) -> float:
        return later.at_ms - self.at_ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> CudaPhaseClock:
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(CudaPhaseClock, "INTERVAL_S", 0.0)
    return CudaPhaseClock()


def go_through(clock: CudaPhaseClock, *marks: tuple[int, float]) -> None:
    """Let so many milliseconds go by before each mark of a phase."""
    for phase, took_ms in marks:
        Event.now_ms += took_ms
        clock.mark(phase)


def on_device(clock: CudaPhaseClock) -> list[float]:
    means = clock.take()
    return [means[phase] for phase in ("forward", "backward", "optimizer")]


def test_a_step_of_one_batch(clock: CudaPhaseClock) -> None:
    for took_ms in (2.0, 4.0):
        go_through(clock, (DATA, 50.0), (FORWARD, took_ms), (BACKWARD, 2 * took_ms), (OPTIMIZER, 1.0))
        clock.step_done()
    assert on_device(clock) == [3.0, 6.0, 1.0]


def test_a_step_of_several_batches_is_the_sum_of_their_phases(clock: CudaPhaseClock) -> None:
    first = ((DATA, 50.0), (FORWARD, 2.0), (BACKWARD, 3.0))
    go_through(clock, *first, (DATA, 50.0), (FORWARD, 4.0), (BACKWARD, 5.0), (OPTIMIZER, 1.0))
    clock.step_done()
    assert on_device(clock) == [6.0, 8.0, 1.0]


def test_a_step_with_a_pause_in_it_is_left_out(clock: CudaPhaseClock) -> None:
    go_through(clock, (DATA, 1.0), (FORWARD, 2.0))
    clock.interrupt(FORWARD)
    go_through(clock, (BACKWARD, 100.0), (OPTIMIZER, 1.0))
    clock.step_done()
    go_through(clock, (DATA, 1.0), (FORWARD, 2.0), (BACKWARD, 3.0), (OPTIMIZER, 4.0))
    clock.step_done()
    assert on_device(clock) == [2.0, 3.0, 4.0]
