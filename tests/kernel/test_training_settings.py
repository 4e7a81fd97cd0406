"""What the settings of a run do: its ends, its precision, its compiler, its loaders, its record."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, TensorDataset

from tests.kernel.training_oracle import (
    AUGMENTED,
    WritePreset,
    checkpoint,
    losses,
    run,
    scalars,
    stopped_after,
    wait_for,
)
from tui.kernel.training import RunRefused, Trainer
from tui.kernel.training.dry.run import dry_run
from tui.kernel.training.keep.best import criterion
from tui.kernel.training.parts.loaders import with_workers
from tui.kernel.training.trouble.refusals import SettingsError
from tui.protocol.messages import RunState
from tui.protocol.metrics import larger_is_better
from tui.protocol.run import RunSettings, RunSpec

LBFGS = "def optimizer(parameters):\n    return torch.optim.LBFGS(parameters, lr=0.1, max_iter=3)"


def record(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return data


def log(folder: Path) -> str:
    return (folder / "log.txt").read_text()


# -- ends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [3, 5, 22])
def test_a_run_ends_in_order_after_its_steps(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, steps: int
) -> None:
    folder = run(trainer, write_preset(), tmp_path, settings=RunSettings(max_steps=steps))  # 15 in 3 epochs
    assert len(losses(folder)) == steps
    assert scalars(folder, "val/loss")[-1][0] == steps
    assert scalars(folder, "test/loss")[-1][0] == steps
    assert checkpoint(folder)["step"] == steps
    assert record(folder)["status"] == "finished"
    assert record(folder)["epochs"] is None  # they are not what it goes by
    assert record(folder)["epoch"] == steps // 5


def test_a_run_that_has_taken_its_steps_goes_on_where_it_is_given_more(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset(data=AUGMENTED)
    whole = run(trainer, preset, tmp_path / "whole", settings=RunSettings(max_steps=13))
    folder = run(trainer, preset, tmp_path / "parts", settings=RunSettings(max_steps=7))
    with pytest.raises(RunRefused, match="has finished its 7 steps"):
        run(trainer, preset, tmp_path / "parts", resume=str(folder))
    run(trainer, preset, tmp_path / "parts", resume=str(folder), settings=RunSettings(max_steps=13))
    assert losses(folder) == losses(whole)
    changes = [(c["step"], c["name"], c["before"], c["after"]) for c in record(folder)["changes"]]
    assert changes == [(8, "resumed", "'finished'", "'running'"), (8, "max_steps", "7", "13")]


def test_a_run_ends_in_order_after_its_minutes_and_pauses_do_not_count(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    seen: list[RunState] = []
    settings = RunSettings(max_minutes=0.3 / 60)
    spec = RunSpec(write_preset(), str(tmp_path), settings=settings, start_paused=True)
    folder = Path(trainer.start(spec, namespace=None, on_change=seen.append).folder)
    wait_for(lambda: any(state.status == "paused" for state in seen))
    end_s = time.monotonic() + 0.5  # longer than it is to train
    wait_for(lambda: time.monotonic() > end_s)
    trainer.control("resume")
    assert trainer.join(30)
    assert seen[-1].status == "finished"
    assert 0.3 <= record(folder)["train_s"] < 5
    assert scalars(folder, "val/loss")[-1][0] == seen[-1].step
    assert scalars(folder, "test/loss")[-1][0] == seen[-1].step


# -- what is asked for between steps -------------------------------------------------------------------


class Steered:
    """A run that is paused, and whose changes of status can be waited for."""

    def __init__(self, trainer: Trainer, preset: str, runs: Path, steps: int, **spec: Any) -> None:
        self.trainer = trainer
        self.seen: list[RunState] = []
        spec = {"knobs": {"epochs": 10_000}, **spec}
        self.folder = Path(
            trainer.start(
                RunSpec(preset, str(runs), start_paused=True, **spec),
                namespace={},
                on_change=self.seen.append,
            ).folder
        )
        wait_for(lambda: self.seen != [])
        steps += self.seen[0].step
        while self.seen[-1].step < steps:
            told = len(self.seen)
            trainer.control("step")
            wait_for(partial(self.has_told, told + 1))

    def has_told(self, times: int) -> bool:
        return len(self.seen) >= times

    def status(self) -> str:
        state = self.trainer.state()
        assert state is not None
        return state.status


def test_a_checkpoint_and_an_evaluation_leave_a_paused_run_paused_and_as_it_is(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    steered = Steered(trainer, write_preset(data=AUGMENTED), tmp_path, 3)
    live = trainer.live()
    assert live is not None
    before = {name: tensor.clone() for name, tensor in live.model.state_dict().items()}
    stream = torch.get_rng_state()
    (steered.folder / "checkpoints" / "last.pt").unlink()
    trainer.control("checkpoint")
    trainer.control("evaluate")
    wait_for(lambda: "step 3  val loss" in log(steered.folder))
    assert steered.status() == "paused"
    assert checkpoint(steered.folder)["step"] == 3
    assert [step for step, _ in scalars(steered.folder, "val/loss")] == [3]
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(tensor, before[name]) for name, tensor in live.model.state_dict().items())
    assert all(module.training for module in live.model.modules())
    assert "checkpoint kept at step 3" in log(steered.folder)


def test_of_a_running_run_they_come_after_the_step_in_work(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    steered = Steered(trainer, write_preset(), tmp_path, 0)
    trainer.control("resume")
    trainer.control("evaluate")
    trainer.control("checkpoint")
    wait_for(lambda: "checkpoint kept at step" in log(steered.folder))
    wait_for(lambda: steered.status() == "running")
    trainer.control("stop_now")
    assert trainer.join(30)


def test_where_there_is_no_val_the_test_set_is_evaluated(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    data = """
        def data():
            x = torch.randn(32, 6)
            pairs = TensorDataset(x, (x.sum(1) > 0).long())
            return {"train": DataLoader(pairs, 8), "test": DataLoader(pairs, 8)}
    """
    steered = Steered(trainer, write_preset(data=data), tmp_path, 2)
    trainer.control("evaluate")
    wait_for(lambda: "step 2  test loss" in log(steered.folder))
    assert scalars(steered.folder, "test/loss")[0][0] == 2


def test_an_evaluation_that_fails_ends_nothing(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    broken = """
        def metrics(output, target):
            return {"accuracy": output.argmax(1) / (torch.is_grad_enabled() or missing)}
    """
    steered = Steered(
        trainer,
        write_preset(metrics=broken.replace("/ (", "* 0 + (").replace("argmax(1)", "sum()")),
        tmp_path,
        0,
    )
    trainer.control("evaluate")
    wait_for(lambda: "the evaluation failed: NameError" in log(steered.folder))
    assert steered.status() == "paused"


def test_stop_now_ends_a_pause_with_nothing_kept(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    steered = Steered(trainer, write_preset(), tmp_path, 3)
    (steered.folder / "checkpoints" / "last.pt").unlink()
    trainer.control("stop_now")
    assert trainer.join(30)
    assert steered.status() == "stopped"
    assert not (steered.folder / "checkpoints" / "last.pt").exists()
    assert record(steered.folder)["step"] == 3
    assert losses(steered.folder) != []


@pytest.mark.parametrize("phase", [1, 2, 3])
def test_stop_now_ends_a_pause_inside_a_batch(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, phase: int
) -> None:
    steered = Steered(trainer, write_preset(), tmp_path, 1)
    for _ in range(phase):
        told = len(steered.seen)
        trainer.control("phase")
        wait_for(partial(steered.has_told, told + 1))
    trainer.control("stop_now")
    assert trainer.join(30)
    assert steered.status() == "stopped"
    assert steered.seen[-1].step == 1


SLOW_VAL = """
    import threading

    class Slow(torch.utils.data.Dataset):
        def __len__(self):
            return 1_000_000

        def __getitem__(self, index):
            threading.Event().wait(0.01)
            return torch.randn(6), 1

    def data():
        x = torch.randn(32, 6)
        pairs = TensorDataset(x, (x.sum(1) > 0).long())
        return {"train": DataLoader(pairs, 8), "val": DataLoader(Slow(), 1), "test": DataLoader(pairs, 8)}
"""


@pytest.mark.parametrize("asked", [True, False])
def test_stop_now_ends_an_evaluation_and_tests_nothing(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, asked: bool
) -> None:
    steered = Steered(trainer, write_preset(data=SLOW_VAL), tmp_path, 1)
    if asked:
        trainer.control("evaluate")
    else:
        trainer.control("resume")
    live = trainer.live()
    assert live is not None
    wait_for(lambda: not live.model.training)
    trainer.control("stop_now")
    assert trainer.join(30)
    assert steered.status() == "stopped"
    assert "test" not in log(steered.folder)


def test_what_raises_between_steps_is_told_and_ends_nothing(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    steered = Steered(trainer, write_preset(), tmp_path, 1)
    live = trainer.live()
    assert live is not None

    def fail() -> None:
        raise KeyError("betas")

    live.control.at_step(fail, inside=True)
    wait_for(lambda: "KeyError: 'betas'" in log(steered.folder))
    assert steered.status() == "paused"


# -- loaders -------------------------------------------------------------------------------------------


def pairs(count: int = 10) -> TensorDataset:
    return TensorDataset(torch.arange(count).float())


def collated(items: list[Any]) -> list[Any]:
    return items


def test_a_loader_with_other_workers_gives_the_same_batches() -> None:
    def loader() -> DataLoader[Any]:
        generator = torch.Generator().manual_seed(3)
        return DataLoader(pairs(), 4, shuffle=True, drop_last=True, generator=generator, collate_fn=collated)

    plain, made = loader(), with_workers("train", loader(), 1)
    assert made.num_workers == 1
    assert (made.batch_size, made.drop_last, made.collate_fn) == (4, True, collated)
    assert isinstance(made.sampler, RandomSampler)
    assert list(made) == list(plain)


def test_a_batch_sampler_is_kept() -> None:
    sampler = BatchSampler(range(10), 3, drop_last=False)
    made = with_workers("train", DataLoader(pairs(), batch_sampler=sampler), 2)
    assert made.batch_sampler is sampler
    assert made.num_workers == 2


def test_workers_are_taken_away_with_all_that_needs_them() -> None:
    loader = DataLoader(pairs(), 2, num_workers=2, persistent_workers=True, prefetch_factor=4, timeout=3)
    made = with_workers("val", loader, 0)
    assert (made.num_workers, made.persistent_workers, made.timeout) == (0, False, 0)
    assert with_workers("val", loader, 2) is loader


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(6))


def test_loaders_that_cannot_have_workers_are_refused() -> None:
    with pytest.raises(SettingsError, match="every worker would give all samples"):
        with_workers("train", DataLoader(Stream()), 2)
    assert [batch.tolist() for batch in with_workers("train", DataLoader(Stream(), 2), 1)] == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]
    with pytest.raises(SettingsError, match=r"data\(\)\['val'\] is no DataLoader \(list\)"):
        with_workers("val", [1, 2], 2)

    class Own(DataLoader[Any]):
        pass

    with pytest.raises(SettingsError, match="of the preset's own kind"):
        with_workers("train", Own(pairs()), 1)


def test_a_run_with_workers_is_refused_in_plain_words_where_that_cannot_be(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    data = "def data():\n    return {'train': [(torch.randn(4, 6), torch.zeros(4).long())]}"
    folder = run(
        trainer, write_preset(data=data), tmp_path, status="failed", settings=RunSettings(loader_workers=2)
    )
    error = record(folder)["error"]
    assert error["kind"] == "SettingsError"
    assert "data()['train'] is no DataLoader (list)" in error["message"]
    assert error["traceback"] == ""


# -- best ----------------------------------------------------------------------------------------------


def test_the_metric_to_go_by_and_which_way_is_better() -> None:
    val = {"loss": 1.0, "accuracy": 0.5, "macro_f1": 0.3, "map_error": 2.0}
    assert (criterion(val, "").name, criterion(val, "").higher) == ("accuracy", True)
    assert (criterion(val, "val/macro_f1").name, criterion(val, "macro_f1").higher) == ("macro_f1", True)
    assert not criterion(val, "loss").higher
    assert not larger_is_better("map_error")
    wrong = criterion(val, "macro_fl")
    assert wrong.name == "accuracy"
    assert "loss, accuracy, macro_f1, map_error" in wrong.problem
    assert not criterion(val, "").is_better(float("nan"), None)


def test_a_wrong_metric_is_said_with_the_names_there_are(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    folder = run(trainer, write_preset(), tmp_path, settings=RunSettings(best_by="acuracy"))
    (warning,) = record(folder)["warnings"]
    assert "'acuracy'" in warning
    assert "loss, accuracy" in warning


def test_the_best_state_can_come_from_inside_an_epoch(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    worse = """
        def loss():
            return nn.CrossEntropyLoss()

        steps = 0

        def metrics(output, target):
            return {"score": best()}

        calls = []

        def best():
            calls.append(1)
            return 5.0 if len(calls) == 3 else 1.0 / len(calls)
    """
    preset = write_preset(
        loss=worse,
        metrics="",
        data="""
        def data():
            x = torch.randn(60, 6)
            pairs = TensorDataset(x, (x.sum(1) > 0).long())
            return {"train": DataLoader(pairs, 10), "val": DataLoader(pairs, 60)}
        """,
    )
    # metrics() is called for the first training batch, then by the evaluations after steps 2 and 4.
    folder = run(
        trainer, preset, tmp_path, knobs={"epochs": 1}, settings=RunSettings(eval_every=2, best_by="score")
    )
    values = dict(scalars(folder, "val/score"))
    assert checkpoint(folder, "best.pt")["step"] == max(values, key=values.__getitem__)


# -- precision and compiler ----------------------------------------------------------------------------


def test_steps_that_overflow_are_left_out_and_told(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    huge = """
        class Steep(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.clone()

            @staticmethod
            def backward(ctx, grad):
                return grad * 1e36

        def loss():
            count = []

            def of(output, target):
                count.append(1)
                output = Steep.apply(output.float()) if len(count) in (2, 4) else output
                return nn.functional.cross_entropy(output, target)

            return of
    """
    data = (
        AUGMENTED.replace(', generator=order),\n            "val"', '),\n            "val"').split('"val"')[0]
        + "}\n"
    )
    folder = run(
        trainer,
        write_preset(loss=huge, data=data, metrics=""),
        tmp_path,
        knobs={"epochs": 1},
        settings=RunSettings(precision="float16"),
    )
    told = log(folder)
    assert "step 2 was left out: its gradients overflowed in float16" in told
    assert "step 4 was left out" in told
    assert "step 3 was left out" not in told
    assert all(torch.isfinite(t).all() for t in checkpoint(folder)["model"].values())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (RunSettings(accumulate=2), "cannot be accumulated"),
        (RunSettings(clip_norm=1.0), "cannot be clipped"),
        (RunSettings(precision="float16"), "no scaling for float16"),
    ],
)
def test_what_an_optimizer_with_a_closure_cannot_do_is_said(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, settings: RunSettings, words: str
) -> None:
    folder = run(trainer, write_preset(optimizer=LBFGS), tmp_path, status="failed", settings=settings)
    assert words in record(folder)["error"]["message"]


def backend(monkeypatch: pytest.MonkeyPatch, run_graph: Callable[..., Any]) -> None:
    """Let `torch.compile` hand every graph to a function of the test's."""
    compile_with = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: compile_with(model, backend=run_graph))


def test_a_compiled_run_is_that_of_the_plain_model(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[object] = []

    def run_graph(graph: Any, _inputs: object) -> Any:
        graphs.append(graph)
        return graph.forward

    backend(monkeypatch, run_graph)
    preset = write_preset()
    namespace: dict[str, object] = {}
    trainer.start(
        RunSpec(preset, str(tmp_path), settings=RunSettings(compile=True)),
        namespace=namespace,
        on_change=lambda _: None,
    )
    assert trainer.join(100)
    state = trainer.state()
    assert state is not None
    assert state.status == "finished", state.error
    folder = Path(state.folder)
    assert graphs
    assert type(namespace["model"]) is nn.Sequential
    assert list(checkpoint(folder)["model"]) == list(namespace["model"].state_dict())
    assert not any("_orig_mod" in name for name in checkpoint(folder)["model"])
    assert record(folder)["warnings"] == []
    plain = run(trainer, preset, tmp_path)
    assert losses(folder) == pytest.approx(losses(plain), rel=1e-4)


@pytest.mark.parametrize("when", ["at once", "backward"])
def test_a_run_whose_compiler_fails_goes_on_uncompiled(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    class Breaks(torch.autograd.Function):
        @staticmethod
        def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(_: Any, grad: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no backward of this was compiled")

    apply: Any = Breaks.apply

    def run_graph(graph: Any, _inputs: object) -> Any:
        if when == "at once":
            raise RuntimeError("no C++ compiler was found")
        return lambda *inputs: [apply(out) for out in graph.forward(*inputs)]

    backend(monkeypatch, run_graph)
    preset = write_preset()
    folder = run(trainer, preset, tmp_path, settings=RunSettings(compile=True))
    (warning,) = record(folder)["warnings"]
    assert warning.startswith("torch.compile failed, so the model runs uncompiled")
    assert losses(folder) == losses(run(trainer, preset, tmp_path))


def test_a_mistake_of_the_models_own_is_told_as_its_own(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend(monkeypatch, lambda graph, _inputs: graph.forward)
    folder = run(
        trainer,
        write_preset(model="def model():\n    return nn.Linear(5, 2)"),
        tmp_path,
        status="failed",
        settings=RunSettings(compile=True),
    )
    assert "torch.compile" not in log(folder)
    assert "(16, 6)" in record(folder)["error"]["message"] or "16x6" in record(folder)["error"]["message"]


# -- choices and the record ----------------------------------------------------------------------------


def test_chosen_parts_take_the_place_of_the_presets(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    own = nn.Sequential(nn.Linear(6, 2))
    namespace: dict[str, object] = {"own": own}
    settings = RunSettings(
        model="own",
        loss="CrossEntropyLoss(label_smoothing=0.1)",
        optimizer="SGD(lr=0.5)",
        scheduler="StepLR(step_size=1)",
    )
    trainer.start(
        RunSpec(write_preset(), str(tmp_path), settings=settings),
        namespace=namespace,
        on_change=lambda _: None,
    )
    assert trainer.join(30)
    state = trainer.state()
    assert state is not None
    assert state.status == "finished", state.error
    assert namespace["model"] is own
    assert type(namespace["optimizer"]) is torch.optim.SGD
    assert [round(lr, 6) for _, lr in scalars(Path(state.folder), "lr")] == [0.5, 0.05, 0.005]
    assert record(Path(state.folder))["settings"]["loss"] == settings.loss


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
def test_an_optimizer_of_matrices_trains_a_model_of_matrices_and_is_refused_for_others_by_name(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    settings = RunSettings(optimizer="Muon(lr=0.02)")
    matrices = (
        "def model():\n    return nn.Sequential(nn.Linear(6, 8, False), nn.ReLU(), nn.Linear(8, 2, False))"
    )
    folder = run(
        trainer, write_preset("matrices", model=matrices), tmp_path, knobs={"epochs": 1}, settings=settings
    )
    assert len(losses(folder)) == 5
    tried = dry_run(
        RunSpec(write_preset(), "/nowhere", device="cpu", settings=settings), {}, threading.Event()
    )
    words = "Muon takes matrices (2 dimensions) alone; 0.bias (8,) and 3 more of this model are none"
    assert tried.problem.startswith(words)
    folder = run(trainer, write_preset(), tmp_path, status="failed", settings=settings)
    assert record(folder)["error"]["message"].startswith(words)


def test_none_is_no_schedule(trainer: Trainer, write_preset: WritePreset, tmp_path: Path) -> None:
    schedule = """
        def optimizer(parameters):
            return torch.optim.SGD(parameters, lr)

        def scheduler(optimizer):
            return torch.optim.lr_scheduler.StepLR(optimizer, 1)
    """
    preset = write_preset(optimizer=schedule)
    folder = run(trainer, preset, tmp_path, settings=RunSettings(scheduler="none"))
    assert {round(lr, 6) for _, lr in scalars(folder, "lr")} == {0.01}
    # A schedule of the preset's is of the preset's optimizer.
    folder = run(trainer, preset, tmp_path, settings=RunSettings(optimizer="SGD(lr=0.2)"))
    assert {round(lr, 6) for _, lr in scalars(folder, "lr")} == {0.2}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (RunSettings(accumulate=0), "accumulate takes a whole number of at least 1, got 0"),
        (RunSettings(clip_norm=-1.0), "clip_norm takes a number above 0"),
        (RunSettings(max_minutes=float("nan")), "max_minutes takes a number above 0"),
        (RunSettings(precision="float8"), "precision is one of float32, bfloat16, float16"),  # type: ignore[arg-type]
        (RunSettings(loss="HubertLoss()"), "HubertLoss"),
        (RunSettings(optimizer="SGD(lr='fast')"), "lr"),
        (RunSettings(model="missing"), "missing"),
        (RunSettings(scheduler="StepLR"), "StepLR needs step_size"),
        (RunSettings(scheduler="CosineLR()"), "has no 'CosineLR'"),
    ],
)
def test_mistakes_are_said_before_there_is_a_run(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path, settings: RunSettings, words: str
) -> None:
    with pytest.raises(RunRefused) as refused:
        run(trainer, write_preset(), tmp_path / "runs", settings=settings)
    assert words in str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_a_resumed_run_goes_on_with_its_settings_and_what_was_changed_meanwhile(
    trainer: Trainer, write_preset: WritePreset, tmp_path: Path
) -> None:
    preset = write_preset()
    steered = Steered(
        trainer, preset, tmp_path, 2, settings=RunSettings(clip_norm=0.5, accumulate=2), knobs={"epochs": 3}
    )
    live = trainer.live()
    assert live is not None

    def change() -> None:
        live.clip.clip_norm = 0.25
        live.changed("clip_norm", "0.5", "0.25")
        next(live.model.parameters()).requires_grad_(False)
        live.changed("frozen 0", "False", "True")

    live.control.at_step(change, inside=False)
    wait_for(lambda: "frozen 0 is True from step 3 on, it was False" in log(steered.folder))
    assert trainer.stop_and_wait(30)
    again = Steered(trainer, preset, tmp_path, 0, resume=str(steered.folder), knobs={"epochs": 3})
    later = trainer.live()
    assert later is not None
    assert later.clip.clip_norm == 0.25
    assert [p.requires_grad for p in later.model.parameters()][:2] == [False, True]
    data = record(again.folder)
    assert (data["settings"]["clip_norm"], data["settings"]["accumulate"]) == (0.25, 2)
    changes = [(c["step"], c["name"], c["before"], c["after"]) for c in data["changes"]]
    assert changes == [
        (3, "clip_norm", "0.5", "0.25"),
        (3, "frozen 0", "False", "True"),
        (3, "resumed", "'stopped'", "'running'"),
    ]
    assert trainer.stop_and_wait(30)
    assert stopped_after(trainer, preset, tmp_path / "other", 0) != again.folder
