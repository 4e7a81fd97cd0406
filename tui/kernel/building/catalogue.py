"""Everything that can be placed in a design: the layers of `torch.nn`, found by inspection, and the user's own."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Final

from torch import nn

from tui.kernel.building import documentation
from tui.kernel.building.parameters import Constructor, Formal, constructor_of
from tui.kernel.known_classes import class_attributes, mro_of
from tui.kernel.safe_objects import copy_of, is_a, module_of, name_of
from tui.protocol.building import Catalogue, LayerKind, Parameter

YOURS: Final = "Yours"
_GROUPS: Final = {
    "activation": "Activation",
    "batchnorm": "Normalization",
    "channelshuffle": "Shape",
    "conv": "Convolution",
    "distance": "Distance",
    "dropout": "Dropout",
    "flatten": "Shape",
    "fold": "Shape",
    "instancenorm": "Normalization",
    "linear": "Linear",
    "normalization": "Normalization",
    "padding": "Padding",
    "pixelshuffle": "Upsampling",
    "pooling": "Pooling",
    "rnn": "Recurrent",
    "sparse": "Embedding",
    "transformer": "Attention",
    "upsampling": "Upsampling",
}
"""By the module of `torch.nn.modules` that a layer lives in; a module that is not here is a group of its own."""
_ORDER: Final = (
    "Linear", "Convolution", "Activation", "Pooling", "Normalization", "Dropout", "Shape", "Recurrent", "Attention",
    "Embedding", "Upsampling", "Padding", "Distance",
)  # fmt: skip
_FORMULAS: Final = {
    "RNN": "(N, L, H_in) → (N, L, D·H), (D·layers, N, H) with batch_first",
    "GRU": "(N, L, H_in) → (N, L, D·H), (D·layers, N, H) with batch_first",
    "LSTM": "(N, L, H_in) → (N, L, D·H), ((D·layers, N, H), (D·layers, N, H)) with batch_first",
    "RNNCell": "(N, H_in) → (N, H)",
    "GRUCell": "(N, H_in) → (N, H)",
    "LSTMCell": "(N, H_in) → (N, H), (N, H)",
    "MultiheadAttention": "(N, L, E), (N, S, E), (N, S, E) → (N, L, E), (N, L, S) with batch_first",
    "TransformerEncoderLayer": "(N, L, E) → (N, L, E) with batch_first",
    "TransformerEncoder": "(N, L, E) → (N, L, E)",
    "TransformerDecoderLayer": "(N, L, E), (N, S, E) → (N, L, E) with batch_first",
    "TransformerDecoder": "(N, L, E), (N, S, E) → (N, L, E)",
    "Transformer": "(N, S, E), (N, L, E) → (N, L, E) with batch_first",
    "Unflatten": "(N, C·H·W) → (N, C, H, W)",
    "ChannelShuffle": "(N, C, H, W) → (N, C, H, W)",
}
"""Of layers whose documentation tells it in another way."""
_NO_LAYERS: Final = frozenset({"loss", "container", "module", "adaptive", "lazy"})
_ABSTRACT: Final = frozenset({"RNNBase", "RNNCellBase"})


def list_layers(namespace: Mapping[str, object]) -> Catalogue:
    """Return all layers, torch's own by group and name, then the module classes of the namespace."""
    own = tuple(_kind(name, cls, YOURS) for name, cls in module_classes(namespace).items())
    return Catalogue(layers=(*_torch_layers(), *own), inits=inits())


@functools.cache
def layer_classes() -> dict[str, type[nn.Module]]:
    """Return the classes of `torch.nn` that can be layers, by their names there."""
    found = {}
    for name, held in vars(nn).items():
        if not (is_a(held, type) and nn.Module in mro_of(held)):
            continue
        home = module_of(held)
        if home.startswith("torch.nn.modules.") and not _left_out(held, home.rpartition(".")[2]):
            found[name] = held
    return found


def module_classes(namespace: Mapping[str, object]) -> dict[str, type[nn.Module]]:
    """Return the user's own module classes, by the names they are known under."""
    return {
        name: held
        for name, held in copy_of(namespace).items()
        if type(name) is str
        and not name.startswith("_")
        and is_a(held, type)
        and nn.Module in mro_of(held)
        and not _is_torch(held)
    }


@functools.cache
def inits() -> tuple[str, ...]:
    """Return the functions of `torch.nn.init` that need nothing but a tensor."""
    names = []
    for name, held in vars(nn.init).items():
        if not (name.endswith("_") and not name.startswith("_") and inspect.isfunction(held)):
            continue
        _first, *rest = inspect.signature(held).parameters.values()
        if all(parameter.default is not inspect.Parameter.empty for parameter in rest):
            names.append(name)
    return tuple(sorted(names))


def doc_of(cls: type) -> str:
    """Return the class's own documentation; empty where it has none."""
    doc = class_attributes(cls).get("__doc__")
    return doc if type(doc) is str else ""


def _is_torch(cls: type) -> bool:
    return module_of(cls).startswith("torch.nn.")


def _left_out(cls: type, home: str) -> bool:
    return home in _NO_LAYERS or name_of(cls) in _ABSTRACT


@functools.cache
def _torch_layers() -> tuple[LayerKind, ...]:
    kinds = [_kind(f"nn.{name}", cls, _group(cls)) for name, cls in layer_classes().items()]
    return tuple(sorted(kinds, key=lambda kind: (_place(kind.group), kind.layer)))


def _group(cls: type) -> str:
    if name_of(cls) == "MultiheadAttention":
        return "Attention"
    home = module_of(cls).rpartition(".")[2]
    return _GROUPS.get(home, home.replace("_", " ").capitalize())


def _place(group: str) -> tuple[int, str]:
    return (_ORDER.index(group) if group in _ORDER else len(_ORDER), group)


def _kind(layer: str, cls: type[nn.Module], group: str) -> LayerKind:
    constructor, doc = constructor_of(cls), doc_of(cls)
    helps = dict(_helps(cls))
    return LayerKind(
        layer=layer,
        group=group,
        summary=documentation.summary_of(doc),
        signature=f"{layer.removeprefix('nn.')}({_signature(constructor)})",
        formula=_formula(cls),
        parameters=tuple(_parameter(formal, helps.get(formal.name, "")) for formal in constructor.formals),
        documentation=documentation.cleaned(doc),
    )


def _formula(cls: type) -> str:
    if name_of(cls) in _FORMULAS and _is_torch(cls):
        return _FORMULAS[name_of(cls)]
    told = (documentation.shape_formula(doc_of(base)) for base in mro_of(cls))
    return next(filter(None, told), "")


def _helps(cls: type) -> Iterator[tuple[str, str]]:
    """Yield what the documentation of the class and, before it, of its bases says of arguments."""
    for base in reversed(mro_of(cls)):
        yield from documentation.arguments_of(doc_of(base)).items()


def _signature(constructor: Constructor) -> str:
    parts = [f.name if f.required else f"{f.name}={f.default_text}" for f in constructor.formals]
    return ", ".join([*parts, "**options"] if constructor.any_name else parts)


def _parameter(formal: Formal, words: str) -> Parameter:
    return Parameter(
        name=formal.name,
        kind=formal.kind,
        default=formal.default_text,
        inferred=formal.inferred,
        choices=tuple(map(repr, formal.choices)),
        minimum=formal.minimum,
        help=words,
    )
