"""A dry run ends when the user wants it, whatever its data loader waits for, and leaves nothing behind."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.kernel.training_oracle import wait_for
from tui.kernel.computations import Computations
from tui.kernel.refused import Refused
from tui.kernel.training import Trainer
from tui.kernel.training.dry import apart
from tui.kernel.training.dry.apart import Apart, Ended
from tui.kernel.training.dry.run import DryCancelled, dry_run
from tui.kernel.training_requests import TrainingRequests
from tui.protocol.run import RunSpec
from tui.protocol.training import DryRun, PlanSchedule

WritePreset = Callable[..., str]

HANGING = """
    import os, pathlib, threading, time

    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return 32

        def __getitem__(self, index):
            pathlib.Path({folder!r}, str(os.getpid())).touch()
            {hang}
            return torch.randn(6), 0

    def data():
        os.chdir({folder!r})
        torch.set_default_dtype(torch.float64)
        return {{"train": DataLoader(Rows(), 16, num_workers={workers})}}
"""
RETRIES = """while True:
                try: time.sleep(0.01)
                except Exception: pass"""
HANGS = {
    "in a busy loop": ("while True: pass", 0),
    "in a loop that takes every error for a failed try": (RETRIES, 0),
    "asleep": ("time.sleep({asleep})", 0),
    "in its workers": ("time.sleep(600)", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", HANGS)
def test_a_hung_loader_is_given_up(
    name: str, write_preset: WritePreset, trainer: Trainer, tmp_path: Path
) -> None:
    hang, workers = HANGS[name]
    began = tmp_path / "began"
    began.mkdir()
    asleep_s = apart.PATIENCE_S + 1.5  # the thread is left behind, and ends by itself before the test does
    code = HANGING.format(folder=str(began), hang=hang.format(asleep=asleep_s), workers=workers)
    preset = write_preset(data=code, metrics="")
    cancel, said = threading.Event(), []
    cwd, streams = Path.cwd(), (torch.get_rng_state(), random.getstate())

    def try_it() -> None:
        try:
            dry_run(RunSpec(preset, "/nowhere", device="cpu"), {}, cancel)
        except DryCancelled as cancelled:
            said.append(str(cancelled))

    waiting = threading.Thread(target=try_it)
    waiting.start()
    wait_for(lambda: len(list(began.iterdir())) >= max(workers, 1))
    asked_s = time.monotonic()
    cancel.set()
    waiting.join(30)
    assert time.monotonic() - asked_s < apart.PATIENCE_S + 1.5
    where = "waiting for a worker process" if workers else "tiny.py:"
    assert len(said) == 1
    assert said[0].startswith("it was in data")
    assert where in said[0]
    assert (Path.cwd(), torch.get_default_dtype()) == (cwd, torch.float32)
    assert torch.equal(torch.get_rng_state(), streams[0])
    assert random.getstate() == streams[1]
    if workers:
        wait_for(lambda: not any(_is_alive(int(file.name)) for file in began.iterdir()))

    from tests.kernel.test_training_steering import finished

    finished(
        trainer, RunSpec(write_preset("next"), str(tmp_path / "runs"), knobs={"epochs": 1}, device="cpu")
    )
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("dry run")])
    assert (Path.cwd(), torch.get_default_dtype()) == (cwd, torch.float32)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_is_left_behind_runs_no_further_line() -> None:
    lines: list[str] = []
    asleep = threading.Event()

    def call() -> None:
        asleep.wait(600)  # an uninterruptible wait, for a thread
        lines.append("a line of the user's")

    made = Apart(call, "left")
    made.start()
    cancel = threading.Event()
    cancel.set()
    assert not made.wait(cancel)
    assert not made.end(patience_s=0.2)
    asleep.set()
    wait_for(lambda: made.frame() is None)
    assert lines == []


def test_an_interrupt_never_falls_outside_the_call() -> None:
    for _ in range(300):
        made = Apart(lambda: sum(range(200)), "short")
        made.start()
        made.end()
        assert made.frame() is None
        try:
            assert made.result() == sum(range(200))
        except (Ended, IndexError):
            continue


def test_what_the_call_raises_is_raised_by_the_result() -> None:
    made = Apart(lambda: 1 // 0, "raises")
    made.start()
    assert made.wait(threading.Event())
    with pytest.raises(ZeroDivisionError):
        made.result()


# -- beside it -----------------------------------------------------------------------------------------


def waiting_preset(write_preset: WritePreset, go: Path, part: str) -> str:
    """A preset whose optimizer, or model, waits for a file."""
    until_there = (
        f"import pathlib, time\n    while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
    )
    returned = {"optimizer": "torch.optim.SGD(parameters, lr)", "model": "nn.Linear(6, 2)"}[part]
    arguments = "parameters" if part == "optimizer" else ""
    code = f"def {part}({arguments}):\n    {until_there}    return {returned}"
    return write_preset(**{part: code})


def requests() -> TrainingRequests:
    return TrainingRequests(dict, lambda: None, lambda: None, Computations().in_progress)


@pytest.mark.parametrize("request_of", [PlanSchedule, DryRun])
def test_a_run_begins_after_a_plan_and_is_refused_beside_a_dry_run(
    write_preset: WritePreset, tmp_path: Path, request_of: type[PlanSchedule | DryRun]
) -> None:
    go, made = tmp_path / "go", requests()
    part = "optimizer" if request_of is PlanSchedule else "model"
    spec = RunSpec(waiting_preset(write_preset, go, part), "/nowhere", device="cpu")
    answers: list[object] = []
    asked = threading.Thread(target=lambda: answers.append(made.handlers()[request_of](request_of(spec))))
    asked.start()
    wait_for(made._busy.locked)
    if request_of is DryRun:
        with pytest.raises(Refused, match="a dry run is under way"), made.apart_from_dry_run(wait_s=0.05):
            pass
    else:
        threading.Timer(0.3, go.touch).start()
        with made.apart_from_dry_run(wait_s=0.05):
            assert go.exists()
    go.touch()
    asked.join(30)
    assert len(answers) == 1
    with made.apart_from_dry_run():
        pass
