"""Calls of `nn.Module`s, and of functions that work like a layer: what the shapes say."""

from __future__ import annotations

from typing import Final

from tui.kernel.operations.operation import Operation
from tui.kernel.operations.seen import ModuleSeen, SequenceSeen
from tui.kernel.operations.words import Rules, operand, plural, shape_of, shape_text, step
from tui.protocol.operations import Step


def module(op: Operation) -> Step | None:
    """Explain a module of which nothing more is known: what went in and what came out."""
    notes = []
    if isinstance(op.result, SequenceSeen):
        shapes = _shapes(op.result)
        notes.append(f"returns a tuple: {shapes}" if "(" in shapes else "")
    if op.module is not None and not op.module.is_torch:
        notes.append(f"{op.module.type_name}: what its forward returned")
    return step(op, "module", *notes)


def _shapes(seen: SequenceSeen) -> str:
    """Return the shapes of what a tuple holds, those of a tuple in it in brackets."""
    texts = []
    for item in seen.items:
        shape = shape_of(item)
        if shape is not None:
            texts.append(shape_text(shape))
        elif isinstance(item, SequenceSeen):
            texts.append(f"[{_shapes(item)}]")
    return ", ".join(texts)


def convolution(op: Operation) -> Step | None:
    """Explain a convolution or pooling: channels and places."""
    given = op.argument(0, "input")
    before, after = shape_of(given.seen) if given is not None else None, shape_of(op.output)
    if given is None or not before or not after or len(before) != len(after):
        return step(op, "module")
    places = _dimensions(op.name)
    if len(before) <= places:
        return step(op, "module")
    batched = len(before) == places + 2
    notes = []
    if batched:
        notes.append(f"batch of {before[0]}")
    channels, made = before[-places - 1], after[-places - 1]
    notes.append(
        f"channels {channels} → {made}"
        if channels != made
        else f"{plural(channels, 'channel')}, each by itself"
    )
    sizes = " x ".join(map(str, before[-places:])), " x ".join(map(str, after[-places:]))
    notes.append(f"places {sizes[0]} → {sizes[1]}{_window(op.module)}")
    return step(op, "module", "; ".join(notes), inputs=[operand(given)])


def _dimensions(name: str) -> int:
    return next((int(digit) for digit in reversed(name) if digit.isdecimal()), 2)


def _window(seen: ModuleSeen | None) -> str:
    """Return e.g. ` (kernel 3, stride 1, padding 1)`."""
    if seen is None:
        return ""
    settings = dict(seen.settings)
    parts = []
    for name, word, boring in (
        ("kernel_size", "kernel", None),
        ("stride", "stride", 1),
        ("padding", "padding", 0),
    ):
        value = settings.get(name)
        if isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]
        if value is not None and value != boring:
            parts.append(f"{word} {value}")
    return f" ({', '.join(parts)})" if parts else ""


def embedding(op: Operation) -> Step | None:
    """Explain an embedding: one row of the table for each index."""
    given = op.argument(0, "input")
    after = shape_of(op.output)
    if given is None or not after:
        return step(op, "module")
    told = f"each index became a row of {after[-1]} values"
    if op.module is not None:
        told += f" out of {dict(op.module.settings).get('num_embeddings')}"
    roles = ["batch"] * (len(after) - 1) + ["new"]
    return step(op, "module", told, inputs=[operand(given)], roles=roles)  # type: ignore[arg-type]


def class_loss(op: Operation) -> Step | None:
    """Explain cross entropy and its like: scores against class ids."""
    scores, target = op.argument(0, "input"), op.argument(1, "target")
    if scores is None or target is None:
        return step(op, "reduction")
    one, other = shape_of(scores.seen), shape_of(target.seen)
    if not one or other is None:
        return step(op, "reduction")
    classes = one[1] if len(one) > 1 else one[0]
    floating = target.tensor is not None and target.tensor.dtype.is_floating_point
    what = "probabilities of the classes" if floating else "ids of classes"
    told = f"{scores.text} holds scores of {classes} classes, {target.text} {what}"
    softmax = (
        "; softmax is part of it: give it raw scores"
        if op.name in ("cross_entropy", "CrossEntropyLoss")
        else ""
    )
    return step(op, "reduction", told + softmax)


def normalization(op: Operation) -> Step | None:
    """Explain normalization and dropout: the shape stays."""
    training = ""
    if op.module is not None:
        trains = dict(op.module.settings).get("training")
        if "Dropout" in op.name:
            training = (
                "training: some values are 0, the rest scaled up" if trains else "eval: nothing is dropped"
            )
        elif "BatchNorm" in op.name:
            training = (
                "training: by the statistics of this batch" if trains else "eval: by its running statistics"
            )
    return step(op, "module", training)


_WINDOWS: Final = [
    f"{name}{n}" for name in ("conv", "max_pool", "avg_pool", "conv_transpose") for n in ("1d", "2d", "3d")
]
_WINDOW_MODULES: Final = [
    f"{name}{n}"
    for name in ("Conv", "MaxPool", "AvgPool", "ConvTranspose", "AdaptiveAvgPool", "AdaptiveMaxPool")
    for n in ("1d", "2d", "3d")
]
RULES: Final[Rules] = {
    **dict.fromkeys(_WINDOWS, convolution),
    **dict.fromkeys(("cross_entropy", "nll_loss"), class_loss),
}
MODULES: Final[Rules] = {
    **dict.fromkeys(_WINDOW_MODULES, convolution),
    "Embedding": embedding,
    **dict.fromkeys(("CrossEntropyLoss", "NLLLoss"), class_loss),
    **dict.fromkeys(
        ["Dropout", "Dropout2d", *(f"BatchNorm{n}d" for n in (1, 2, 3)), "LayerNorm"], normalization
    ),
}
