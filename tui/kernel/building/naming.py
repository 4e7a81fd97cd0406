"""Names that blocks get as attributes of their model, and what is wrong with those that were given."""

from __future__ import annotations

import functools
import keyword
import re
from collections import Counter
from collections.abc import Container, Sequence
from typing import Final

from torch import nn

_BASES: Final = (
    (r"(Lazy)?Conv", "conv"),
    (r"Upsampl", "upsample"),
    (r"\w*Unpool", "unpool"),
    (r"\w*Pool\d?d?$", "pool"),
    (r"(Lazy)?Linear$", "fc"),
    (r"\w*Norm\d?d?$", "norm"),
    (r"LocalResponseNorm|CrossMapLRN2d", "norm"),
    (r"\w*Dropout\d?d?$", "dropout"),
    (r"\w*Pad\dd$", "pad"),
    (r"MultiheadAttention$", "attention"),
    (r"TransformerEncoder", "encoder"),
    (r"TransformerDecoder", "decoder"),
    (r"Embedding", "embedding"),
    (r"(RNN|LSTM|GRU)(Cell)?$", ""),
    (r"\w*ReLU\d?$|[CSRG]?ELU$|SiLU$|GLU$", ""),
)
"""What layers are called, by their classes; empty: by their class in small letters."""
_TAKEN_VALUES: Final = frozenset({"x", "self", "torch", "nn", "F", "Tensor", "OrderedDict"})


@functools.cache
def module_attributes() -> frozenset[str]:
    """Return the names that every module has already."""
    return frozenset(dir(nn.Module())) | {"T_destination", "dump_patches", "call_super_init"}


def base_name(layer: str) -> str:
    """Return what an unnamed layer is called: ``conv`` for ``nn.Conv2d``."""
    cls = layer.rpartition(".")[2]
    if layer.startswith("nn."):
        for pattern, base in _BASES:
            if re.match(pattern, cls):
                return base or cls.lower()
    return snake(cls) if cls.isidentifier() else "layer"


def snake(name: str) -> str:
    """Return ``squeeze_excite`` for ``SqueezeExcite``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return f"{spaced}_" if keyword.iskeyword(spaced) or spaced in module_attributes() else spaced


def camel(name: str) -> str:
    """Return ``SqueezeExcite`` for ``squeeze_excite``, and ``Block`` for ``blocks``."""
    single = name[:-1] if len(name) > 3 and name.endswith("s") and not name.endswith("ss") else name
    return "".join(part[:1].upper() + part[1:] for part in single.split("_") if part) or "Block"


def problem_of(name: str, taken: Container[str] = ()) -> str:
    """Return what is wrong with the name of a block; empty where nothing is."""
    if name in taken:
        return f"The name {name} is given twice here; each block needs one of its own."
    return _no_name(name) or (
        f"{name} cannot be the name of a block: every module has {_what(name)} of that name."
        if name in module_attributes()
        else ""
    )


def value_problem(name: str) -> str:
    """Return what is wrong with the name of a value; empty where nothing is."""
    if name in _TAKEN_VALUES:
        return f"{name} cannot name a value: {'it is what runs on' if name == 'x' else 'the code uses it itself'}."
    return _no_name(name)


def class_problem(name: str, taken: Container[str] = ()) -> str:
    """Return what is wrong with the name of the model; empty where nothing is."""
    if not name:
        return "The model needs a name."
    if name in ("torch", "nn", "F", "Tensor", "OrderedDict", "object", "super", "range") or name in taken:
        return f"The model cannot be called {name}: its code uses that name itself."
    return _no_name(name)


def _no_name(name: str) -> str:
    if "." in name:
        return f"{name} has a dot, and a name is one word: {name.replace('.', '_')}."
    if keyword.iskeyword(name):
        return f"{name} is a word of Python's own and cannot be a name: {name}_ can."
    if not name.isidentifier():
        wants = re.sub(r"\W", "_", name)
        wants = wants if wants.isidentifier() else f"_{wants}"
        return f"{name!r} is no name: letters, digits and _ make one, such as {wants}."
    return ""


def _what(name: str) -> str:
    return "a method" if callable(getattr(nn.Module, name, None)) else "an attribute"


def assigned(wanted: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of blocks of one class, in order.

    Args:
        wanted: for each the name that it was given (empty: none), and what it is called else.
    """
    given = {name for name, _ in wanted if name}
    counts = Counter(base for name, base in wanted if not name)
    numbers: Counter[str] = Counter()
    names = []
    for name, base in wanted:
        if name:
            names.append(name)
            continue
        if counts[base] == 1 and base not in given and not problem_of(base):
            names.append(base)
            continue
        numbers[base] += 1
        while f"{base}{numbers[base]}" in given:
            numbers[base] += 1
        names.append(f"{base}{numbers[base]}")
    return names
