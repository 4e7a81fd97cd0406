"""Failures inside a layer: which one, what it takes, what it got."""

from __future__ import annotations

import re
from typing import Final

from tui.kernel.operations.culprit import Layer
from tui.kernel.operations.fault import Fault, Rule, Told, called, code, named, tidy
from tui.kernel.operations.words import elements, plural, shape_of, shape_text


def _layer(fault: Fault, *kinds: str) -> Layer | None:
    """Return the layer inside which it failed, if it is of one of these classes (all begin alike)."""
    layer = fault.culprit.layer if fault.culprit is not None else None
    return layer if layer is not None and layer.seen.type_name.startswith(kinds) else None


def _got(layer: Layer) -> tuple[int, ...]:
    return shape_of(layer.input) or ()


def linear(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an input with another number of features."""
    layer = _layer(fault, "Linear", "LazyLinear")
    if layer is None:
        return None
    weight = dict(layer.seen.parameters).get("weight")
    shape = _got(layer)
    if weight is None or not weight.shape or not shape:
        return None
    out, wants = weight.shape
    words = (
        f"{layer.name} takes {wants} features in the last dimension (Linear, {wants} → {out}), and its input"
        f" {shape_text(shape)} has {shape[-1]}."
    )
    cures = [f"nn.Linear({shape[-1]}, {out})  # {layer.place}"]
    op = fault.op
    direct = op is not None and op.module is not None and op.module.identity == layer.seen.identity
    if len(shape) > 1 and elements(shape[1:]) == wants:
        fits = (
            called(op, f"{code(op.arguments[0])}.flatten(1)")
            if direct and op is not None and op.arguments
            else ""
        )
        cures.insert(0, fits or "nn.Flatten()  # before it")
    elif wants in shape[:-1] and direct and op is not None and op.arguments and len(shape) == 2:
        cures.insert(0, called(op, f"{code(op.arguments[0])}.T"))
    return Told(words, cures)


def channels(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a convolution with another number of channels."""
    _weight, shape_words, wants, got = found.groups()
    layer = _layer(fault, "Conv")
    shape = tuple(int(part) for part in shape_words.split(","))
    path = layer.name if layer is not None else "The convolution"
    words = (
        f"{path} takes {plural(int(wants), 'channel')}, dimension 1 of (batch, channels, …); its input"
        f" {shape_text(shape)} has {got}."
    )
    cures = []
    op = fault.op
    given = op.arguments[0] if op is not None and op.arguments else None
    own = shape_of(given.seen) if given is not None else None
    if op is not None and given is not None and own and code(given):
        if len(own) == 4 and own[-1] == int(wants):
            cures.append(called(op, f"{code(given)}.permute(0, 3, 1, 2)") + "  # channels last → first")
        elif int(got) == 1 and int(wants) > 1 and len(own) in (3, 4):
            sizes = ", ".join(["-1"] * (len(own) - 3) + [wants, "-1", "-1"])
            cures.append(called(op, f"{code(given)}.expand({sizes})") + "  # the one channel repeated")
    if layer is not None:
        settings = dict(layer.seen.settings)
        kernel = settings.get("kernel_size")
        size = kernel[0] if isinstance(kernel, tuple) and len(set(kernel)) == 1 else kernel
        cures.append(
            f"nn.{layer.seen.type_name}({got}, {settings.get('out_channels')}, {size})  # {layer.place}"
        )
    return Told(words, cures)


def conv_dims(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a convolution of a tensor without batch or channels."""
    single, batched, name, sizes = found.groups()
    op, layer = fault.op, _layer(fault, "Conv")
    shape = tuple(int(part) for part in sizes.split(",") if part.strip())
    order = "(batch, channels, height, width)" if name == "conv2d" else "(batch, channels, …)"
    path = layer.path if layer is not None else name
    words = f"{path} takes {single} dimensions, or {batched} with a batch {order}; its input is {shape_text(shape)}."
    given = op.arguments[0] if op is not None and op.arguments else None
    cures = []
    missing = int(single) - len(shape)
    if op is not None and given is not None and code(given) and missing == 1:
        cures = [called(op, f"{code(given)}.unsqueeze(0)") + "  # one channel"]
    return Told(words, cures)


def kernel(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a kernel larger than its input."""
    layer = _layer(fault, "Conv", "MaxPool", "AvgPool")
    path = layer.name if layer is not None else "The layer"
    words = f"{path} has a kernel of ({found[2]}), larger than its input of ({found[1]}), padding included."
    return Told(words, ["a smaller kernel_size, more padding, or fewer poolings before it"])


def batch_norm(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a batch normalization of another number of features."""
    got, wants = found.groups()
    layer = _layer(fault, "BatchNorm", "InstanceNorm")
    path, kind = (layer.name, layer.seen.type_name) if layer is not None else ("The layer", "BatchNorm1d")
    words = f"{path} normalizes {wants} features (dimension 1), and its input has {got}."
    return Told(words, [f"nn.{kind}({got})  # in place of it"])


def one_value(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain batch normalization of a batch of one."""
    layer = _layer(fault, "BatchNorm", "InstanceNorm")
    path = layer.name if layer is not None else "The layer"
    words = f"{path} normalizes over the batch, and a batch of one has no spread: its input is ({found[1]})."
    root = path.split(".")[0].split("[")[0]
    cures = (
        [f"{root}.eval()  # uses the running statistics"] if layer is not None and root.isidentifier() else []
    )
    return Told(
        words, [*cures, "a batch of two or more; DataLoader(drop_last=True) leaves out a rest of one"]
    )


def dims(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a layer that takes another number of dimensions."""
    layer = fault.culprit.layer if fault.culprit is not None else None
    if layer is None:
        return None
    return Told(f"{layer.name} takes {found[1]} input, and got {shape_text(_got(layer))}.")


def layer_norm(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a layer normalization of another shape."""
    wants, got = found.groups()
    layer = _layer(fault, "LayerNorm", "RMSNorm")
    path, kind = (layer.name, layer.seen.type_name) if layer is not None else ("The layer", "LayerNorm")
    count = len(wants.split(","))
    fits = ", ".join(part.strip() for part in got.split(",")[-count:])
    words = f"{path} normalizes the last dimensions ({wants}), and its input is ({got})."
    shape = fits if count == 1 else f"({fits})"
    return Told(words, [f"nn.{kind}({shape})  # in place of it"])


def recurrent(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a recurrent layer with another number of features."""
    wants, got = found.groups()
    layer = fault.culprit.layer if fault.culprit is not None else None
    path, kind = (layer.name, layer.seen.type_name) if layer is not None else ("The layer", "LSTM")
    hidden = dict(layer.seen.settings).get("hidden_size") if layer is not None else None
    words = f"{path} takes {wants} features in the last dimension, and its input has {got}."
    return Told(words, [f"nn.{kind}({got}, {hidden})  # in place of it"] if hidden is not None else [])


def batch_sizes(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain scores and targets of different numbers."""
    scores, targets = found.groups()
    op = fault.op
    names = [named(argument) for argument in op.tensors[:2]] if op is not None else []
    pair = f": {names[0]} and {names[1]}" if len(names) == 2 else ""
    return Told(f"There are {scores} rows of scores and {targets} targets; each row needs one{pair}.")


def many_targets(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a target with a dimension too many."""
    op = fault.op
    target = op.argument(1, "target") if op is not None else None
    shape = shape_of(target.seen) if target is not None else None
    given = f"; the target is {named(target)}" if target is not None else ""
    words = f"The loss takes one class id for each row, of shape (N,){given}."
    cures = []
    if op is not None and target is not None and shape is not None and code(target) and len(op.arguments) > 1:
        if shape[-1:] == (1,):
            cures = [called(op, code(op.arguments[0]), f"{code(target)}.squeeze({len(shape) - 1})")]
        else:
            cures = [called(op, code(op.arguments[0]), f"{code(target)}.argmax(1)") + "  # if it is one-hot"]
    return Told(words, cures)


def target_size(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain output and target of different shapes."""
    one, other = found.groups()
    op = fault.op
    words = f"Output and target must have the same shape: the target is ({one}), the output ({other})."
    if op is None or len(op.arguments) < 2 or not code(op.arguments[0]) or not code(op.arguments[1]):
        return Told(words)
    output, target = (shape_of(argument.seen) or () for argument in op.arguments[:2])
    x, y = code(op.arguments[0]), code(op.arguments[1])
    cures = []
    if output and elements(output) == elements(target):
        if (*target, 1) == output:
            cures = [
                called(op, x, f"{y}.unsqueeze({len(target)})"),
                called(op, f"{x}.squeeze({len(output) - 1})", y),
            ]
        else:
            cures = [called(op, x, f"{y}.reshape({', '.join(map(str, output))})")]
    return Told(words, cures)


def unit_interval(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain binary cross entropy of what is no probability."""
    op = fault.op
    cures = []
    if (
        op is not None
        and len(op.arguments) > 1
        and op.symbol == "binary_cross_entropy"
        and all(map(code, op.arguments[:2]))
    ):
        x, y = (code(a) for a in op.arguments[:2])
        cures = [tidy(f"F.binary_cross_entropy_with_logits({x}, {y})"), called(op, f"{x}.sigmoid()", y)]
    cures = cures or ["nn.BCEWithLogitsLoss()  # takes raw scores"]
    return Told(
        "It takes probabilities, between 0 and 1; raw scores belong into the loss with logits.", cures
    )


def heads(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain attention with another width."""
    wants, got = found.groups()
    layer = fault.culprit.layer if fault.culprit is not None else None
    path = layer.name if layer is not None else "The attention"
    return Told(f"{path} takes {wants} features in the last dimension, and its input has {got}.")


def state(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a state_dict that does not fit."""
    name = found[1]
    size = r"torch\.Size\(\[([\d, ]*)\]\)"
    missing = re.findall(rf"size mismatch for ([\w.]+): .*?shape {size}.*?{size}", fault.message)
    if missing:
        parameter, saved, own = missing[0]
        more = f", and {len(missing) - 1} more differ" if len(missing) > 1 else ""
        words = (
            f"{parameter} is ({saved}) in the state and ({own}) in this {name}{more}: it is another model."
        )
        return Told(words, operands=[], sure=True)
    return Told(
        f"The names in the state and in this {name} differ: it is another model, or was saved wrapped.",
        ["load_state_dict(state, strict=False) takes what fits"],
        operands=[],
        sure=True,
    )


RULES: Final[tuple[Rule, ...]] = (
    (r"mat1 and mat2 shapes cannot be multiplied|size mismatch, got input", linear),
    (r"weight of size \[([\d, ]+)\], expected input\[([\d, ]+)\] to have (\d+) channels, but got (\d+)", channels),
    (r"Expected (\d)D \(unbatched\) or (\d)D \(batched\) input to (\w+), but got input of size: \[([\d, ]*)\]",
     conv_dims),
    (r"input size per channel: \(([\dx ]+)\)\. Kernel size: \(([\dx ]+)\)", kernel),
    (r"running_mean should contain (\d+) elements not (\d+)", batch_norm),
    (r"Expected more than 1 value per channel when training, got input size torch\.Size\(\[([\d, ]+)\]\)", one_value),
    (r"expected (\dD(?: or \dD)?) input \(got \dD input\)", dims),
    (r"expected input with shape \[\*, ([\d, ]+)\], but got input of size\[([\d, ]+)\]", layer_norm),
    (r"input\.size\(-1\) must be equal to input_size\. Expected (\d+), got (\d+)", recurrent),
    (r"Expected input batch_size \((\d+)\) to match target batch_size \((\d+)\)", batch_sizes),
    (r"0D or 1D target tensor expected, multi-target not supported", many_targets),
    (r"[Tt]arget size \(torch\.Size\(\[([\d, ]*)\]\)\) (?:that is different to|must be the same as)(?: the)? input size"
     r" \(torch\.Size\(\[([\d, ]*)\]\)\)", target_size),
    (r"all elements of input should be between 0 and 1", unit_interval),
    (r"was expecting embedding dimension of (\d+), but got (\d+)", heads),
    (r"Error\(s\) in loading state_dict for (\w+)", state),
)  # fmt: skip
