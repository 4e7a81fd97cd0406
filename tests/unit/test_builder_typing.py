"""What is typed in the Builder: layers by one line, values of fields, inputs, names."""

from __future__ import annotations

from itertools import count

import pytest

from tests.builder_cases import CATALOGUE
from tui.protocol.building import (
    Argument,
    Block,
    BlockFacts,
    Design,
    InputSpec,
    Parameter,
)
from tui.widgets.builder.blocks import walk
from tui.widgets.builder.edit import renumbered
from tui.widgets.builder.fields import Field, fields_of, stepped, value_problem
from tui.widgets.builder.inputs import inputs_text, random_call, read_inputs
from tui.widgets.builder.label import label_text
from tui.widgets.builder.line_text import LineText
from tui.widgets.builder.literals import name_problem, read_value
from tui.widgets.builder.palette import Palette
from tui.widgets.builder.search import search
from tui.widgets.builder.storing import Kept, StoreRefused, from_text, load, save, to_text
from tui.widgets.builder.templates import TEMPLATES, template

LAYERS = {one.layer: one for one in CATALOGUE.layers}
PALETTE = Palette(CATALOGUE, 2)


def written(line: str, chosen: str = "") -> list[str]:
    """The labels of what a line places."""
    return [label_text(block, None, LAYERS) for block in PALETTE.blocks(line, chosen)]


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("conv 32 3", "Conv2d(‹?›, 32, 3)"),
        ("conv 32 3 padding=1", "Conv2d(‹?›, 32, 3, padding=1)"),
        ("conv 32, 3, pad=1", ""),
        ("Conv2d(1, 32, 3)", "Conv2d(1, 32, 3)"),
        ("nn.Conv2d(1, 32, kernel_size=(3, 5))", "Conv2d(1, 32, (3, 5))"),
        ("conv 32 3x5 stri=2", "Conv2d(‹?›, 32, (3, 5), stride=2)"),
        ("lin 10", "Linear(‹?›, 10)"),
        ("lin 10 in_features=5 bias=no", "Linear(5, 10, False)"),
        ("relu", "ReLU()"),
        ("drop 0.2", "Dropout(0.2)"),
        ("flat", "Flatten()"),
        ("pool 2", "MaxPool2d(2)"),
        ("bn", "BatchNorm2d(‹?›)"),
        ("attn 4", "MultiheadAttention(‹?›, 4, True)[0] of x, x, x"),
        ("lstm 64", "LSTM(‹?›, 64, True)[0]"),
        ("res", "Residual"),
        ("rep 6", "Repeat × 6"),
        ("cat dim=2", "Parallel concatenate, dim=2"),
        ("seq features", "Sequence features"),
        ("= x.mean(1)", "= x.mean(1)"),
        ("=x + skip", "= x + skip"),
    ],
)
def test_a_line_places_a_layer(line: str, label: str) -> None:
    if not label:
        with pytest.raises(ValueError, match="padding or padding_mode"):
            written(line)
        return
    assert written(line) == [label]


def test_sizes_that_fill_themselves_may_be_given_as_python_would_have_them() -> None:
    assert written("lin 784 128 | relu") == ["Linear(784, 128)", "ReLU()"]
    assert written("lin 128 False") == ["Linear(‹?›, 128, False)"]


def test_a_line_places_several_layers() -> None:
    assert written("conv 6 5 | relu | pool 2 |") == ["Conv2d(‹?›, 6, 5)", "ReLU()", "MaxPool2d(2)"]
    assert written("= torch.cat([x, x], 1) | lin 3") == ["= torch.cat([x, x], 1)", "Linear(‹?›, 3)"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("conv", "out_channels, kernel_size"),
        ("conv 0 3", "out_channels: a whole number of 1 or more"),
        ("conv 6 x", "kernel_size"),
        ("conv 6 3 nope=1", "no argument nope"),
        ("conv 6 3 kernel_size=3", "given twice"),
        ("drop 0.1 0.2", "no more arguments"),
        ("drop -1", "p: a number of 0 or more"),
        ("nosuchlayer 3", "nothing is called so"),
        ("relu | nosuchlayer", "nothing is called so"),
        ("conv 6 | relu", "Conv2d needs kernel_size"),
        ("= x +", "syntax"),
        ("=", "an expression"),
        ("rep 0", "1 or more"),
        ("res 5", "no argument of Residual"),
        ("(3, 4)", "the name of a layer comes first"),
        ("relu | 3 4", "the name of a layer comes first"),
        ("lin 1 2 3 4 5", "True or False"),
    ],
)
def test_a_line_that_will_not_do_says_why(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PALETTE.blocks(line, "")


def test_layers_are_found_by_what_they_do_and_by_their_group() -> None:
    def first(*words: str, dimensions: int | None = 2) -> str:
        return search(CATALOGUE, words, dimensions=dimensions)[0].title

    assert first("conv") == "Conv2d"
    assert first("conv", dimensions=1) == "Conv1d"
    assert first("affine") == "Linear"
    assert first("images") == "Conv2d"
    assert first("recurrent") == "LSTM"
    assert first("batch", "norm") == "BatchNorm2d"
    assert first("max") == "MaxPool2d"
    assert first("lnorm") == "LayerNorm"
    assert search(CATALOGUE, ("zzz",)) == []


def test_what_was_placed_last_is_offered_first() -> None:
    assert [one.key for one in search(CATALOGUE, (), recent=("nn.LSTM", "nn.ReLU"))][:2] == [
        "nn.LSTM",
        "nn.ReLU",
    ]
    assert len(search(CATALOGUE, (), recent=("nn.LSTM",))) == len(search(CATALOGUE, ()))


def test_what_the_cursor_is_on_counts_and_not_what_fits_best() -> None:
    assert written("conv 6 3", "nn.Conv1d") == ["Conv1d(‹?›, 6, 3)"]


# -- values -----------------------------------------------------------------------------------------

INT = Parameter("n", "int", "2", minimum=1.0)


@pytest.mark.parametrize(
    ("parameter", "typed", "text"),
    [
        (INT, " 7 ", "7"),
        (INT, "2", ""),
        (INT, "", ""),
        (INT, "10,000", "10000"),
        (INT, "0x10", "16"),
        (Parameter("p", "float"), "1e-3", "0.001"),
        (Parameter("p", "float"), "1", "1"),
        (Parameter("b", "bool", "True"), "no", "False"),
        (Parameter("b", "bool", "None"), "None", ""),
        (Parameter("k", "size"), "3, 5", "(3, 5)"),
        (Parameter("k", "size"), "[3, 5]", "(3, 5)"),
        (Parameter("padding", "size", "0"), "same", "'same'"),
        (Parameter("mode", "str"), "linear", "'linear'"),
        (Parameter("mode", "str"), "'it\\'s'", '"it\'s"'),
        (Parameter("c", "choice", "'zeros'", choices=("'zeros'", "'reflect'")), "Reflect", "'reflect'"),
        (Parameter("c", "choice", "'zeros'", choices=("'zeros'", "'reflect'")), "zeros", ""),
        (Parameter("c", "choice", "zeros", choices=("zeros", "reflect")), "reflect", "'reflect'"),
        (Parameter("o", "other"), "torch.float32", "torch.float32"),
    ],
)
def test_values_are_read_as_their_parameter_wants_them(parameter: Parameter, typed: str, text: str) -> None:
    assert read_value(parameter, typed) == text


@pytest.mark.parametrize(
    ("parameter", "typed"),
    [
        (INT, "0"),
        (INT, "1.5"),
        (INT, "True"),
        (INT, "None"),
        (INT, "__import__('os')"),
        (INT, "(" * 500),
        (Parameter("p", "float", minimum=0.0), "-1"),
        (Parameter("p", "float"), "'a'"),
        (Parameter("b", "bool"), "2"),
        (Parameter("k", "size", minimum=1.0), "(3, 0)"),
        (Parameter("k", "size"), "big"),
        (Parameter("c", "choice", choices=("'a'",)), "b"),
        (Parameter("o", "other"), "a b"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_its_field(parameter: Parameter, typed: str) -> None:
    with pytest.raises(ValueError, match=f"^{parameter.name}:"):
        read_value(parameter, typed)


@pytest.mark.parametrize("name", ["class", "2x", "a.b", "a b", "self", "naïve", "a" * 3 + "-"])
def test_names_that_python_will_not_have(name: str) -> None:
    assert name_problem(name)


def test_names_that_will_do() -> None:
    assert [name_problem(name) for name in ("", "conv1", "_x", "Model")] == ["", "", "", ""]


# -- the form ---------------------------------------------------------------------------------------

CONV = Block(
    1, "layer", layer="nn.Conv2d", arguments=(Argument("out_channels", "6"), Argument("kernel_size", "5"))
)


def field(block: Block, name: str, facts: BlockFacts | None = None) -> Field:
    return next(one for one in fields_of(block, facts, CATALOGUE) if one.name == name)


def test_fields_tell_what_holds_where_nothing_is_given() -> None:
    facts = BlockFacts(1, "ok", "Conv2d(1, 6, 5)", "conv1", filled=(Argument("in_channels", "1"),))
    assert field(CONV, "in_channels", facts).rest == "auto (1)"
    assert field(CONV, "in_channels").rest == "auto"
    assert field(CONV, "stride").rest == "1"
    assert field(CONV, "name", facts).rest == "conv1"
    assert field(CONV, "out_channels").value == "6"


def test_fields_make_the_block_or_say_what_is_wrong() -> None:
    changed = field(CONV, "stride").take("2")
    assert changed.arguments == (*CONV.arguments, Argument("stride", "2"))
    assert field(CONV, "kernel_size").take("").arguments == (Argument("out_channels", "6"),)
    assert field(CONV, "frozen").take("True").frozen
    assert field(CONV, "take").take("0").take == "[0]"
    assert field(CONV, "inputs").take("x, skip").inputs == ("x", "skip")
    assert field(CONV, "inputs").take("x").inputs == ()
    assert field(CONV, "init").take("zeros_").init == "zeros_"
    assert field(CONV, "init").take("zer").init == "zeros_"
    assert field(CONV, "init").take("nn.init.zeros_").init == "zeros_"
    assert (
        field(CONV, "init").take("kaiming_normal_(mode='fan_out')").init == "kaiming_normal_(mode='fan_out')"
    )
    assert field(CONV, "init").take("").init == ""
    for name, text in (
        ("out_channels", "none"),
        ("name", "class"),
        ("take", "first"),
        ("init", "nope"),
        ("inputs", "a b"),
    ):
        assert value_problem(field(CONV, name), text)


def test_left_and_right_go_through_choices_and_count() -> None:
    assert stepped(field(CONV, "padding_mode"), "", 1) == "'reflect'"
    assert stepped(field(CONV, "bias"), "", 1) == "False"
    assert stepped(field(CONV, "out_channels"), "6", -1) == "5"
    assert stepped(field(CONV, "kernel_size"), "(3, 5)", 1) is None
    assert stepped(field(CONV, "name"), "a", 1) is None
    repeat = Block(1, "repeat", times=1)
    assert field(repeat, "times").take("3").times == 3
    assert value_problem(field(repeat, "times"), "0")
    assert field(Block(1, "parallel"), "join").take("concatenate").join == "concatenate"
    assert not field(Block(1, "residual"), "project").take("no").project
    assert value_problem(field(Block(1, "expression", layer="x"), "expression"), "x +")


def test_a_line_of_text_is_edited() -> None:
    text = LineText.end_of("abc")
    for key in ("left", "backspace"):
        text = text.key(key) or text
    assert text == LineText("ac", 1)
    assert text.insert("\x1b[31mZ\n") == LineText("a[31mZ c", 7)
    assert text.key("home") == LineText("ac", 0)
    assert text.key("ctrl+k") == LineText("a", 1)
    assert text.key("f9") is None


# -- inputs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("x (1, 28, 28) float32", (InputSpec("x", (1, 28, 28)),)),
        ("(N, 3, 32, 32)", (InputSpec("x", (3, 32, 32)),)),
        ("3x32x32", (InputSpec("x", (3, 32, 32)),)),
        ("tokens (100) long", (InputSpec("tokens", (100,), "int64"),)),
        ("()", (InputSpec("x", ()),)),
        ("a (2,) ; b (3,) torch.bool", (InputSpec("a", (2,)), InputSpec("b", (3,), "bool"))),
        ("x = batch[0]", (InputSpec("x", source="batch[0]"),)),
        ("= preset digits_cnn", (InputSpec("x", source="preset digits_cnn"),)),
    ],
)
def test_inputs_are_read(text: str, specs: tuple[InputSpec, ...]) -> None:
    assert read_inputs(text) == specs
    assert read_inputs(inputs_text(specs)) == specs


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "(0, 3)",
        "(-1,)",
        "(1, 2) float31",
        "a (1,); a (2,)",
        "class (1,)",
        "x = a b",
        "(1e9)",
        "(99999999999)",
    ],
)
def test_inputs_that_will_not_do(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_inputs(text)


def test_a_random_batch_has_the_shape_and_dtype() -> None:
    assert random_call(InputSpec("x", (1, 28, 28)), 4, None, 2) == "torch.randn(4, 1, 28, 28)"
    assert random_call(InputSpec("x", (), "int64"), 4, None, 9) == "torch.randint(9, (4,))"
    assert random_call(InputSpec("x", (3,), "bool"), 4, None, 9) == "torch.rand(4, 3) < 0.5"
    assert random_call(InputSpec("x", source="batch"), 4, (3,), 2) == "batch"
    assert random_call(InputSpec("x", source="preset d"), 4, (8, 8), 2) == "torch.randn(4, 8, 8)"


# -- templates and the file -------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_survive_the_file(name: str) -> None:
    kept = Kept(template(name), 64, "SGD", ("nn.Conv2d",))
    assert from_text(to_text(kept)) == kept
    ids = [block.id for block, _ in walk(kept.design.body)]
    assert sorted(ids) == list(range(1, len(ids) + 1))


def test_a_file_with_ids_that_come_twice_is_read_with_new_ones() -> None:
    twice = Design(body=(Block(1, "layer", layer="nn.ReLU"), Block(1, "layer", layer="nn.GELU")))
    assert from_text(to_text(Kept(twice))).design.body == renumbered(twice.body, count(1))


def test_a_broken_file_is_told_of_and_put_aside(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "builder.json"
    assert load(path) is None
    save(path, Kept(template("MLP")))
    assert load(path) == Kept(template("MLP"))
    for text in ("{", '{"schema": 99}', "[" * 100_000, '{"schema": 1, "design": {"name": 3}}', "null"):
        path.write_text(text)
        with pytest.raises(StoreRefused, match="broken"):
            load(path)
        assert not path.exists()
        assert path.with_suffix(".broken").read_text() == text


def test_a_file_that_cannot_be_written_is_told_of(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreRefused, match="not saved"):
        save(tmp_path / "file" / "builder.json", Kept())
