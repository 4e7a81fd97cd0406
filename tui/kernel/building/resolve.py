"""From a block's texts to a class and its arguments, those that were left open filled in from what comes in."""

from __future__ import annotations

import ast
import difflib
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from tui.kernel.building.catalogue import layer_classes, module_classes
from tui.kernel.building.parameters import CHANNELS, LAST, OF_INPUTS, Constructor, Formal, constructor_of
from tui.kernel.building.values import Batch, Spec, Value
from tui.kernel.building.words import Remedy, Unfit, expression_first
from tui.kernel.known_classes import mro_of
from tui.kernel.safe_objects import is_a
from tui.protocol.building import Argument

_LARGEST: Final = 2**62
_LAYERS: Final = {
    "encoder_layer": "{} is made of a layer: place a TransformerEncoderLayer, and repeat it.",
    "decoder_layer": "{} is made of a layer: place a TransformerDecoderLayer, and repeat it.",
}
"""Parameters that take a layer, which cannot be written down here."""
_MISSING: Final = object()


@dataclass(frozen=True)
class Resolved:
    """A layer that can be built."""

    layer: str
    """``nn.Conv2d``, or the name of a class in the namespace."""
    cls: type[nn.Module]
    arguments: tuple[Argument, ...]
    """All that it is built with, in the order of the signature."""
    filled: tuple[Argument, ...]
    """Those of them that were left open."""
    values: Mapping[str, object]


def class_of(layer: str, namespace: Mapping[str, object]) -> type[nn.Module]:
    """Return the class that a layer's name means; raises `Unfit`, naming the nearest there is."""
    text = layer.strip()
    if not text:
        raise Unfit("Say which layer this is.")
    if text.startswith("nn.") and text.count(".") == 1:
        found = layer_classes().get(text[3:])
        if found is None:
            raise Unfit(_no_layer(text))
        return found
    held: object = namespace.get(text.split(".")[0], _MISSING)
    for name in text.split(".")[1:]:
        held = vars(held).get(name, _MISSING) if is_a(held, types.ModuleType) else _MISSING
    if is_a(held, type) and nn.Module in mro_of(held):
        return held
    if held is _MISSING:
        names = [*module_classes(namespace), *(f"nn.{name}" for name in layer_classes())]
        raise Unfit(f"There is no class {text} in the namespace now.{nearest(text, names)}")
    raise Unfit(f"{text} is no class of modules, so it cannot be a layer.")


def resolve(
    layer: str,
    arguments: Sequence[Argument],
    inputs: Sequence[Value],
    namespace: Mapping[str, object],
    batch: Batch,
) -> Resolved:
    """Return the class with all its arguments.

    Raises:
        Unfit: there is no such class, an argument is wrong or missing, or a size does not follow from what comes in.
    """
    cls = class_of(layer, namespace)
    constructor = constructor_of(cls)
    name = layer.removeprefix("nn.")
    given = {argument.name: argument for argument in arguments if argument.text.strip()}
    for key in given.keys() & _LAYERS.keys():
        raise Unfit(_LAYERS[key].format(name))
    values = {key: _value(argument, constructor, name) for key, argument in given.items()}
    filled: list[Argument] = []
    for formal in constructor.formals:
        if formal.name in values or not formal.required:
            continue
        if formal.name in _LAYERS:
            raise Unfit(_LAYERS[formal.name].format(name))
        if not formal.inferred:
            raise Unfit(f"{name} needs {formal.name}: {_example(formal)}.")
        values[formal.name] = _inferred(formal, inputs, name, batch)
        filled.append(Argument(formal.name, repr(values[formal.name])))
    known = {**given, **{argument.name: argument for argument in filled}}
    order = [formal.name for formal in constructor.formals]
    names = sorted(known, key=lambda key: order.index(key) if key in order else len(order))
    return Resolved(
        layer=layer.strip(),
        cls=cls,
        arguments=tuple(Argument(key, known[key].text.strip()) for key in names),
        filled=tuple(filled),
        values={key: values[key] for key in names},
    )


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `` Did you mean padding?``, or nothing where no name is near."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def _no_layer(text: str) -> str:
    name = text.removeprefix("nn.")
    held = vars(nn).get(name)
    if is_a(held, type) and nn.Module in mro_of(held):
        kind = "a loss, which is chosen for the training" if name.endswith("Loss") else "no layer of its own"
        return f"{text} is {kind}."
    return f"There is no {text} in this PyTorch.{nearest(text, (f'nn.{known}' for known in layer_classes()))}"


# -- what was given ---------------------------------------------------------------------------------


def _value(argument: Argument, constructor: Constructor, layer: str) -> object:
    formal = constructor.formal(argument.name)
    if formal is None and not constructor.any_name:
        names = [known.name for known in constructor.formals]
        takes = f" It takes {', '.join(names)}." if names else " It takes none."
        raise Unfit(f"{layer} has no argument {argument.name}.{nearest(argument.name, names) or takes}")
    value = _read(argument)
    if formal is not None:
        _check(formal, argument.text, value)
    return value


def _read(argument: Argument) -> object:
    """Return the value of a Python literal, a dtype of torch's or a class of `torch.nn`."""
    text = argument.text.strip()
    parts = text.split(".")
    if len(parts) == 2 and parts[0] == "torch" and is_a(vars(torch).get(parts[1]), torch.dtype):
        return vars(torch)[parts[1]]
    if len(parts) == 2 and parts[0] == "nn" and parts[1] in layer_classes():
        return layer_classes()[parts[1]]
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise Unfit(
            f"{argument.name}: {text[:60]} is no Python value such as 3, 0.5, 'same' or (3, 3)."
        ) from None


def _check(formal: Formal, text: str, value: object) -> None:
    """Refuse what the constructor would choke on, or allocate without end for."""
    if value is None and formal.default is None and not formal.required:
        return
    if formal.choices and value not in formal.choices:
        listed = ", ".join(map(repr, formal.choices))
        raise Unfit(f"{formal.name} is one of {listed}, not {text}.{nearest(str(value), formal.choices)}")
    if formal.kind == "int" and type(value) is not int:
        raise Unfit(f"{formal.name} is a whole number, not {text}.")
    if formal.kind == "float" and type(value) not in (int, float):
        raise Unfit(f"{formal.name} is a number, not {text}.")
    if formal.kind == "bool" and type(value) is not bool:
        raise Unfit(f"{formal.name} is True or False, not {text}.")
    numbers = [
        item
        for item in (value if isinstance(value, tuple | list) else (value,))
        if type(item) in (int, float)
    ]
    if any(abs(number) > _LARGEST for number in numbers):
        raise Unfit(f"{formal.name} = {text[:40]} is too large for a size.")
    if formal.minimum is not None and any(number < formal.minimum for number in numbers):
        raise Unfit(f"{formal.name} is {formal.minimum:g} or more, not {text}.")


def _example(formal: Formal) -> str:
    examples = {"int": "a whole number such as 64", "float": "a number such as 0.5", "bool": "True or False"}
    if formal.kind == "size":
        return "a number or a tuple such as 3 or (3, 3)"
    return examples.get(formal.kind, "give it a value")


# -- what follows from what comes in ----------------------------------------------------------------


def _inferred(formal: Formal, inputs: Sequence[Value], layer: str, batch: Batch) -> int:
    """Return the size that an open parameter must have."""
    place = OF_INPUTS.get(formal.name, 0)
    comes_in = inputs[place] if place < len(inputs) else None
    if isinstance(comes_in, tuple | list):
        raise Unfit(*tuple_words(layer, comes_in, batch))
    if place >= len(inputs):
        raise Unfit(f"{layer} takes two values: name them in its inputs, such as x, other.")
    if not isinstance(comes_in, Spec):
        raise Unfit(f"{formal.name} of {layer} follows from its input, and that is {batch.text(comes_in)}.")
    dim = 1 if formal.name in CHANNELS else len(comes_in.shape) - 1
    assert formal.name in CHANNELS or formal.name in LAST or formal.name in OF_INPUTS
    if dim < 1 or dim >= len(comes_in.shape):
        raise Unfit(
            f"{layer} takes {formal.name} from dimension 1 of its input, and {batch.text(comes_in)} has none."
        )
    size = comes_in.shape[dim]
    if not size % batch.size:
        raise Unfit(
            f"{formal.name} of {layer} would be {batch.dim(size)}, which changes with the batch: its input is"
            f" {batch.text(comes_in)}."
        )
    return size


def tuple_words(layer: str, value: Value, batch: Batch) -> tuple[str, list[Remedy]]:
    """Return why a layer cannot take a tuple, and the edit that takes one of its items."""
    words = f"{layer} takes a tensor, and its input is a tuple: {batch.text(value)}."
    return words, [expression_first("x[0]", "the first of them")]
