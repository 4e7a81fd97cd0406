from __future__ import annotations

import random
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.kernel.building_designs import (
    attention,
    conv,
    expression,
    flatten,
    layer,
    linear,
    model,
    own,
    parallel,
    relu,
    repeat,
    residual,
    resnet18,
    sequence,
)
from tests.kernel.test_building_code import built
from tui.kernel.building import layers
from tui.kernel.building.check import check_design
from tui.kernel.building.warned import collected
from tui.protocol.building import (
    Block,
    BlockFacts,
    CheckDesign,
    Design,
    DesignChecked,
    InputSpec,
)


def check(design: Design, namespace: dict[str, Any] | None = None, **asked: Any) -> DesignChecked:
    return check_design(namespace or {}, CheckDesign(design, **asked))


def rows(*body: Block, shape: tuple[int, ...] = (8,), **asked: Any) -> tuple[BlockFacts, ...]:
    return check(model("M", shape, *body), **asked).blocks


def row(*body: Block, **asked: Any) -> BlockFacts:
    return rows(*body, **asked)[-1]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    layers.MEMORY.clear()
    yield
    layers.MEMORY.clear()


# -- what is told of blocks -------------------------------------------------------------------------


def test_open_sizes_are_filled_in() -> None:
    found = rows(conv(16), layer("BatchNorm2d"), flatten(), linear(10), shape=(3, 8, 8))
    assert [row.label for row in found] == [
        "Conv2d(3, 16, 3, padding=1)", "BatchNorm2d(16)", "Flatten()", "Linear(1024, 10)",
    ]  # fmt: skip
    assert [(a.name, a.text) for row in found for a in row.filled] == [
        ("in_channels", "3"), ("num_features", "16"), ("in_features", "1024"),
    ]  # fmt: skip


def test_after_a_failure_the_line_is_not_reached_and_other_branches_are() -> None:
    broken = sequence(layer("Linear", in_features=7, out_features=3), relu())
    found = rows(parallel(broken, linear(4)), relu())
    assert [(row.label, row.status) for row in found] == [
        ("Concatenate(dim=1)", "failed"), ("Sequence", "failed"), ("Linear(7, 3)", "failed"),
        ("ReLU()", "not reached"), ("Linear(8, 4)", "ok"), ("ReLU()", "not reached"),
    ]  # fmt: skip
    assert [bool(row.error) for row in found] == [False, False, True, False, False, False]


def test_shapes_show_what_the_batch_is_part_of() -> None:
    found = rows(expression("x.reshape(-1, 2)"), expression("x.sum()"), shape=(3, 4))
    assert [row.output_shapes for row in found] == ["(6N, 2)", "()"]
    assert "The batch is lost here" in found[1].note


def test_shapes_do_not_depend_on_the_batch_or_on_large_sizes() -> None:
    design = model("M", (7919,), linear(7919 * 2), linear(15))
    for batch in (1, 7, 7919):
        assert [row.output_shapes for row in check(design, batch=batch).blocks] == ["(N, 15838)", "(N, 15)"]


def test_a_tuple_is_shown_whole_and_its_item_runs_on() -> None:
    whole, taken = (
        row(layer("LSTM", hidden_size=3, batch_first=True, _take=take), shape=(5, 4))
        for take in ("", "[1][0]")
    )
    assert whole.output_shapes == "((N, 5, 3), ((1, N, 3), (1, N, 3)))"
    assert [fix.replacement[0].take for fix in whole.fixes] == ["[0]"]
    assert (taken.output_shapes, taken.note) == ("(1, N, 3)", "")


def test_long_sequences_cost_no_more_than_short_ones() -> None:
    long = row(layer("GRU", hidden_size=3, batch_first=True, _take="[0]"), shape=(1_000_000, 4))
    assert (long.output_shapes, long.macs) == ("(N, 1000000, 3)", 1_000_000 * 3 * 3 * (4 + 3))


def test_a_projection_is_told_where_shapes_differ() -> None:
    found = row(conv(4), residual(conv(8, stride=2), conv(8)), shape=(3, 8, 8))
    assert found.status == "ok"
    shown = rows(conv(4), residual(conv(8, stride=2), conv(8)), shape=(3, 8, 8))[1]
    assert shown.label == "Residual + Conv2d(4, 8, 1, stride=2)"
    assert shown.trainable == (4 * 9 + 1) * 8 + (8 * 9 + 1) * 8 + (4 + 1) * 8


def test_rounds_of_other_shapes_are_each_interpreted() -> None:
    found = rows(repeat(3, conv(8, 3, padding=0)), shape=(3, 8, 8))
    assert (found[0].output_shapes, found[1].output_shapes) == ("(N, 8, 2, 2)", "(N, 8, 6, 6)")
    assert found[0].trainable == (3 * 9 + 1) * 8 + 2 * (8 * 9 + 1) * 8
    failed = rows(repeat(9, conv(8, 3, padding=0)), shape=(3, 8, 8))
    assert failed[0].error.startswith(
        "In round 4: Conv2d has a kernel of 3 × 3, larger than its input of 2 × 2"
    )


def test_values_have_names_that_later_blocks_use() -> None:
    found = rows(linear(4, _output="seen"), relu(), expression("torch.cat((x, seen), dim=1)"))
    assert found[-1].output_shapes == "(N, 8)"
    lost = rows(repeat(2, layer("Identity", _output="inside")), expression("x + inside"))
    assert "There is no value inside here." in lost[-1].error


# -- code -------------------------------------------------------------------------------------------


def test_lines_of_the_code_belong_to_blocks() -> None:
    design = resnet18()
    checked = check(design)
    code = checked.code.splitlines()
    first = design.body[0].id
    own_lines = [code[found.line].strip() for found in checked.lines if found.block == first]
    assert own_lines == [
        "self.conv = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)",
        "x = self.conv(x)  # (N, 64, 16, 16)",
    ]


def test_names_of_rows_are_attributes_of_the_model() -> None:
    design = model("M", (8,), linear(4, _name="first"), sequence(relu(), linear(4), name="rest"), relu())
    checked = check(design)
    run = built(checked.code, "M")
    found = {row.label: row.name for row in checked.blocks}
    assert found == {"Linear(8, 4)": "first", "Sequence": "rest", "ReLU()": "relu", "Linear(4, 4)": "1"}
    assert isinstance(run.first, nn.Linear)
    assert isinstance(run.rest, nn.Sequential)


def test_code_of_an_unfinished_design_is_there_and_parses() -> None:
    checked = check(
        model("M", (8,), layer("Linear"), relu(), expression("x +"), layer("nn.Lin"), layer("Conv2d"))
    )
    compile(checked.code, "m.py", "exec")
    assert "self.fc = nn.Linear(..., ...)" in checked.code


def test_the_same_design_gives_the_same_code() -> None:
    assert check(resnet18()).code == check(resnet18()).code


def test_a_class_of_a_cell_comes_along_in_the_code(tmp_path: Any) -> None:
    source = "class Scale(nn.Module):\n    def forward(self, x):\n        return F.relu(x) * 2\n"
    path = tmp_path / "cell.py"
    path.write_text(source)
    namespace: dict[str, Any] = {"nn": nn, "F": nn.functional, "__name__": "__main__"}
    exec(compile(source, str(path), "exec"), namespace)
    checked = check(model("M", (8,), own("Scale"), linear(2)), namespace)
    assert "from torch.nn import functional as F" in checked.code
    assert built(checked.code, "M")(torch.ones(3, 8)).shape == (3, 2)


# -- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("class", "a word of Python's own"),
        ("block.one", "has a dot"),
        ("2nd", "no name"),
        ("forward", "a method of that name"),
        ("train", "a method"),
        ("parameters", "a method"),
        ("training", "an attribute"),
        ("twice", "given twice"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_the_rest_goes_on(name: str, words: str) -> None:
    checked = check(model("M", (8,), linear(4, _name="twice"), linear(4, _name=name), relu()))
    assert words in checked.blocks[1].error
    assert [row.status for row in checked.blocks] == ["ok", "failed", "ok"]
    assert built(checked.code, "M")(torch.ones(2, 8)).shape == (2, 4)


@pytest.mark.parametrize("name", ["", "2D", "my model", "torch", "lambda", "nn", "Block.One"])
def test_a_model_needs_a_name_that_is_one(name: str) -> None:
    checked = check(model(name, (8,), linear(4)))
    assert checked.problem
    assert checked.blocks[0].output_shapes == "(N, 4)"
    assert built(checked.code, "Model")(torch.ones(2, 8)).shape == (2, 4)


@pytest.mark.parametrize("name", ["x", "self", "not", "a.b"])
def test_a_value_needs_a_name_that_is_one(name: str) -> None:
    found = row(linear(4, _output=name))
    assert found.status == "failed"
    assert name in found.error


# -- designs that are wrong as a whole --------------------------------------------------------------


@pytest.mark.parametrize(
    ("design", "asked", "words"),
    [
        (model("M", (8,), relu()), {"batch": 0}, "one sample or more"),
        (model("M", (8,), relu()), {"batch": -3}, "one sample or more"),
        (model("M", (0, 8), relu()), {}, "each size is 1 or more"),
        (model("M", (8,), relu(), dtype="float33"), {}, "no dtype float33"),
        (Design("M", (), (relu(),)), {}, "takes no input"),
        (Design("M", (InputSpec("a"), InputSpec("a")), (relu(),)), {}, "two inputs have that name"),
        (Design("M", (InputSpec("import"),), (relu(),)), {}, "Python's own"),
        (Design("M", (InputSpec("x", source="absent"),), (relu(),)), {}, "no absent"),
        (Design("M", (InputSpec("x", source="preset /no/such.py"),), (relu(),)), {}, "no preset file"),
        (Design("M", (InputSpec("x", source="scalar"),), (relu(),)), {}, "single number"),
        (Design("M", (InputSpec("x", source="empty"),), (relu(),)), {}, "no elements"),
    ],
)
def test_a_design_that_cannot_run_is_told_in_words(design: Design, asked: dict[str, Any], words: str) -> None:
    namespace = {"scalar": torch.tensor(3.0), "empty": torch.ones(4, 0)}
    checked = check(design, namespace, **asked)
    assert words in checked.problem
    assert checked.blocks == ()


def test_a_block_in_itself_is_refused() -> None:
    inner = relu()
    around = sequence(inner, replace(sequence(), id=inner.id))
    assert "stands in two places" in check(model("M", (8,), around)).problem


def test_blocks_nested_without_end_are_refused() -> None:
    body = relu()
    for _ in range(2000):
        body = sequence(body)
    assert "nested more than" in check(model("M", (8,), body)).problem


def test_an_empty_design_is_a_model_that_passes_its_input_on() -> None:
    checked = check(model("M", (8,)))
    assert (checked.problem, checked.output_shapes) == ("", "(N, 8)")
    x = torch.ones(2, 8)
    assert built(checked.code, "M")(x) is x


def test_an_input_without_more_than_the_batch() -> None:
    ids = layer("Embedding", num_embeddings=5, embedding_dim=3)
    checked = check(model("M", (), ids, dtype="int64"))
    assert (checked.blocks[0].input_shapes, checked.output_shapes) == ("(N,)", "(N, 3)")


def test_shape_and_dtype_are_taken_from_a_tensor() -> None:
    namespace = {"batch": [torch.zeros(32, 7, dtype=torch.float64)]}
    design = Design("M", (InputSpec("x", source="batch[0]"),), (relu(),))
    assert check(design, namespace).blocks[0].input_shapes == "(N, 7)"
    assert check(design, namespace).blocks[0].dtype == "float64"


def test_shape_and_dtype_are_taken_from_a_presets_data(tmp_path: Any) -> None:
    path = tmp_path / "ours.py"
    path.write_text(
        '"""Ours."""\nimport torch\ndef data(): return {"train": [(torch.zeros(4, 3, 5), torch.zeros(4))]}\n'
        "def model(): ...\ndef loss(): ...\ndef optimizer(parameters): ...\n"
    )
    before = torch.get_rng_state()
    design = Design("M", (InputSpec("x", source=f"preset {path}"),), (relu(),))
    assert check(design).output_shapes == "(N, 3, 5)"
    assert torch.equal(before, torch.get_rng_state())


# -- layers that misbehave --------------------------------------------------------------------------


class Raises(nn.Module):
    def __init__(self, why: str = "no luck") -> None:
        super().__init__()
        raise ValueError(why)


class Exits(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        raise SystemExit(3)


class Forgets(nn.Module):
    def __init__(self) -> None:
        self.fc = nn.Linear(8, 8)


class Huge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(10**6, 10**6))

    def forward(self, x: Tensor) -> Tensor:
        return x


class Loops(nn.Module):
    release = threading.Event()

    def forward(self, x: Tensor) -> Tensor:
        Loops.release.wait(60)
        return x


class Looks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if bool(x.sum() > 0) else -x


class Random(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.noise = torch.rand(8)

    def forward(self, x: Tensor) -> Tensor:
        torch.set_grad_enabled(False)
        return x + torch.rand(8) + torch.randn_like(x) * self.noise


class Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls: Tensor
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        return x.mul_(2)


CLASSES: dict[str, Any] = {
    cls.__name__: cls for cls in (Raises, Exits, Forgets, Huge, Loops, Looks, Random, Counts)
}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Raises", "no luck"),
        ("Exits", "sys.exit"),
        ("Forgets", "cannot assign module before Module.__init__() call"),
        ("Looks", "needs values of its input"),
        ("Absent", "no class Absent in the namespace"),
    ],
)
def test_a_class_that_fails_is_told_in_words(kind: str, words: str) -> None:
    found = rows(own(kind), relu(), namespace=CLASSES)
    assert words in found[0].error
    assert [row.status for row in found] == ["failed", "not reached"]


def test_a_class_that_would_allocate_terabytes_takes_nothing() -> None:
    assert row(own("Huge"), namespace=CLASSES).trainable == 10**12


def test_a_class_with_state_that_works_in_place() -> None:
    found = row(own("Counts"), namespace=CLASSES)
    assert (found.status, found.buffers, found.activation_bytes) == ("ok", 1, 0)


def test_a_class_that_hangs_does_not_hold_the_builder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "PATIENCE_S", 0.1)
    Loops.release.clear()
    found = rows(own("Loops"), relu(), namespace=CLASSES)
    assert "has not returned" in found[0].error
    began_s = time.monotonic()
    assert "has not returned" in row(own("Loops"), namespace=CLASSES).error
    assert time.monotonic() - began_s < 0.1  # it is not waited for again
    Loops.release.set()
    while not (late := row(own("Loops"), namespace=CLASSES)).output_shapes:
        time.sleep(0.001)
    assert late.output_shapes == "(N, 8)"


def test_nothing_around_is_changed() -> None:
    random.seed(0)
    generators = torch.get_rng_state(), random.getstate()
    before = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device()
    design = model(
        "M", (8,), own("Random"), linear(8), layer("Dropout"), layer("RReLU"), layer("AlphaDropout"),
        layer("Linear", out_features=8, _init="orthogonal_"),
    )  # fmt: skip
    assert [row.status for row in check(design, CLASSES).blocks] == ["ok"] * 6
    assert (torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device()) == before
    assert torch.equal(torch.get_rng_state(), generators[0])
    assert random.getstate() == generators[1]


def test_a_class_that_was_defined_anew_is_run_anew() -> None:
    def define(features: int) -> type[nn.Module]:
        class Mine(nn.Linear):
            def __init__(self) -> None:
                super().__init__(8, features)

        return Mine

    design = model("M", (8,), own("Mine"))
    assert check(design, {"Mine": define(3)}).output_shapes == "(N, 3)"
    assert check(design, {"Mine": define(4)}).output_shapes == "(N, 4)"


def test_normalization_over_a_batch_of_one() -> None:
    single = row(layer("BatchNorm1d"), batch=1)
    assert "a batch of one" in single.error
    assert row(layer("BatchNorm1d"), batch=2).status == "ok"
    assert row(layer("BatchNorm2d"), shape=(3, 4, 4), batch=1).status == "ok"


def test_an_edit_runs_only_what_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    body = [linear(8, _name=f"fc{index}") for index in range(6)]
    check(model("M", (8,), *body))
    calls: list[str] = []
    before = layers._run

    def noted(asked: Any, *rest: Any) -> Any:
        calls.append(asked.layer)
        return before(asked, *rest)

    monkeypatch.setattr(layers, "_run", noted)
    body[3] = linear(9)
    check(model("M", (8,), *body))
    assert len(calls) == 2  # the one that was edited, and the one whose input has changed
    check(model("M", (8,), *body), batch=64)
    assert len(calls) == 2


# -- expressions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x.add_(1)", "write .add"),
        ("x.nonzero()", "depends on the values"),
        ("x[x > 0]", "depends on the values"),
        ("x.item()", "no .item"),
        ("open('f')", "no value open"),
        ("nn.Linear(8, 2)(x)", "a layer: place it as a block"),
        ("torch.load('f')", "cannot be used"),
        ("torch.rand(3)", "cannot be used"),
        ("x if x else x", "no place here"),
        ("2 ** 10 ** 10", "too large"),
        ("[x] * 10**9", "arithmetic takes"),
        ("x.mean(dim=3)", "Dimension out of range"),
        ("y + 1", "no value y"),
        ("x.__class__", "no .__class__"),
        ("(x", "not a Python expression"),
        ("", "Type an expression"),
        ("F.dropout(x, training=True)", "cannot be used"),
    ],
)
def test_an_expression_that_cannot_be_is_told_in_words(text: str, words: str) -> None:
    found = row(expression(text))
    assert found.status == "failed"
    assert words in found.error


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("x.view(x.size(0), 2, -1)", "(N, 2, 12)"),
        ("x.max(dim=1).values", "(N, 6)"),
        ("x.unflatten(2, (2, 3))", "(N, 4, 2, 3)"),
        ("F.scaled_dot_product_attention(x, x, x)", "(N, 4, 6)"),
        ("x @ x.mT / x.shape[-1] ** 0.5", "(N, 4, 4)"),
        ("x[:, -1]", "(N, 6)"),
        ("torch.stack((x, 2 * x), dim=1)", "(N, 2, 4, 6)"),
        ("x + torch.arange(x.shape[1], device=x.device).unsqueeze(1)", "(N, 4, 6)"),
        ("x.chunk(2, dim=1)", "((N, 2, 6), (N, 2, 6))"),
    ],
)
def test_expressions_that_models_are_made_of(text: str, shape: str) -> None:
    assert row(expression(text), shape=(4, 6)).output_shapes == shape


def test_attention_can_be_written_out() -> None:
    assert row(attention(heads=2), shape=(5, 8)).output_shapes == "(N, 5, 8)"


# -- warnings of torch ------------------------------------------------------------------------------


def test_what_torch_warns_of_stands_at_the_row_and_nowhere_else(recwarn: pytest.WarningsRecorder) -> None:
    lstm = layer("LSTM", hidden_size=5, dropout=0.37, batch_first=True, _take="[0]")
    lazy = layer("LazyLinear", out_features=3)
    rows = check(model("Net", (7, 4), lstm, lazy)).blocks
    assert "torch warns: dropout option adds dropout after all but last recurrent layer" in rows[0].note
    assert rows[1].note == ""
    assert [str(one.message) for one in recwarn] == []


def test_warnings_of_other_threads_are_shown_meanwhile(recwarn: pytest.WarningsRecorder) -> None:
    with collected() as found:
        other = threading.Thread(target=warnings.warn, args=("of a cell",))
        other.start()
        other.join()
        warnings.warn("of a design", stacklevel=1)
    assert found == ["of a design"]
    assert [str(one.message) for one in recwarn] == ["of a cell"]
