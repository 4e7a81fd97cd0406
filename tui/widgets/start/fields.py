"""The fields of the form, and the run that their values ask for. Knows no widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tui.protocol.preset import Knob, PresetInfo
from tui.protocol.run import KnobValue, RunSettings, RunSpec
from tui.protocol.training import ChoiceKind
from tui.widgets.start.reading import (
    Read,
    Value,
    one_of,
    positive,
    read_device,
    read_knob,
    read_words,
    value_text,
    whole,
    words_of,
)

Values = Mapping[str, str]
"""What the user has changed: the text of each field by its key; fields at their default are not in it."""

KINDS: Final[dict[str, KnobValue]] = {
    "train": "train", "overfit one batch": "overfit_batch", "learning-rate range": "lr_range",
}  # fmt: skip
KIND_HELP: Final = {
    "train": "through all of the data, epoch by epoch",
    "overfit one batch": "the first batch again and again: a model that cannot learn that has a mistake in it",
    "learning-rate range": "the rate grows step by step until the loss explodes: where it falls fastest is a good one",
}
_PRECISIONS: Final[dict[str, KnobValue]] = {word: word for word in ("float32", "bfloat16", "float16")}
_SWITCH: Final[dict[str, KnobValue]] = {"off": False, "on": True}
SECTIONS: Final = {
    "knobs": "Knobs of the preset",
    "parts": "Model, loss, optimizer, schedule",
    "device": "Device and speed",
    "length": "Length, evaluation, record",
}
"""Titles of the sections by their names, in the order they stand in."""
KIND_KEY: Final = "set.kind"
RATE_KEYS: Final = ("knob.lr", "knob.learning_rate")
MODEL_KEY: Final = "set.model"
THE_PRESETS: Final = "the preset's"
NO_SCHEDULE: Final = "none, with another optimizer"
"""A preset's schedule is for the preset's optimizer alone."""


@dataclass(frozen=True)
class Field:
    """A line of the form."""

    key: str
    """What of a `RunSpec` it is: ``knob.lr``, ``set.precision`` of the settings, ``spec.device``."""
    name: str
    section: str
    """Empty: it stands above the sections."""
    rest: str
    """What holds where nothing is given: ``0.001``, ``the preset's``, ``auto (cpu)``."""
    read: Read
    default: str = ""
    """The text that means `rest`, and that an edit begins with."""
    help: str = ""
    choices: tuple[str, ...] = ()
    """Texts to go through with space, left and right."""
    closed: bool = False
    """Whether it has no other value than one of `choices`."""
    pick: ChoiceKind | None = None
    """What of torch's or of the namespace can be put there."""
    number: bool = False
    """Whether a digit begins an edit."""


def fields_of(preset: PresetInfo, *, device: str, devices: Sequence[str]) -> tuple[Field, ...]:
    """Return the fields for a preset; `device`: what auto stands for; `devices`: those that can be chosen."""
    kind = Field(
        KIND_KEY,
        "kind",
        "",
        "train",
        one_of("kind", KINDS),
        "train",
        KIND_HELP["train"],
        tuple(KINDS),
        closed=True,
    )
    knobs = [_knob_field(knob) for knob in preset.knobs]
    return (kind, *knobs, *_parts(preset), *_device(preset, device, devices), *_length(preset))


def _knob_field(knob: Knob) -> Field:
    text = value_text(knob.default)
    words = ("True", "False") if knob.type == "bool" else words_of(knob)
    return Field(
        f"knob.{knob.name}", knob.name, "knobs", text or "''", read_knob(knob), text, knob.help,
        words, closed=bool(words), number=knob.type in ("int", "float"),
    )  # fmt: skip


def _parts(preset: PresetInfo) -> list[Field]:
    own = THE_PRESETS
    schedule = own if "scheduler" in preset.functions else "none: the preset has none"
    return [
        Field(MODEL_KEY, "model", "parts", own, read_words, help="or a model of the namespace", pick="model"),
        Field("set.loss", "loss", "parts", own, read_words, help="or any of torch.nn", pick="loss"),
        Field(
            "set.optimizer", "optimizer", "parts", own, read_words, help="or any of torch.optim", pick="optimizer"
        ),
        Field(
            "set.scheduler", "schedule", "parts", schedule, read_words,
            help="of the learning rate; or any of torch.optim.lr_scheduler", pick="scheduler",
        ),
        Field(
            "set.clip_norm", "clip norm", "parts", "off", positive("clip norm"), number=True,
            help="gradients are scaled down to this norm, all together",
        ),
        Field(
            "set.accumulate", "accumulate", "parts", "1", whole("accumulate", 1), "1", number=True,
            help="batches averaged into one optimizer step",
        ),
    ]  # fmt: skip


def _device(preset: PresetInfo, device: str, devices: Sequence[str]) -> list[Field]:
    has_seed = any(knob.name == "seed" for knob in preset.knobs)
    fields = [
        Field(
            "spec.device", "device", "device", f"auto ({device})" if device else "auto", read_device, "auto",
            "auto, cpu, cuda, cuda:N or mps", tuple(devices),
        ),
        Field(
            "set.precision", "precision", "device", "float32", one_of("precision", _PRECISIONS), "float32",
            "bfloat16: under autocast · float16: with a gradient scaler too", tuple(_PRECISIONS), closed=True,
        ),
        Field(
            "set.compile", "compile", "device", "off", one_of("compile", _SWITCH), "off",
            "torch.compile: a slow start, faster steps after it", tuple(_SWITCH), closed=True,
        ),
        Field(
            "set.loader_workers", "loader workers", "device", "the preset's", whole("loader workers", 0), number=True,
            help="processes that load batches",
        ),
    ]  # fmt: skip
    if not has_seed:
        fields.append(
            Field(
                "spec.seed",
                "seed",
                "device",
                "0",
                whole("seed", 0),
                "0",
                "of every random number",
                number=True,
            )
        )
    return fields


def _length(preset: PresetInfo) -> list[Field]:
    end = (
        "after the epochs" if any(knob.name == "epochs" for knob in preset.knobs) else "as the preset has it"
    )
    return [
        Field(
            "set.max_steps", "max steps", "length", end, whole("max steps", 1), number=True,
            help="end after so many optimizer steps",
        ),
        Field(
            "set.max_minutes", "max minutes", "length", end, positive("max minutes"), number=True,
            help="end after so many minutes of training",
        ),
        Field(
            "set.eval_every", "evaluate every", "length", "each epoch", whole("evaluate every", 1), number=True,
            help="so many optimizer steps, as well as after each epoch",
        ),
        Field(
            "set.best_by", "best by", "length", "chosen by name", read_words,
            help="validation metric that best.pt goes by, such as accuracy",
        ),
        Field(
            "set.watch_layers", "watch layers", "length", "on", one_of("watch layers", _SWITCH), "on",
            "sample activations: under 1 % of the time", ("on", "off"), closed=True,
        ),
        Field("spec.name", "name", "length", preset.name, read_words, help="what the run is called"),
        Field(
            "spec.start_paused", "start paused", "length", "off", one_of("start paused", _SWITCH), "off",
            "wait before the first step", tuple(_SWITCH), closed=True,
        ),
    ]  # fmt: skip


def with_suggested_rate(fields: Sequence[Field], lr: float) -> tuple[Field, ...]:
    """Return the fields with a learning rate to be taken by one key: what a range test has suggested."""
    text = value_text(float(f"{lr:.2g}"))
    return tuple(
        replace(
            one,
            choices=(one.default, text),
            help=f"{text} by the range test: space takes it · {one.help}".rstrip(" ·"),
        )
        if one.key in RATE_KEYS and one.default != text
        else one
        for one in fields
    )


def shown_value(field: Field, values: Values) -> str:
    """Return the text of a field as it is now, an empty one in quotes."""
    if field.key in values:
        return values[field.key] or "''"
    if field.key == "set.scheduler" and "set.optimizer" in values and field.rest == THE_PRESETS:
        return NO_SCHEDULE
    return field.rest or "''"


def with_value(field: Field, values: Values, text: str) -> dict[str, str]:
    """Return the values with another text for a field; its default is left out.

    Raises:
        ValueError: the field cannot have it; says what it can.
    """
    rest = {key: value for key, value in values.items() if key != field.key}
    knob = field.key.startswith("knob.")
    text = text if knob and not field.number else text.strip()
    if not knob and not text:
        return rest
    value = field.read(text)
    if text == field.default or value is None:
        return rest
    if field.default and value == field.read(field.default):
        return rest
    if field.number:
        text = value_text(value)
    if field.closed:  # a beginning of the word was typed
        text = next((word for word in field.choices if field.read(word) == value), text)
    return {**rest, field.key: text}


def valid_values(fields: Sequence[Field], values: Values) -> dict[str, str]:
    """Return those values that there are fields for and that these can have."""
    kept: dict[str, str] = {}
    for field in fields:
        if field.key in values:
            try:
                kept = with_value(field, kept, values[field.key])
            except ValueError:
                continue
    return kept


def spec_of(base: RunSpec, fields: Sequence[Field], values: Values) -> RunSpec:
    """Return what the trainer is asked to do: `base` with every field that was changed."""
    changed: dict[str, dict[str, Any]] = {"knob": {}, "set": {}, "spec": {}}
    for field in fields:
        if field.key in values:
            value: Value = field.read(values[field.key])
            group, _, name = field.key.partition(".")
            changed[group][name] = value
    settings: RunSettings = replace(base.settings, **changed["set"])
    return replace(base, knobs={**base.knobs, **changed["knob"]}, settings=settings, **changed["spec"])


def cycled(field: Field, values: Values, step: int) -> str | None:
    """Return the text that space leads to; None where the field has no choices."""
    if not field.choices:
        return None
    now = values.get(field.key, field.default)
    index = field.choices.index(now) if now in field.choices else -1 if step > 0 else 0
    return field.choices[(index + step) % len(field.choices)]


def is_about_the_rate(field: Field | None) -> bool:
    """Return whether a field has to do with the learning rate over time."""
    if field is None:
        return False
    if field.key.startswith("knob."):
        name = field.name.lower()
        return name == "epochs" or any(
            part in name for part in ("lr", "rate", "warm", "sched", "gamma", "decay")
        )
    return field.pick in ("scheduler", "optimizer")
