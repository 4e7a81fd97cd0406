"""The views of a model at work: what is in them, and that they neither fail nor change a run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset, random_split

from tui.kernel.training import Trainer
from tui.kernel.training.evaluation import leaving_no_trace
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.untouched import restored_buffers
from tui.kernel.training.views.board import Views
from tui.kernel.training.views.boundary import COLUMNS, ROWS, Plane
from tui.kernel.training.views.confusion import confusion_of
from tui.kernel.training.views.filters import filters_view
from tui.kernel.training.views.gathering import Gathering
from tui.kernel.training.views.images import image_of, rounded
from tui.kernel.training.views.previews import preview_view
from tui.kernel.training.views.tasks import losses_each, task_of
from tui.kernel.training.views.writing import View, write_view
from tui.protocol.codec import decode
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.views import VIEW_TYPES, Boundary, Confusion, Filters, Preview, WorstSamples

CPU = torch.device("cpu")
V = TypeVar("V")


def experiment(
    model: nn.Module,
    loss: Callable[..., Any],
    train: Iterable[Any] = (),
    step: Callable[..., Any] | None = None,
) -> Experiment:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    return Experiment(
        train=train, val=None, test=None, model=model, loss=loss, optimizer=optimizer, scheduler=None,
        metrics=None, step=step, preview=None,
    )  # fmt: skip


def read(folder: Path, name: str, kind: type[V]) -> V:
    assert VIEW_TYPES[name] is kind
    return decode(kind, json.loads((folder / "views" / f"{name}.json").read_text()))


def gathered(
    given: Experiment, batches: list[tuple[torch.Tensor, torch.Tensor]], loader: object = ()
) -> dict[str, View]:
    gathering = Gathering(given, "val", loader)
    with torch.no_grad():
        for batch in batches:
            gathering.add(batch, given.model(batch[0]))
    assert gathering.error is None
    return dict(gathering.views(7))


class Pictures(Dataset[Any]):
    classes = ["cat", "dog", "newt"]


def test_classes_are_counted_and_the_worst_are_found() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(50, 1, 8, 8), torch.randint(3, (50,))
    given = experiment(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), nn.CrossEntropyLoss(label_smoothing=0.1)
    )
    loader = DataLoader(Pictures())
    views = gathered(given, [(x[:20], y[:20]), (x[20:40], y[20:40]), (x[40:], y[40:])], loader)
    output = given.model(x)
    matrix, worst = views["confusion"], views["worst"]
    assert isinstance(matrix, Confusion)
    assert isinstance(worst, WorstSamples)
    expected = [[int(((y == i) & (output.argmax(1) == j)).sum()) for j in range(3)] for i in range(3)]
    assert [list(row) for row in matrix.counts] == expected
    assert (matrix.classes, matrix.seen, matrix.step, matrix.split) == (("cat", "dog", "newt"), 50, 7, "val")
    losses = F.cross_entropy(output, y, reduction="none", label_smoothing=0.1)
    order = losses.argsort(descending=True)[:24]
    assert [sample.index for sample in worst.samples] == order.tolist()
    first = worst.samples[0]
    assert first.loss == pytest.approx(losses.max().item())
    assert first.target == Pictures.classes[y[order[0]]]
    assert first.predicted == Pictures.classes[output[order[0]].argmax()]
    assert first.confidence == pytest.approx(output[order[0]].softmax(0).max().item(), abs=1e-4)
    assert first.image is not None
    assert first.image.shape == (8, 8)
    assert first.image.values == pytest.approx(x[order[0]].flatten().tolist(), abs=1e-3)


@pytest.mark.parametrize("as_column", [True, False])
@pytest.mark.parametrize(
    ("loss", "last"),
    [
        (nn.BCEWithLogitsLoss(), nn.Identity()),
        (nn.BCELoss(), nn.Sigmoid()),
        (lambda o, t: F.binary_cross_entropy_with_logits(o, t.float()), nn.Identity()),
        (lambda o, t: F.binary_cross_entropy(o, t.float()), nn.Sigmoid()),
    ],
)
def test_yes_and_no(loss: Callable[..., Any], last: nn.Module, as_column: bool) -> None:
    torch.manual_seed(1)
    x, y = torch.randn(40, 2), torch.randint(2, (40,)).float()
    model = nn.Sequential(nn.Linear(2, 1), last)
    target = y.unsqueeze(1) if as_column else y
    if not as_column:
        model.append(nn.Flatten(0))
    views = gathered(experiment(model, loss), [(x[:30], target[:30]), (x[30:], target[30:])])
    said = model(x).reshape(-1) > (0.5 if isinstance(last, nn.Sigmoid) else 0.0)
    matrix = views["confusion"]
    assert isinstance(matrix, Confusion)
    assert matrix.counts == tuple(
        tuple(int(((y == i) & (said == bool(j))).sum()) for j in range(2)) for i in range(2)
    )
    worst = views.get("worst")
    assert isinstance(worst, WorstSamples) == isinstance(loss, nn.Module)
    if isinstance(worst, WorstSamples):
        sample = worst.samples[0]
        assert sample.target != sample.predicted
        assert sample.confidence is not None
        assert 0.5 <= sample.confidence <= 1
        assert sample.image is None
        assert sample.text == ", ".join(f"{v:.4g}" for v in x[sample.index].tolist())


def test_of_a_regression_the_worst_are_told_as_numbers() -> None:
    x, y = torch.arange(6.0).reshape(6, 1), torch.tensor([0.0, 1.0, 2.0, 30.0, 4.0, 5.0]).reshape(6, 1)
    views = gathered(experiment(nn.Identity(), nn.MSELoss()), [(x, y)])
    assert set(views) == {"worst"}
    worst = views["worst"]
    assert isinstance(worst, WorstSamples)
    first = worst.samples[0]
    assert (first.index, first.loss, first.target, first.predicted) == (3, 729.0, "30", "3")
    assert (first.confidence, first.text) == (None, "3")


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 70, 80), (8, 8)])
def test_of_pictures_made_of_pictures_both_are_shown(shape: tuple[int, ...]) -> None:
    torch.manual_seed(2)
    x = torch.rand(30, *shape)
    model = nn.Threshold(0.5, 0.0)
    worst = gathered(experiment(model, nn.MSELoss()), [(x[:20], x[:20]), (x[20:], x[20:])])["worst"]
    assert isinstance(worst, WorstSamples)
    losses = (model(x) - x).square().flatten(1).mean(1)
    first = worst.samples[0]
    assert first.index == int(losses.argmax())
    assert (first.target, first.predicted, first.confidence, first.output_curve) == ("", "", None, ())
    assert first.target_image is not None
    assert first.output_image is not None
    assert first.target_image == first.image
    assert first.target_image.shape == first.output_image.shape
    made = [0.0 if value <= 0.5 else value for value in first.target_image.values]
    assert first.output_image.values == pytest.approx(made, abs=1e-3)


@pytest.mark.parametrize(("length", "every"), [(5, 1), (64, 1), (150, 3)])
@pytest.mark.parametrize("as_column", [True, False])
def test_of_sequences_target_and_output_are_shown_as_curves(length: int, every: int, as_column: bool) -> None:
    torch.manual_seed(2)
    x = torch.randn(12, length, 1) if as_column else torch.randn(12, length)
    y = torch.randn_like(x)
    worst = gathered(experiment(nn.Identity(), nn.MSELoss()), [(x, y)])["worst"]
    assert isinstance(worst, WorstSamples)
    sample = worst.samples[0]
    assert (sample.target, sample.predicted, sample.output_image) == ("", "", None)
    assert sample.output_curve == pytest.approx(x[sample.index].flatten()[::every].tolist(), abs=1e-3)
    assert sample.target_curve == pytest.approx(y[sample.index].flatten()[::every].tolist(), abs=1e-3)


def test_sequences_of_several_lengths_are_shown_as_far_as_all_go() -> None:
    torch.manual_seed(2)
    batches = [(torch.randn(4, length), torch.randn(4, length)) for length in (9, 6, 30)]
    worst = gathered(experiment(nn.Identity(), nn.MSELoss()), batches)["worst"]
    assert isinstance(worst, WorstSamples)
    assert len(worst.samples) == 12
    assert {len(sample.output_curve) for sample in worst.samples} == {6}


def test_an_autoencoder_with_labels_is_no_classifier() -> None:
    x, y = torch.randn(8, 64), torch.randint(10, (8,))
    given = experiment(
        nn.Identity(), nn.MSELoss(), step=lambda model, batch, loss: loss(model(batch[0]), batch[0])
    )
    assert gathered(given, [(x, y)]) == {}


def test_what_an_own_step_does_with_yes_and_no_is_not_guessed() -> None:
    real = torch.rand(8, 1, 4, 4)
    given = experiment(
        nn.Identity(), nn.BCEWithLogitsLoss(), step=lambda model, batch, loss: loss(model(batch[0]), batch[1])
    )
    assert gathered(given, [(real, real)]) == {}


def test_losses_are_those_of_the_loss_whatever_it_is() -> None:
    output, target = torch.randn(9, 4), torch.randint(4, (9,))
    weight = torch.rand(4)
    loss = nn.CrossEntropyLoss(weight=weight)
    each = losses_each(experiment(nn.Identity(), loss), "classes", output, target)
    assert each is not None
    assert torch.equal(each, F.cross_entropy(output, target, weight, reduction="none"))
    assert loss.reduction == "mean"
    values = torch.randn(9, 3)
    each = losses_each(experiment(nn.Identity(), F.l1_loss), "values", values, values + 1)
    assert each is not None
    assert torch.allclose(each, torch.ones(9))


def test_targets_that_are_no_class_are_left_out() -> None:
    given = experiment(nn.Identity(), nn.CrossEntropyLoss())
    matrix = gathered(given, [(torch.eye(3), torch.tensor([0, -100, 1]))])["confusion"]
    assert isinstance(matrix, Confusion)
    assert matrix.seen == 2


def test_of_many_classes_those_with_mistakes_are_shown() -> None:
    counts = torch.diag(torch.full((130,), 5))
    counts[17, 129] = 9
    counts[3, 50] = 2
    matrix = confusion_of(counts, "val", 1, tuple(map(str, range(130))))
    assert matrix is not None
    assert len(matrix.classes) == len(matrix.counts) == 100
    assert {"17", "129", "3", "50"} <= set(matrix.classes)
    assert (matrix.class_count, matrix.seen) == (130, 130 * 5 + 11)
    assert matrix.counts[matrix.classes.index("17")][matrix.classes.index("129")] == 9


@pytest.mark.parametrize(
    ("output", "target", "loss", "task"),
    [
        (torch.rand(4, 3), torch.arange(4), nn.CrossEntropyLoss(), "classes"),
        (torch.rand(4, 3), torch.arange(4), nn.MSELoss(), ""),
        (torch.rand(4, 3), torch.rand(4, 3), nn.CrossEntropyLoss(), ""),
        (torch.rand(4, 3), torch.rand(4, 3), nn.MSELoss(), "values"),
        (torch.rand(4, 1), torch.ones(4), nn.MSELoss(), "values"),
        (torch.rand(4, 1), torch.ones(4), nn.BCELoss(), "binary"),
        (torch.rand(4, 2, 5), torch.ones(4, 5).long(), nn.CrossEntropyLoss(), ""),
        ((torch.rand(4, 1),), torch.ones(4), nn.MSELoss(), ""),
        (torch.rand(0, 3), torch.arange(0), nn.CrossEntropyLoss(), ""),
    ],
)
def test_what_is_learned_is_told_from_loss_output_and_target(
    output: object, target: torch.Tensor, loss: nn.Module, task: str
) -> None:
    assert task_of(experiment(nn.Identity(), loss), output, target) == task


# -- the plane -----------------------------------------------------------------------------------------


def at(plane: Boundary, x: float, y: float) -> float:
    column = round((x - plane.x_min) / (plane.x_max - plane.x_min) * (COLUMNS - 1))
    row = round((plane.y_max - y) / (plane.y_max - plane.y_min) * (ROWS - 1))
    return plane.values[row * COLUMNS + column]


class Quadrants(nn.Module):
    """Class 0 to 3, counted from the lower left, with a mind of its own about buffers and randomness."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.calls: torch.Tensor
        self.sum: torch.Tensor
        self.register_buffer("calls", torch.zeros(()))
        self.register_buffer("sum", torch.zeros(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.rand(3)
        self.calls = self.calls + 1
        self.sum += x.detach().sum(0)
        self.norm(x)
        chosen = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
        return 8.0 * F.one_hot(chosen, 4)


def test_the_plane_shows_what_the_model_says_there() -> None:
    places = torch.randn(700, 2).clamp(-1, 1) * torch.tensor([2.0, 1.0])
    target = torch.randint(4, (700,))
    loader = DataLoader(random_split(TensorDataset(places, target), [600, 100])[0], 8)
    given = experiment(Quadrants(), nn.CrossEntropyLoss(), loader)
    plane = Plane(given, CPU).view(5, (places[:8], target[:8]), given.model(places[:8]))
    assert plane is not None
    assert plane.kind == "class"
    assert (plane.x_min, plane.x_max) == pytest.approx((-2.4, 2.4))
    assert (plane.y_min, plane.y_max) == pytest.approx((-1.2, 1.2))
    assert [at(plane, x, y) for x, y in ((-1, -1), (1, -1), (-1, 1), (1, 1))] == [0, 1, 2, 3]
    assert len(plane.values) == len(plane.confidence) == ROWS * COLUMNS
    assert plane.confidence[0] == pytest.approx(torch.tensor([8.0, 0, 0, 0]).softmax(0)[0].item(), abs=1e-3)
    assert 300 <= len(plane.points) <= 500
    seen = {tuple(round(v, 4) for v in row) for row in torch.column_stack([places.double(), target]).tolist()}
    assert set(plane.points) <= seen


@pytest.mark.parametrize(
    ("loss", "value"), [(nn.BCEWithLogitsLoss(), 1 / (1 + math.exp(-3))), (nn.MSELoss(), 3.0)]
)
def test_one_answer_is_a_value(loss: nn.Module, value: float) -> None:
    class Three(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.full((len(x), 1), 3.0)

    x, y = torch.randn(20, 2), torch.ones(20, 1)
    plane = Plane(experiment(Three(), loss, [(x, y)]), CPU).view(1, (x, y), torch.full((20, 1), 3.0))
    assert plane is not None
    assert plane.kind == "value"
    assert plane.confidence == ()
    assert plane.values == pytest.approx((value,) * (ROWS * COLUMNS), rel=1e-3)
    assert len(plane.points) == 20  # of the batch seen


def test_other_models_have_no_plane() -> None:
    given = experiment(nn.Linear(3, 2), nn.CrossEntropyLoss())
    x, y = torch.randn(4, 3), torch.arange(4) % 2
    assert Plane(given, CPU).view(1, (x, y), given.model(x)) is None


def state(model: nn.Module) -> list[torch.Tensor]:
    return [*(tensor.clone() for tensor in model.state_dict().values()), torch.get_rng_state()]


def test_the_plane_leaves_nothing_behind() -> None:
    model = Quadrants().train()
    x, y = torch.randn(20, 2), torch.arange(20) % 4
    output = model(x)
    before, buffers = state(model), dict(model.named_buffers())
    Plane(experiment(model, nn.CrossEntropyLoss(), [(x, y)]), CPU).view(1, (x, y), output)
    assert all(torch.equal(a, b) for a, b in zip(before, state(model), strict=True))
    assert all(buffer is buffers[name] for name, buffer in model.named_buffers())
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_buffers_are_put_back_when_it_raises() -> None:
    model, x = nn.BatchNorm1d(2), torch.randn(4, 2)
    before = state(model)
    with pytest.raises(ZeroDivisionError), restored_buffers(model):
        raise ZeroDivisionError(model(x))
    assert all(torch.equal(a, b) for a, b in zip(before, state(model), strict=True))


# -- pictures ------------------------------------------------------------------------------------------


def test_pictures() -> None:
    assert image_of(torch.arange(6.0).reshape(2, 3)).values == (0, 1, 2, 3, 4, 5)
    colour = image_of(torch.arange(12).reshape(3, 2, 2))
    assert colour.shape == (2, 2, 3)
    assert colour.values[:3] == (0, 4, 8)
    large = image_of(torch.zeros(3, 224, 150))
    assert large.shape == (56, 38, 3)
    assert rounded(torch.tensor([1234.567, 0.01234, float("nan")]))[:2] == (1235.0, 0.0)
    assert rounded(torch.tensor([1e-30])) == pytest.approx((1e-30,))


def test_filters() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 70, 5)), nn.Conv2d(70, 2, 3))
    view = filters_view(model, 3)
    assert isinstance(view, Filters)
    assert (view.layer, view.total, len(view.images)) == ("0.0", 70, 64)
    assert view.images[0].shape == (5, 5, 3)
    one = filters_view(nn.Conv2d(2, 4, (3, 5)), 1)
    assert one is not None
    assert one.images[3].shape == (3, 5)
    assert filters_view(nn.Conv1d(2, 4, 7), 1).images[0].shape == (1, 7)  # type: ignore[union-attr]
    assert filters_view(nn.Linear(2, 2), 1) is None
    assert filters_view(nn.LazyConv2d(4, 3), 1) is None


@pytest.mark.parametrize(
    ("shown", "text", "images"),
    [
        ("Once upon a time", "Once upon a time", 0),
        (torch.rand(40, 40), "", 1),
        (torch.rand(30, 8, 8), "", 16),
        (torch.rand(5, 3, 8, 8), "", 5),
        (torch.rand(5), "", 0),
        (12.5, "12.5", 0),
    ],
)
def test_previews(shown: object, text: str, images: int) -> None:
    view = preview_view(shown, 10, 2)
    assert (view.step, view.epoch, view.text, len(view.images)) == (10, 2, text, images)
    assert bool(view.summary) == isinstance(shown, torch.Tensor)


# -- what is made when ---------------------------------------------------------------------------------


def test_files_are_read_back_as_they_were(tmp_path: Path) -> None:
    values = (float("nan"), *map(float, range(40)))
    view = Boundary(1, 0.0, 1.0, 0.0, 1.0, (1, 41), "value", values, (), ((0.5, 1.0, 2.0),))
    write_view(tmp_path, "boundary", view)
    back = read(tmp_path, "boundary", Boundary)
    assert math.isnan(back.values[0])
    assert back.values[1:] == values[1:]
    assert back.points == view.points
    write_view(tmp_path, "preview", preview_view("new", 2, 1))
    assert sorted(path.name for path in (tmp_path / "views").iterdir()) == ["boundary.json", "preview.json"]


def test_the_board_writes_what_there_is(tmp_path: Path) -> None:
    x, y = torch.randn(20, 2), torch.arange(20) % 4
    given = experiment(Quadrants(), nn.CrossEntropyLoss(), [(x, y)])
    said: list[str] = []
    views = Views(tmp_path, given, CPU, said.append)
    assert views.next_at_s < perf_counter()
    views.while_training(1, (x, y), given.model(x))
    assert views.next_at_s >= perf_counter() + 1.5
    assert read(tmp_path, "boundary", Boundary).step == 1
    assert not (tmp_path / "views" / "filters.json").exists()
    gathering = views.watch("val", given.train, last=False)
    assert gathering is not None
    gathering.add((x, y), given.model(x))
    views.evaluated(gathering, 9)
    assert read(tmp_path, "confusion", Confusion).step == 9
    assert read(tmp_path, "worst", WorstSamples).split == "val"
    assert views.watch("val", given.train, last=False) is None  # that would cost more than its share
    assert views.watch("test", given.train, last=True) is not None
    views.previewed("told", 9, 1, last=False)
    views.previewed("told again", 10, 2, last=False)
    assert read(tmp_path, "preview", Preview).text == "told"
    views.previewed("the end", 11, 3, last=True)
    assert read(tmp_path, "preview", Preview).text == "the end"
    views.training_ended(12, (x, y), given.model(x))
    assert read(tmp_path, "boundary", Boundary).step == 12
    assert said == []


def test_a_view_that_raises_is_told_once_and_left_out(tmp_path: Path) -> None:
    class Moody(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) > 100:
                raise RuntimeError("I do not\nlike it")
            return torch.zeros(len(x), 2)

    said: list[str] = []
    x, y = torch.randn(20, 2), torch.arange(20) % 2
    given = experiment(Moody(), nn.CrossEntropyLoss(), [(x, y)])
    views = Views(tmp_path, given, CPU, said.append)
    for step in range(3):
        views.while_training(step, (x, y), given.model(x))
    assert said == ["the view boundary is left out from now on: RuntimeError: I do not like it"]
    assert views.next_at_s == float("inf")
    (tmp_path / "views").write_text("in the way")
    views.previewed("text", 1, 1, last=True)
    views.previewed("text", 2, 2, last=True)
    assert len(said) == 2


def test_an_evaluation_that_cannot_be_watched_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    views = Views(tmp_path, experiment(nn.Identity(), nn.CrossEntropyLoss()), CPU, said.append)
    gathering = views.watch("val", (), last=True)
    assert gathering is not None
    with leaving_no_trace(nn.Identity(), CPU, ()), torch.no_grad():
        gathering.add((torch.eye(3), torch.arange(3)), torch.eye(3))
        gathering.add((torch.eye(4), torch.arange(4)), torch.eye(5))  # of another number of examples
    views.evaluated(gathering, 1)
    assert len(said) == 1
    assert "confusion" in said[0]


# -- in a run ------------------------------------------------------------------------------------------

PLANE = {
    "data": """
        def data():
            generator = torch.Generator().manual_seed(5)
            x = torch.randn(96, 2, generator=generator)
            y = (x[:, 0] > 0).long()
            held_out = TensorDataset(x[80:], y[80:])
            return {
                "train": DataLoader(TensorDataset(x[:80], y[:80]), batch, shuffle=True),
                "val": DataLoader(held_out, 5, shuffle=True),
                "test": DataLoader(held_out, 5),
            }
    """,
    "model": """
        def model():
            return nn.Sequential(
                nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)
            )
    """,
    "preview": """
        def preview(model):
            return model(torch.eye(2))
    """,
}


def trained(trainer: Trainer, preset: str, runs: Path, **settings: Any) -> tuple[Path, dict[str, object]]:
    names: dict[str, object] = {}
    spec = RunSpec(preset=preset, runs_dir=str(runs), settings=RunSettings(**settings))
    state = trainer.start(spec, namespace=names, on_change=lambda _: None)
    assert trainer.join(60)
    ended = trainer.state()
    assert ended is not None
    assert ended.status == "finished", ended.error
    return Path(state.folder), names


def test_a_run_shows_what_it_has_learned(
    trainer: Trainer, write_preset: Callable[..., str], tmp_path: Path
) -> None:
    folder, names = trained(trainer, write_preset(**PLANE), tmp_path / "runs")
    model = names["model"]
    assert isinstance(model, nn.Module)
    plane = read(folder, "boundary", Boundary)
    assert (plane.step, len(plane.points)) == (15, 80)
    assert at(plane, -2, 0) == 0
    assert at(plane, 2, 0) == 1
    matrix = read(folder, "confusion", Confusion)
    assert (matrix.split, matrix.step, matrix.seen) == ("test", 15, 16)
    assert len(read(folder, "worst", WorstSamples).samples) == 16
    shown = read(folder, "preview", Preview)
    assert (shown.step, shown.epoch) == (15, 3)
    with torch.no_grad():
        assert shown.images[0].values == pytest.approx(
            model.eval()(torch.eye(2)).flatten().tolist(), abs=1e-3
        )
    assert not (folder / "views" / "filters.json").exists()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_presets_own_step_with_a_class_loss_is_watched_too(
    trainer: Trainer, write_preset: Callable[..., str], tmp_path: Path
) -> None:
    step = """
        def step(model, batch, loss):
            return loss(model(batch[0]), batch[1])
    """
    folder, _ = trained(trainer, write_preset(**{**PLANE, "preview": ""}, step=step), tmp_path / "runs")
    assert read(folder, "confusion", Confusion).seen == 16
    assert read(folder, "boundary", Boundary).kind == "class"


def test_watching_changes_nothing(
    trainer: Trainer,
    write_preset: Callable[..., str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def weights(**settings: Any) -> dict[str, torch.Tensor]:
        folder, _ = trained(trainer, write_preset(**PLANE), tmp_path / "runs", **settings)
        content = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
        return {**content["model"], "stream": content["random"]["now"]["torch"]}

    monkeypatch.setattr("tui.kernel.training.views.board.LIVE_INTERVAL_S", 0.0)
    monkeypatch.setattr("tui.kernel.training.loop.Loop.LOOK_INTERVAL_S", 0.0)
    monkeypatch.setattr("tui.kernel.training.log.sampling.Allowance.spent", lambda self, start_s, end_s: None)
    monkeypatch.setattr("tui.kernel.training.log.layer_watch.LayerWatch.INTERVALS_S", (0.0, 0.0))
    watched = weights()  # at every step
    monkeypatch.setattr("tui.kernel.training.worker.Views", lambda *_: None)
    alone = weights(watch_layers=False)
    assert watched.keys() == alone.keys()
    assert all(torch.equal(watched[name], alone[name]) for name in watched)
