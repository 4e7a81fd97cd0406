"""The form for a run without its widgets: fields, values, what they ask for, what is refused and with which words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tui.protocol.preset import Knob, PresetInfo, read_preset
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.training import Choice, ChoiceArgument
from tui.widgets.start.calls import call_problem, signature_lines, tidied
from tui.widgets.start.fields import (
    THE_PRESETS,
    Field,
    cycled,
    fields_of,
    is_about_the_rate,
    shown_value,
    spec_of,
    valid_values,
    with_suggested_rate,
    with_value,
)
from tui.widgets.start.memory import remember, remembered
from tui.widgets.start.picking import NONE, OWN, Refused, offers, question, taken
from tui.widgets.start.reading import range_of, value_text

PRESET = '''
"""A test."""
epochs: int = 4  # rounds, at least 1
lr: float = 1e-5  # step size
share: float = 0.5  # of the data, [0, 1]
act: str = "relu"  # one of relu, gelu or tanh
bias: bool = True
label: str = ""
def data(): ...
def model(): ...
def loss(): ...
def optimizer(parameters): ...
'''
BASE = RunSpec("/p.py", "/runs", experiment="p")
SGD = Choice(
    "optimizer",
    "SGD",
    (ChoiceArgument("lr", "0.001", "float"), ChoiceArgument("momentum", "0", "float")),
    "Implements stochastic gradient descent.",
)
STEP_LR = Choice(
    "scheduler", "StepLR", (ChoiceArgument("step_size", "", "int"), ChoiceArgument("gamma", "0.1"))
)
ADAM = Choice("optimizer", "Adam", (ChoiceArgument("lr", "0.001"),), "Implements Adam algorithm.")
NET = Choice("model", "net", about="Sequential, 650 parameters")
KNOWN = (ADAM, SGD, STEP_LR, NET)


@pytest.fixture
def fields(tmp_path: Path) -> dict[str, Field]:
    path = tmp_path / "p.py"
    path.write_text(PRESET)
    found = fields_of(read_preset(path), device="cuda:0", devices=("auto", "cuda", "cpu"))
    return {field.key: field for field in found}


def test_every_knob_is_a_field_with_the_comment_beside_it(fields: dict[str, Field]) -> None:
    knobs = [(field.name, field.rest, field.help) for field in fields.values() if field.section == "knobs"]
    assert knobs == [
        ("epochs", "4", "rounds, at least 1"),
        ("lr", "1e-5", "step size"),
        ("share", "0.5", "of the data, [0, 1]"),
        ("act", "relu", "one of relu, gelu or tanh"),
        ("bias", "True", ""),
        ("label", "''", ""),
    ]
    assert fields["knob.act"].choices == ("relu", "gelu", "tanh")
    assert fields["knob.bias"].choices == ("True", "False")


def test_nothing_changed_asks_for_the_run_as_it_is(fields: dict[str, Field]) -> None:
    assert spec_of(BASE, list(fields.values()), {}) == BASE


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("knob.epochs", "1e2", 100),
        ("knob.lr", " 0.1", 0.1),
        ("knob.share", "1", 1.0),
        ("knob.act", "gelu", "gelu"),
        ("knob.bias", "no", False),
        ("knob.label", "two words", "two words"),
    ],
)
def test_a_changed_knob_is_asked_for_with_its_type(
    fields: dict[str, Field], key: str, text: str, value: object
) -> None:
    values = with_value(fields[key], {}, text)
    spec = spec_of(BASE, list(fields.values()), values)
    assert spec.knobs == {key.removeprefix("knob."): value}
    assert type(spec.knobs[key.removeprefix("knob.")]) is type(value)
    assert spec.settings == RunSettings()


@pytest.mark.parametrize(
    ("key", "text", "settings"),
    [
        ("set.precision", "bf", {"precision": "bfloat16"}),
        ("set.compile", "on", {"compile": True}),
        ("set.clip_norm", "1", {"clip_norm": 1.0}),
        ("set.accumulate", "4", {"accumulate": 4}),
        ("set.loader_workers", "0", {"loader_workers": 0}),
        ("set.max_steps", "1,000", {"max_steps": 1000}),
        ("set.max_minutes", "0.5", {"max_minutes": 0.5}),
        ("set.eval_every", "1e3", {"eval_every": 1000}),
        ("set.best_by", "accuracy", {"best_by": "accuracy"}),
        ("set.model", "net", {"model": "net"}),
        ("set.optimizer", "SGD(lr=0.1)", {"optimizer": "SGD(lr=0.1)"}),
        ("set.scheduler", "none", {"scheduler": "none"}),
        ("set.kind", "overfit", {"kind": "overfit_batch"}),
        ("set.kind", "learning-rate range", {"kind": "lr_range"}),
        ("set.watch_layers", "off", {"watch_layers": False}),
    ],
)
def test_a_changed_setting_is_asked_for(
    fields: dict[str, Field], key: str, text: str, settings: dict[str, object]
) -> None:
    spec = spec_of(BASE, list(fields.values()), with_value(fields[key], {}, text))
    assert spec.settings == RunSettings(**settings)  # type: ignore[arg-type]
    assert spec.knobs == {}


def test_device_seed_and_name_are_the_runs_own(fields: dict[str, Field]) -> None:
    values: dict[str, str] = {}
    for key, text in (
        ("spec.device", "cuda:1"),
        ("spec.seed", "7"),
        ("spec.name", "mine"),
        ("spec.start_paused", "on"),
    ):
        values = with_value(fields[key], values, text)
    spec = spec_of(BASE, list(fields.values()), values)
    assert (spec.device, spec.seed, spec.name, spec.start_paused) == ("cuda:1", 7, "mine", True)


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("knob.epochs", "0", "1 or more"),
        ("knob.epochs", "2.5", "takes a whole number, such as"),
        ("knob.lr", "fast", "takes a number, such as"),
        ("knob.lr", "nan", "takes a number"),
        ("knob.share", "1.5", "0 to 1"),
        ("knob.act", "swish", "relu, gelu, tanh"),
        ("knob.bias", "maybe", "takes True or False, got"),
        ("spec.device", "gpu", "cuda:N"),
        ("spec.seed", "-1", "0 or more"),
        ("set.precision", "float64", "float32, bfloat16, float16"),
        ("set.clip_norm", "0", "above 0"),
        ("set.clip_norm", "inf", "above 0"),
        ("set.accumulate", "0", "1 or more"),
        ("set.max_steps", "many", "a whole number"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(
    fields: dict[str, Field], key: str, text: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        with_value(fields[key], {}, text)


@pytest.mark.parametrize(
    ("key", "text"),
    [("knob.epochs", "4"), ("knob.lr", "0.00001"), ("knob.bias", "yes"), ("set.accumulate", "1"), ("set.clip_norm", ""),
     ("set.max_steps", "none"), ("spec.device", "auto"), ("spec.seed", "0"), ("set.kind", "train"), ("knob.label", "")],
)  # fmt: skip
def test_the_default_typed_is_no_change(fields: dict[str, Field], key: str, text: str) -> None:
    assert with_value(fields[key], {key: "other"}, text) == {}


def test_a_text_knob_can_be_emptied(tmp_path: Path) -> None:
    knob = Knob("name", "str", "x", "", 1)
    info = PresetInfo("p", "/p.py", "", "", (knob,), {})
    field = fields_of(info, device="cpu", devices=("auto",))[1]
    values = with_value(field, {}, "")
    assert spec_of(BASE, [field], values).knobs == {"name": ""}


def test_a_range_that_its_own_default_is_outside_of_is_none() -> None:
    assert range_of(Knob("x", "float", 3.0, "pixels become [0, 1]", 1)) == (float("-inf"), float("inf"))
    assert range_of(Knob("x", "int", 3, "0..8", 1)) == (0, 8)


def test_values_that_nothing_can_have_any_more_are_dropped(fields: dict[str, Field]) -> None:
    values = {"knob.gone": "1", "knob.epochs": "many", "knob.lr": "0.5"}
    assert valid_values(list(fields.values()), values) == {"knob.lr": "0.5"}


def test_space_goes_through_the_choices_and_around(fields: dict[str, Field]) -> None:
    field = fields["knob.act"]
    seen: list[str] = []
    values: dict[str, str] = {}
    for _ in range(3):
        text = cycled(field, values, 1)
        assert text is not None
        values = with_value(field, values, text)
        seen.append(text)
    assert seen == ["gelu", "tanh", "relu"]
    assert values == {}
    assert cycled(fields["spec.device"], {"spec.device": "cuda:3"}, 1) == "auto"
    assert cycled(fields["knob.lr"], {}, 1) is None


def test_seed_is_the_presets_where_it_has_one() -> None:
    info = PresetInfo("p", "/p.py", "", "", (Knob("seed", "int", 3, "", 1),), {})
    names = [field.key for field in fields_of(info, device="cpu", devices=())]
    assert "knob.seed" in names
    assert "spec.seed" not in names


def test_which_fields_are_about_the_rate(fields: dict[str, Field]) -> None:
    about = [key for key, field in fields.items() if is_about_the_rate(field)]
    assert about == ["knob.epochs", "knob.lr", "set.optimizer", "set.scheduler"]
    assert not is_about_the_rate(None)


def test_numbers_are_written_as_people_do() -> None:
    assert [value_text(value) for value in (1e-5, 1e-3, 1e20, 3, True, "x")] == [
        "1e-5", "0.001", "1e20", "3", "True", "x"
    ]  # fmt: skip


# -- losses, optimizers, schedules ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SGD(lr=0.1, momentum=0.9)", ""),
        ("SGD", ""),
        ("torch.optim.SGD(0.1)", ""),
        ("SGD(lr=-inf)", ""),
        ("SGD(lr=0.1", ""),
        ("SDG()", "did you mean 'SGD'?"),
        ("SGD(lrr=0.1)", "no argument lrr; did you mean 'lr'?"),
        ("SGD(0.1, lr=0.2)", "lr is given twice"),
        ("SGD(1, 2, 3)", "takes 2 arguments, not 3"),
        ("SGD(lr=rate)", "rate is no plain value"),
        ("SGD(**x)", "name=value"),
        ("SGD(lr=)", "not readable"),
        ("1 + 1", "write it as"),
        ("SGD()()", "write it as SGD(lr=0.1, momentum=0.9)"),
    ],
)
def test_an_optimizer_is_held_against_its_signature(text: str, words: str) -> None:
    found = call_problem(text, "optimizer", KNOWN)
    assert words in found
    assert bool(found) == bool(words)


def test_what_a_schedule_needs_is_said() -> None:
    assert call_problem("StepLR", "scheduler", KNOWN) == "StepLR needs step_size: StepLR(step_size=…)"
    assert call_problem("StepLR(5)", "scheduler", KNOWN) == ""
    assert call_problem("none", "scheduler", KNOWN) == ""


def test_before_the_kernel_has_told_any_name_will_do() -> None:
    assert call_problem("Lion(lr=0.1)", "optimizer", ()) == ""


def test_a_call_is_tidied() -> None:
    assert [tidied(text) for text in ("SGD", "nn.MSELoss()", "SGD(lr=1,", " none ", "")] == [
        "SGD()", "MSELoss()", "SGD(lr=1)", "none", ""
    ]  # fmt: skip


def test_given_arguments_stand_out_in_the_signature() -> None:
    lines = signature_lines(SGD, "SGD(momentum=0.9", 60)
    assert lines[0].plain == " SGD(lr=0.001, momentum=0)"
    marked = {lines[0].plain[start:end] for start, end, style in lines[0].spans if style == "strong"}
    assert marked == {"momentum=0)"}
    assert "stochastic gradient" in lines[1].plain


def field_for(kind: str) -> Field:
    info = PresetInfo("p", "/p.py", "", "", (), {"scheduler": 1})
    return next(one for one in fields_of(info, device="cpu", devices=()) if one.pick == kind)


def test_what_fits_best_comes_first() -> None:
    assert [one.key for one in offers("optimizer", "", KNOWN, "own")] == [OWN, "SGD", "Adam"]
    assert [one.key for one in offers("optimizer", "ad", KNOWN, "own")] == ["Adam"]
    assert [one.key for one in offers("optimizer", "gradient", KNOWN, "own")] == ["SGD"]
    assert [one.key for one in offers("optimizer", "SGD(lr=1", KNOWN, "own")] == ["SGD"]
    assert [one.key for one in offers("scheduler", "", KNOWN, "own")] == [OWN, NONE, "StepLR"]


def test_what_enter_takes() -> None:
    optimizer, scheduler, model = field_for("optimizer"), field_for("scheduler"), field_for("model")
    assert taken(optimizer, "", OWN, KNOWN) == ""
    assert taken(optimizer, "sg", "SGD", KNOWN) == "SGD()"
    assert taken(optimizer, "SGD(lr=0.1", "SGD", KNOWN) == "SGD(lr=0.1)"
    assert taken(scheduler, "", NONE, KNOWN) == "none"
    assert taken(model, "", "net", KNOWN) == "net"
    assert taken(model, "nets[0]", "net", KNOWN) == "nets[0]"
    with pytest.raises(Refused, match="needs step_size") as refused:
        taken(scheduler, "step", "StepLR", KNOWN)
    assert refused.value.line == "StepLR("


def test_what_is_not_finished_is_not_wrong_yet() -> None:
    asked = question(field_for("optimizer"), "", KNOWN)
    for text in ("SG", "SGD(", "SGD(mom", "SGD(lr=", "SGD(lr=0.1, mo"):
        assert asked.problem("SGD", text) == ""
    assert "no argument" in asked.problem("SGD", "SGD(rate=0.1, ")
    assert "no argument" in asked.problem("SGD", "SGD(rate=0.1)")
    assert "no optimizer" in asked.problem("", "SGDD(")


# -- what is remembered ---------------------------------------------------------------------------------


def test_values_are_remembered_for_each_preset(tmp_path: Path) -> None:
    file = tmp_path / "state" / "start.json"
    assert remembered(file, "/a.py") == {}
    assert remember(file, "/a.py", {"knob.lr": "0.1"}) == ""
    remember(file, "/b.py", {"knob.lr": "0.2", "set.kind": "overfit one batch", "spec.name": "once"})
    assert remembered(file, "/a.py") == {"knob.lr": "0.1"}
    remember(file, "/a.py", {})
    assert remembered(file, "/a.py") == {}
    assert remembered(file, "/b.py") == {"knob.lr": "0.2"}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"/a.py": 3}', '{"/a.py": {"knob.lr": 3}}', "\xff"])
def test_a_damaged_file_remembers_nothing_and_is_written_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "start.json"
    file.write_text(text, encoding="latin-1")
    assert remembered(file, "/a.py") == {}
    assert remember(file, "/a.py", {"knob.lr": "0.1"}) == ""
    assert remembered(file, "/a.py") == {"knob.lr": "0.1"}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "not remembered" in remember(tmp_path / "file" / "start.json", "/a.py", {"knob.lr": "0.1"})


def test_a_rate_that_a_range_test_suggests_is_one_key_away(fields: dict[str, Field]) -> None:
    found = {one.key: one for one in with_suggested_rate(list(fields.values()), 0.0046123)}
    lr = found["knob.lr"]
    assert lr.help.startswith("0.0046 by the range test: space takes it")
    assert cycled(lr, {}, 1) == "0.0046"
    assert cycled(lr, {"knob.lr": "0.0046"}, 1) == lr.default
    assert {key: one for key, one in found.items() if key != "knob.lr"} == {
        key: one for key, one in fields.items() if key != "knob.lr"
    }


def test_the_presets_schedule_is_not_that_of_another_optimizer(fields: dict[str, Field]) -> None:
    schedule = replace(fields["set.scheduler"], rest=THE_PRESETS)
    assert shown_value(schedule, {}) == THE_PRESETS
    assert shown_value(schedule, {"set.optimizer": "SGD(lr=0.1)"}) == "none, with another optimizer"
    chosen = {"set.optimizer": "SGD(lr=0.1)", "set.scheduler": "StepLR(step_size=2)"}
    assert shown_value(schedule, chosen) == "StepLR(step_size=2)"
