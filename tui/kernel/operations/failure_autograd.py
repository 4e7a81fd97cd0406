"""Failures of Autograd, and of tensors where Python wants a value."""

from __future__ import annotations

import ast
import re
from typing import Final

from tui.kernel.operations.fault import Fault, Rule, Told, code, named
from tui.kernel.operations.operation import Operation
from tui.kernel.operations.words import plural, shape_of, shape_text, sizes
from tui.kernel.safe_objects import cut


def leaf_in_place(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain an in-place change of a leaf that requires grad."""
    op = fault.op
    name = op.arguments[0].text if op is not None and op.arguments else "It"
    view = "A part of a leaf" if found.group(0).startswith("a view") else "A leaf"
    words = (
        f"{view} that requires grad would change under Autograd, which then could not go back to it: {name} is such a"
        " leaf. Parameters are changed outside of Autograd."
    )
    if op is None or not op.arguments or not code(op.arguments[0]):
        return Told(words, ["with torch.no_grad(): around it"])
    text = cut(ast.unparse(op.node), 90) if op.node is not None else ""
    cures = [f"with torch.no_grad(): {text}"] if text and "…" not in text else []
    other = _out_of_place(op)
    return Told(words, [*cures, *([f"{other}  # a new tensor"] if other else [])])


def _out_of_place(op: Operation) -> str:
    x = code(op.arguments[0])
    if op.kind == "augmented":
        return f"y = {x} {op.symbol.removesuffix('=')} {op.arguments[1].text}"
    if op.kind == "call" and op.in_place and op.name not in ("zero_", "fill_", "copy_", "requires_grad_"):
        rest = ", ".join(argument.text for argument in op.arguments[1:])
        return f"y = {x}.{op.name.removesuffix('_')}({rest})"
    return ""


def changed(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a saved tensor that was changed before the backward."""
    _, shape, maker, version, expected = found.groups()
    maker = maker.removesuffix("0").removesuffix("Backward")
    words = (
        f"Backward needs a value of shape {shape_text(sizes(shape))} as {maker} left it, but it was changed in place"
        f" afterwards: {plural(int(version) - int(expected), 'change')} too many."
    )
    return Told(
        words,
        [
            "write y = y + 1 instead of y += 1 or y.add_(1), or clone() before the change",
            "torch.autograd.set_detect_anomaly(True)  # then the error names the line of the forward",
        ],
    )


def twice(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a second backward through one graph."""
    given = fault.first
    name = given.text if given is not None else "the result"
    words = (
        f"Backward has been through the graph of {name}, or through a part of it, and freed what it had saved: a graph"
        " is good for one backward."
    )
    cures = [f"compute {name} anew before each backward"]
    if given is not None and code(given):
        cures.append(f"{code(given)}.backward(retain_graph=True)  # in the first backward already")
    cures.append("detach() what was computed in an earlier step")
    return Told(words, cures)


def not_scalar(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain backward from many values."""
    given = fault.first
    name = named(given) if given is not None else "the tensor"
    words = f"backward starts from one number, and {name} holds several: it must know how they weigh."
    if given is None or not code(given):
        return Told(words, [".sum().backward() or .mean().backward()"])
    x = code(given)
    cures = [
        f"{x}.sum().backward()",
        f"{x}.mean().backward()",
        f"{x}.backward(gradient=torch.ones_like({given.text}))",
    ]
    return Told(words, cures)


def no_grad(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain backward from what has no graph."""
    given = fault.first
    name = given.text if given is not None else "the tensor"
    words = (
        f"{name} has no graph to go back through: nothing that it was computed from requires grad, or it was computed"
        " under torch.no_grad() or after detach()."
    )
    return Told(
        words,
        ["make what you want gradients of with requires_grad=True, or call .requires_grad_() on it, first"],
    )


def numpy_grad(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain NumPy of what requires grad."""
    given = fault.first
    name = given.text if given is not None else "the tensor"
    cures = [f"{code(given)}.detach().numpy()"] if given is not None and code(given) else []
    return Told(f"{name} requires grad, and NumPy does not track gradients.", cures)


def to_scalar(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain item, float and int of several values."""
    given = fault.first
    name = named(given) if given is not None else "the tensor"
    words = f"{name} holds several values, and one Python number is wanted."
    if given is None or not code(given):
        return Told(words, [".tolist() gives all of them"], sure=True)
    x = code(given)
    floats = given.tensor is not None and given.tensor.dtype.is_floating_point
    first = "0, " * len(shape_of(given.seen) or ())
    mean = [f"{x}.mean().item()"] if floats else []
    return Told(words, [f"{x}.tolist()", *mean, f"{x}[{first.removesuffix(', ')}].item()"])


def truth(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a tensor in a condition."""
    op, culprit = fault.op, fault.culprit
    node = culprit.node if culprit is not None else None
    text = cut(ast.unparse(node), 60) if isinstance(node, ast.expr) else ""
    if isinstance(node, ast.Call) and op is not None and op.arguments and op.symbol == "bool":
        text = code(op.arguments[0])
    words = (
        f"{text or 'The tensor'} is many values, and a condition wants one truth. and, or, not and a < b < c want one"
        " as well: for tensors there are & | ~ with brackets."
    )
    if not text or "…" in text:
        return Told(words, [".any() if one suffices, .all() if each must hold"], sure=True)
    simple = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
    text = text if simple else f"({text})"
    return Told(words, [f"{text}.any()  # if one suffices", f"{text}.all()  # if each must hold"], sure=True)


def deepcopy(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain deepcopy of a result of operations."""
    return Told(
        "A result of operations cannot be deep-copied: it is tied to its graph.",
        [".detach().clone() copies its values"],
        sure=True,
    )


def gradient_shape(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a gradient of another shape than the result."""
    given = fault.first
    own, wanted = found.groups()
    words = (
        f"The gradient given must have the shape of the result {shape_text(sizes(wanted))}, and has"
        f" {shape_text(sizes(own))}."
    )
    cures = (
        [f"{code(given)}.backward(torch.ones_like({code(given)}))"]
        if given is not None and code(given)
        else []
    )
    return Told(words, cures)


RULES: Final[tuple[Rule, ...]] = (
    (r"a (?:view of a )?leaf Variable that requires grad is being used in an in-place operation", leaf_in_place),
    (r"has been modified by an inplace operation: \[([\w.]+) \[([\d, ]*)\]\], which is output \d+ of (\w+), is at"
     r" version (\d+); expected version (\d+)", changed),
    (r"Trying to backward through the graph a second time", twice),
    (r"grad can be implicitly created only for scalar outputs", not_scalar),
    (r"element 0 of tensors does not require grad and does not have a grad_fn", no_grad),
    (r"Can't call numpy\(\) on Tensor that requires grad", numpy_grad),
    (r"a Tensor with \d+ elements cannot be converted to Scalar|only one element tensors can be converted to Python",
     to_scalar),
    (r"Boolean value of Tensor with more than one value is ambiguous", truth),
    (r"Only Tensors created explicitly by the user \(graph leaves\) support the deepcopy", deepcopy),
    (r"Mismatch in shape: grad_output\[\d+\] has a shape of torch\.Size\(\[([\d, ]*)\]\) and output\[\d+\] has a"
     r" shape of torch\.Size\(\[([\d, ]*)\]\)", gradient_shape),
)  # fmt: skip
