"""Failures of indices and dimension numbers."""

from __future__ import annotations

import ast
import re
from typing import Final

from tui.kernel.operations.fault import Fault, Rule, Told, code, named
from tui.kernel.operations.operation import Argument
from tui.kernel.operations.seen import PlainSeen, TensorSeen
from tui.kernel.operations.words import plural, shape_of, shape_text, sizes


def out_of_bounds(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an index past the end."""
    index, dim, size = (int(text) for text in found.groups())
    given = fault.first
    name = f" of {named(given)}" if given is not None else ""
    if size == 0:
        return Told(f"Dimension {dim}{name} has size 0: there is nothing to pick.")
    words = f"{index} is past the end of dimension {dim}{name}, which has size {size}: valid are {-size} to {size - 1}."
    return Told(words, _last_place(fault, index, dim, size))


def _last_place(fault: Fault, index: int, dim: int, size: int) -> list[str]:
    """Return the same index with the last valid place."""
    node = fault.op.node if fault.op is not None else None
    if not isinstance(node, ast.Subscript):
        return []
    items = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    texts = [ast.unparse(item) for item in items]
    if dim >= len(texts) or texts[dim] != str(index):
        return []
    texts[dim] = "-1" if index > 0 else "0"
    return [f"{ast.unparse(node.value)}[{', '.join(texts)}]  # the {'last' if index > 0 else 'first'} one"]


def too_many(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain more indices than dimensions."""
    rank = int(found[1])
    given, op = fault.first, fault.op
    name = named(given) if given is not None else "the tensor"
    index = op.arguments[1:] if op is not None and op.name in ("getitem", "setitem") else ()
    used = sum(1 for argument in index if not _is_none(argument))
    got = f", and the index names {used}" if used > rank else ""
    words = f"{name} has {plural(rank, 'dimension')}{got}."
    if op is None or given is None or not index or used <= rank:
        return Told(words)
    texts = [argument.text for argument in index][:rank]
    return Told(words, [f"{code(given)}[{', '.join(texts)}]"] if code(given) and op.name == "getitem" else [])


def _is_none(argument: Argument) -> bool:
    return isinstance(argument.seen, PlainSeen) and (
        argument.seen.value is None or argument.seen.value is ...
    )


def scalar(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an index into a 0-d tensor."""
    given = fault.first
    name = given.text if given is not None else "it"
    cures = [f"{code(given)}.item()  # its value"] if given is not None and code(given) else []
    return Told(f"{name} has no dimensions, so there is nothing to index: it is one number.", cures)


def dimension(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a dimension that there is not."""
    low, high, got = (int(text) for text in found.groups())
    given, op = fault.first, fault.op
    if fault.layer is not None and op is not None:
        shape = shape_of(fault.culprit.layer.input) if fault.culprit and fault.culprit.layer else None
        name = f"Its input {shape_text(shape)}" if shape is not None else "Its input"
    else:
        name = named(given) if given is not None else "The tensor"
    count = high + 1
    places = "dimension 0 alone" if count == 1 else f"dimensions {low} to {high}"
    words = f"{name} has {places}; there is no dimension {got}."
    if op is None or op.kind != "call" or fault.layer is not None:
        return Told(words)
    if op.name in ("unsqueeze", "stack"):
        words = f"The new dimension can be {low} to {high}, and {got} was asked for."
    return Told(words, _other_dim(op.node, got))


def _other_dim(node: ast.AST | None, got: int) -> list[str]:
    """Return the call with the last dimension in place of one that there is not."""
    if not isinstance(node, ast.Call):
        return []
    code_now = ast.unparse(node)
    for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
        try:
            literal = ast.literal_eval(argument)
        except (ValueError, TypeError):
            continue
        if type(literal) is int and literal == got:
            text = ast.unparse(argument)
            head, _, tail = code_now.rpartition(text)
            return [f"{head}-1{tail}  # the last dimension"]
    return []


def mask(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a mask of another shape."""
    own, _place, shape, at = found.groups()
    given, op = fault.first, fault.op
    masks = (
        [a for a in op.tensors if isinstance(a.seen, TensorSeen) and a.seen.dtype_name == "bool"]
        if op
        else []
    )
    base, it = (given.text, masks[-1].text) if given is not None and masks else ("the tensor", "the mask")
    words = (
        f"A mask must have the shape of what it picks from: {it} is {shape_text(sizes(own))}, {base} is"
        f" {shape_text(sizes(shape))}; they differ at dimension {at}."
    )
    cures = []
    if given is not None and masks and code(given) and code(masks[-1]):
        full, size = shape_of(given.seen) or (), shape_of(masks[-1].seen) or ()
        for dim in range(1, len(full)):
            if len(size) == 1 and size[0] == full[dim]:
                cures.append(f"{code(given)}[{':, ' * dim}{code(masks[-1])}]  # along dimension {dim}")
    return Told(words, cures)


def index_dtype(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an index of floats."""
    op = fault.op
    index = [a for a in (op.arguments[1:] if op is not None else ()) if a.tensor is not None]
    if not index or op is None:
        return Told("An index must be of integers (int64) or a mask of bools.")
    wrong = next((a for a in index if a.tensor is not None and a.tensor.dtype.is_floating_point), index[0])
    words = f"{wrong.text} is {wrong.tensor.dtype_name if wrong.tensor else ''}: an index must be of integers or bools."
    base = code(op.arguments[0])
    single = len(op.arguments) == 2 and base and code(wrong) and op.name == "getitem"
    return Told(words, [f"{base}[{code(wrong)}.long()]"] if single else [f"{code(wrong)}.long()"])


def index_kind(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an index that is no index at all."""
    got = found.groupdict().get("got") or "text"
    return Told(
        f"A tensor is indexed by integers, slices, None, ... and tensors of integers or bools, not by {got}."
    )


def lists(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain index lists of different lengths."""
    op = fault.op
    words = f"Several lists as an index name pairs of places, so they must be equally long: {found[1]}."
    cures = []
    if op is not None and op.name == "getitem" and len(op.arguments) == 3 and code(op.arguments[0]):
        first, second = op.arguments[1:]
        cures = [f"{code(op.arguments[0])}[{first.text}][:, {second.text}]  # all rows by all columns"]
    return Told(words, cures)


def gather_ranks(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain gather with an index of another rank."""
    return Told(
        "The index must have as many dimensions as the tensor that it picks from.",
        ["unsqueeze the index along the dimension that it picks from"],
    )


def embedding(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an index past the end of an embedding, or of index_select."""
    layer, culprit = fault.layer, fault.culprit
    if (
        layer is not None
        and layer.type_name == "Embedding"
        and culprit is not None
        and culprit.layer is not None
    ):
        rows = dict(layer.settings).get("num_embeddings")
        width = dict(layer.settings).get("embedding_dim")
        words = (
            f"{culprit.layer.name} is a table of {rows} rows, so its indices go from 0 to {int(str(rows)) - 1}; one of"
            " them is outside."
        )
        return Told(words, [f"nn.Embedding(N, {width}) with N above the largest index"])
    given = fault.first
    name = f" of {named(given)}" if given is not None else ""
    return Told(f"One of the indices is past the end{name}.")


def target_class(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a class id beyond the scores."""
    op = fault.op
    scores = shape_of(op.arguments[0].seen) if op is not None and op.arguments else None
    classes = (scores[1] if len(scores) > 1 else scores[0]) if scores else None
    if classes is None:
        return Told(f"Class id {found[1]} is out of range: ids go from 0 to the number of classes less 1.")
    words = (
        f"Class id {found[1]} is out of range: the scores {shape_text(scores or ())} are of {classes} classes, so ids"
        f" go from 0 to {classes - 1}."
    )
    return Told(words, ["ids that begin at 1 need - 1; else the last layer needs as many outputs as classes"])


def sequence_index(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a tensor in place of a Python integer."""
    return Told(
        "Python wants an integer here: a tensor is one only if it holds a single integer.",
        [".item() of one element; .tolist() of several"],
        sure=True,
    )


RULES: Final[tuple[Rule, ...]] = (
    (r"index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)", out_of_bounds),
    (r"too many indices for tensor of dimension (\d+)", too_many),
    (r"invalid index of a 0-dim tensor", scalar),
    (r"Dimension out of range \(expected to be in range of \[(-?\d+), (-?\d+)\], but got (-?\d+)\)", dimension),
    (r"The shape of the mask \[([\d, ]*)\] at index (\d+) does not match the shape of the indexed tensor \[([\d, ]*)\]"
     r" at index (\d+)", mask),
    (r"tensors used as indices must be long", index_dtype),
    (r"valid indices \(got (?P<got>[^)]+)\)|new\(\): invalid data type 'str'", index_kind),
    (r"indexing tensors could not be broadcast together with shapes (.+)$", lists),
    (r"Index tensor must have the same number of dimensions as input tensor", gather_ranks),
    (r"index out of range in self", embedding),
    (r"Target (-?\d+) is out of bounds", target_class),
    (r"only integer tensors of a single element can be converted to an index", sequence_index),
)  # fmt: skip
