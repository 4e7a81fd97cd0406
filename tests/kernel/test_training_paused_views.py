"""The pictures of a paused run are of the model that it has: made anew, recorded nowhere, and without a trace."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.kernel.training_oracle import scalars
from tui.kernel.training import Trainer
from tui.protocol.messages import RunState
from tui.protocol.run import RunSpec

WritePreset = Callable[..., str]
PREVIEW = """
    def preview(model):
        torch.rand(7)
        return model[0].weight[0].detach().clone().reshape(2, 3)
"""


class Paused:
    """A run of 30 short epochs that a test steps through."""

    def __init__(self, trainer: Trainer, preset: str, runs: Path) -> None:
        self._trainer = trainer
        self._changed = threading.Condition()
        self._states: list[RunState] = []
        spec = RunSpec(preset=preset, runs_dir=str(runs), knobs={"epochs": 30}, seed=3, start_paused=True)
        self.folder = Path(trainer.start(spec, namespace={}, on_change=self._note).folder)
        self.to_pause(0)

    def _note(self, state: RunState) -> None:
        with self._changed:
            self._states.append(state)
            self._changed.notify_all()

    def to_pause(self, step: int) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: any(each.status == "paused" and each.step == step for each in self._states), 30
            )

    def step_to(self, step: int, after: int = 0) -> None:
        for at in range(after + 1, step + 1):
            self._trainer.control("step")
            self.to_pause(at)

    def view(self, name: str, step: int) -> dict[str, object]:
        """Wait until a view is of a step: the pictures are made after the pause is told."""
        end_s = time.monotonic() + 20
        while True:
            try:
                view: dict[str, object] = json.loads((self.folder / "views" / f"{name}.json").read_text())
            except (OSError, ValueError):
                view = {}
            if view.get("step") == step:
                return view
            assert time.monotonic() < end_s, f"{name} is of step {view.get('step')}, not of {step}"
            time.sleep(0.01)

    def finish(self) -> dict[str, torch.Tensor]:
        self._trainer.control("resume")
        assert self._trainer.join(60)
        kept = torch.load(self.folder / "checkpoints" / "last.pt", weights_only=True)
        state: dict[str, torch.Tensor] = kept["model"]
        return state


def test_each_pause_shows_preview_and_confusion_of_the_model_as_it_is(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    run = Paused(trainer, write_preset(preview=PREVIEW), tmp_path)
    run.step_to(7)  # into the second epoch: five batches each
    for step in (7, 8):
        run.step_to(step, after=7)
        assert run.view("preview", step)["epoch"] == 1
        assert run.view("confusion", step)["split"] == "val"
        run.view("worst", step)


def test_what_is_made_for_a_pause_changes_nothing_and_is_recorded_nowhere(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(preview=PREVIEW)
    ends = []
    for pauses in (0, 13):
        run = Paused(trainer, preset, tmp_path / str(pauses))
        run.step_to(pauses)
        if pauses:
            run.view("confusion", pauses)
        state = run.finish()
        # the training's own metrics are of some steps, as time allows
        ends.append((state, [scalars(run.folder, tag) for tag in ("train/loss", "val/loss", "val/accuracy")]))
    (first, said), (second, said_again) = ends
    assert [len(points) for points in said] == [150, 30, 30]
    assert said == said_again
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_validation_set_that_can_be_gone_over_once_is_left_alone(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    data = """
    class Counted:
        passes = 0

        def __init__(self, loader):
            self.loader = loader

        def __iter__(self):
            Counted.passes += 1
            print(f"pass {Counted.passes}")
            return iter(self.loader)

    def data():
        x = torch.randn(96, 6, generator=torch.Generator().manual_seed(5))
        y = (x.sum(1) > 0).long()
        return {
            "train": DataLoader(TensorDataset(x[:80], y[:80]), batch),
            "val": Counted(DataLoader(TensorDataset(x[80:], y[80:]), 5)),
        }
    """
    run = Paused(trainer, write_preset(data=data, preview=PREVIEW), tmp_path)
    run.step_to(8)
    run.view("preview", 8)
    assert run.view("confusion", 5)["step"] == 5
    run.finish()
    assert (run.folder / "log.txt").read_text(encoding="utf-8").count("pass ") == 30
