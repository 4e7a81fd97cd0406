from __future__ import annotations

import random
import time
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.kernel.back_models import Classifier, Failing, Fallback, Habits, Twice
from tui.kernel.building.back_read import read_model
from tui.kernel.building.errors import BuildingError
from tui.kernel.training.waiting.handover import RunHandle
from tui.protocol.models import ModelRead, ModelRow, ReadModel


def read(model: nn.Module, text: str = "", **names: object) -> ModelRead:
    return read_model({"model": model, **names}, ReadModel("model", text))


def row_of(found: ModelRead, path: str) -> ModelRow:
    return next(row for row in found.rows if row.path == path)


def refusal(expression: str, text: str = "", **names: object) -> BuildingError:
    with pytest.raises(BuildingError) as caught:
        read_model(names, ReadModel(expression, text))
    return caught.value


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(144, 5),
        nn.Dropout(),
    )


# -- without a run ------------------------------------------------------------------------------------


def test_tree_without_a_run() -> None:
    model = small()
    model[0].weight.requires_grad_(False)
    model[4].register_forward_hook(lambda *_: None)
    model[4].register_full_backward_hook(lambda *_: None)
    found = read(model)
    assert [row.path for row in found.rows] == ["model", *(f"model[{n}]" for n in range(6))]
    assert [row.hooks for row in found.rows] == [0, 0, 0, 0, 0, 2, 0]
    assert found.rows[1].settings.startswith("1, 4, kernel_size=(3, 3)")
    assert (found.rows[1].trainable, found.rows[1].frozen) == (4, 36)
    assert found.rows[0].buffers == sum(buffer.numel() for buffer in model.buffers())
    assert {row.calls for row in found.rows} == {0}
    assert found.output_shapes == ""
    assert found.total_ms is None


def test_part_of_a_model_and_a_model_in_a_list() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(3, 2)))
    found = read_model({"models": [model]}, ReadModel("models[0][0]", "(7, 3)"))
    assert [row.path for row in found.rows] == ["models[0][0]", "models[0][0][0]"]
    assert found.output_shapes == "(7, 2)"


def test_tied_weights_and_shared_modules() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(nn.Embedding(9, 4), shared, shared, nn.Linear(4, 9, bias=False))
    model[3].weight = model[0].weight
    found = read(model, "(2, 3) int64")
    assert found.rows[1].tied == found.rows[4].tied == ("weight",)
    assert found.rows[0].trainable == sum(p.numel() for p in model.parameters())
    assert found.rows[3].settings == "same module as model[1]"
    assert found.rows[2].calls == found.rows[3].calls == 2
    assert found.output_shapes == "(2, 3, 9)"


def test_hooks_of_torch_itself_are_not_the_users() -> None:
    with pytest.warns(FutureWarning, match="weight_norm"):
        normed = nn.utils.weight_norm(nn.Linear(2, 2))
    model = nn.Sequential(normed, nn.LazyLinear(3))
    assert [row.hooks for row in read(model).rows] == [0, 0, 0]


# -- a run on real values -----------------------------------------------------------------------------


def test_shapes_and_statistics_are_those_of_the_model() -> None:
    model = small().eval()
    x = torch.randn(3, 1, 8, 8)
    found = read(model, "x", x=x)
    steps, value = [], x
    with torch.no_grad():
        for layer in model:
            value = layer(value)
            steps.append((tuple(value.shape), float(value.mean())))
    for row, (shape, _) in zip(found.rows[1:], steps, strict=True):
        assert row.output_shapes == str(shape)
        assert row.calls == 1
    assert found.output_shapes == found.rows[0].output_shapes == "(3, 5)"
    assert found.rows[1].input_shapes == "(3, 1, 8, 8)"
    conv = model[0](x).detach()
    # before the ReLU behind it, which works in place
    assert f"[{float(conv.min()):.3g}" in found.rows[1].statistics
    assert "x∈[0.0" in found.rows[3].statistics


def test_time_is_that_of_the_model_and_its_parts() -> None:
    class Slow(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            time.sleep(0.02)
            return x

    model = nn.Sequential(Slow(), nn.Sequential(Slow(), Slow()))
    found = read(model, "torch.zeros(2)")
    times = {row.path: row.forward_ms or 0.0 for row in found.rows}
    assert times["model[1]"] >= 40
    assert times["model"] >= times["model[0]"] + times["model[1]"]
    own = row_of(found, "model[1]").own_ms
    assert own is not None
    assert own < 10
    assert found.total_ms == times["model"]


def test_looking_takes_no_time_of_the_model() -> None:
    layer = nn.Identity()
    found = read(nn.Sequential(layer, nn.ReLU()), "x", x=torch.randn(2_000_000))
    inner = sum(row.forward_ms or 0.0 for row in found.rows[1:])
    assert (found.total_ms or 0.0) - inner < 5.0


def test_dictionary_in_dataclass_out() -> None:
    batch = {"ids": torch.randint(0, 50, (3, 7))}
    found = read(Classifier(), "batch, scale=torch.tensor(2.0)", batch=batch)
    assert found.output_shapes == "{logits: (3, 3), hidden: ((3, 7, 6), (1, 3, 6)), loss: None}"
    assert row_of(found, "model").input_shapes == "{ids: (3, 7)}, scale=()"
    assert row_of(found, "model.lstm").output_shapes == "((3, 7, 6), ((1, 3, 6), (1, 3, 6)))"
    assert row_of(found, "model.unused").calls == 0
    assert row_of(found, "model.unused").output_shapes == ""


def test_a_layer_called_twice_and_no_output() -> None:
    model = Twice()
    found = read(model, "torch.zeros(2, 4)")
    assert row_of(found, "model.fc").calls == 2
    assert found.output_shapes == "None"
    assert (model.seen, model.history) == (0, [])


def test_everything_is_as_before() -> None:
    model = Habits()
    model.norm.train()
    model.weight.grad = torch.ones(4)
    calls: list[str] = []
    model.norm.register_forward_hook(lambda *_: calls.append("hook"))
    x = torch.randn(6, 4)
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    before = (x.clone(), torch.get_rng_state(), random.getstate(), model.generator.get_state())
    hooks = {name: dict(module._forward_hooks) for name, module in model.named_modules()}
    found = read(model, "x", x=x)
    assert found.output_shapes == "(6, 4)"
    assert all(torch.equal(kept[key], value) for key, value in model.state_dict().items())
    assert torch.equal(x, before[0])
    assert torch.equal(torch.get_rng_state(), before[1])
    assert random.getstate() == before[2]
    assert torch.equal(model.generator.get_state(), before[3])
    assert torch.equal(model.state, torch.zeros(4))
    assert model.calls == {"n": 0}
    assert torch.equal(model.weight.grad, torch.ones(4))
    assert {name: dict(module._forward_hooks) for name, module in model.named_modules()} == hooks
    assert all(module.training for module in model.modules())
    assert calls == ["hook"]  # a hook of the user's is a part of the model


def test_large_parameters_are_lent_and_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.kernel.building.back_shadow.COPIED_BYTES", 0)
    model = nn.Sequential(nn.Embedding(5, 4, max_norm=0.1), nn.BatchNorm1d(4))
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    found = read(model, "torch.arange(5)")
    assert found.output_shapes == "(5, 4)"
    assert all(torch.equal(kept[key], value) for key, value in model.state_dict().items())


def test_lazy_layers_stay_lazy() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    for text in ("torch.randn(2, 1, 6, 6)", "(2, 1, 6, 6)"):
        assert read(model, text).output_shapes == "(2, 2)"
        assert isinstance(model[3], nn.LazyLinear)
        assert len(model[3]._forward_pre_hooks) == 1
    model(torch.randn(2, 3, 6, 6))
    assert model[0].in_channels == 3


def test_compiled_and_scripted_models() -> None:
    inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    compiled = torch.compile(inner)
    assert isinstance(compiled, nn.Module)
    found = read(compiled, "(2, 3)")
    assert [row.output_shapes for row in found.rows] == ["(2, 4)"] * 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scripting is deprecated, its modules live on
        scripted = torch.jit.script(inner)
        assert read(scripted, "torch.ones(2, 3)").output_shapes == "(2, 4)"
    assert refusal("m", "(2, 3)", m=scripted).kind == "not readable"


def test_random_numbers_of_a_cell_are_not_drawn_twice() -> None:
    namespace = {"model": nn.Dropout(), "x": torch.ones(100)}
    before = torch.get_rng_state()
    read_model(namespace, ReadModel("model", "x"), cell_running=True)
    assert not torch.equal(
        torch.get_rng_state(), before
    )  # a cell may have drawn as well: nothing is put back


def test_a_model_in_training_is_left_alone(tmp_path: Path) -> None:
    model = small()
    run = RunHandle(tmp_path, {})
    run.model = model
    error = refusal("model", "torch.zeros(2, 1, 8, 8)", model=model, run=run)
    assert error.kind == "busy"
    assert refusal("part", "x", part=model[4], x=torch.zeros(1), run=run).kind == "busy"
    assert read(model, "(2, 1, 8, 8)", run=run).output_shapes == "(2, 5)"
    assert read(small(), "torch.zeros(2, 1, 8, 8)", run=run).output_shapes == "(2, 5)"
    run.status = "paused"
    assert read(model, "torch.zeros(2, 1, 8, 8)", run=run).output_shapes == "(2, 5)"


# -- shapes alone -------------------------------------------------------------------------------------


def test_a_run_on_shapes_allocates_nothing_and_measures_nothing() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(1_000_000, 1_000_000), nn.Dropout())  # 4 TB
    found = read(model, "(32, 1000000)")
    assert found.output_shapes == "(32, 1000000)"
    assert found.total_ms is None
    assert {row.statistics for row in found.rows} == {""}
    assert {row.forward_ms for row in found.rows} == {None}


def test_shapes_of_several_inputs_with_dtypes() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(10, 4)

        def forward(self, ids: Tensor, mask: Tensor, extra: Tensor) -> Tensor:
            out: Tensor = self.embed(ids) * mask[..., None] + extra + torch.arange(4)
            return out

    found = read(Two(), "(2, 5) int64, (2, 5) bool, extra=(4,)")
    assert found.output_shapes == "(2, 5, 4)"
    assert found.rows[0].input_shapes == "(2, 5), (2, 5), extra=(4,)"


def test_a_forward_that_asks_for_values() -> None:
    class Asks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if bool(x.sum() > 0) else -x

    found = read(Asks(), "(3,)")
    assert "give a tensor" in found.rows[0].error
    assert read(Asks(), "torch.ones(3)").output_shapes == "(3,)"


# -- failures -----------------------------------------------------------------------------------------


def test_the_layer_that_fails_is_named_with_its_shapes() -> None:
    model = nn.Sequential(
        nn.Sequential(nn.Flatten(), nn.Linear(60, 8)), nn.ReLU(), nn.Linear(9, 2), nn.ReLU()
    )
    found = read(model, "torch.zeros(2, 60)")
    assert [bool(row.error) for row in found.rows] == [False] * 5 + [True, False]
    row = row_of(found, "model[2]")
    assert "in_features must be 8" in row.error
    assert "input float32 (2, 8), weight float32 (2, 9)" in row.error
    assert row_of(found, "model[0][1]").output_shapes == "(2, 8)"
    assert row.output_shapes == found.output_shapes == ""
    assert found.total_ms is None


@pytest.mark.parametrize(
    ("layer", "text", "words"),
    [
        (nn.Conv2d(3, 8, 3), "(2, 1, 8, 8)", "takes 3 channels got 1"),
        (nn.Conv2d(3, 8, 3), "(2, 64)", "takes an input (N, C, H, W), got 2 dimensions"),
        (nn.Embedding(4, 2), "(2, 3)", "takes integers (ids), got float32"),
        (nn.Embedding(4, 2), "torch.tensor([4])", "4 rows"),
        (nn.Linear(3, 2).double(), "torch.zeros(2, 3)", "parameters of float64, the input is float32"),
        (nn.LSTM(3, 2), "(5, 2, 4)", "3"),
        (nn.BatchNorm2d(3), "(2, 3)", "dimensions"),
    ],
)
def test_words_for_a_layer_that_fails(layer: nn.Module, text: str, words: str) -> None:
    (row,) = read(layer, text).rows
    assert words in row.error


def test_failure_in_the_users_own_forward() -> None:
    found = read(Failing(ValueError("no such luck")), "torch.zeros(2, 4)")
    assert "no such luck" in found.rows[0].error
    assert "back_models.py" in found.rows[0].error
    assert row_of(found, "model.fc").output_shapes == "(2, 4)"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_is_no_exception_ends_the_run_only(error: BaseException) -> None:
    assert read(nn.Sequential(Failing(error)), "torch.zeros(2, 4)").rows[1].error


def test_a_failure_that_the_model_survives_is_none() -> None:
    found = read(Fallback(), "torch.zeros(2, 4)")
    assert found.output_shapes == "(2, 2)"
    assert {row.error for row in found.rows} == {""}


def test_a_module_in_itself_can_be_listed() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model._modules["loop"] = model
    found = read(model, "(3, 2)")
    assert found.rows[2].settings == "same module as model"
    assert any(row.error for row in found.rows)


def test_what_is_no_model() -> None:
    assert refusal("gone").kind == "gone"
    assert "a Tensor" in str(refusal("x", x=torch.ones(2)))
    assert "is a class" in str(refusal("Net", Net=Classifier))
    assert refusal("model(").kind == "bad expression"
    assert refusal("model()", model=nn.ReLU()).kind == "bad expression"
    assert refusal("").kind == "bad expression"


def test_rows_past_the_limit_are_counted() -> None:
    model = nn.Sequential(*(nn.ReLU() for _ in range(5500)))
    found = read(model)
    assert (len(found.rows), found.omitted) == (5000, 501)


def test_a_thousand_modules_in_time() -> None:
    model = nn.Sequential(*(nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(333)))
    start = time.perf_counter()
    assert len(read(model, "torch.zeros(4, 8)").rows) == 1000
    assert time.perf_counter() - start < 1.5 * 4  # the budget, on a machine that is busy with other things
