"""The inputs of a model as one line: ``x (1, 28, 28) float32; mask (10,) bool; y = batch[0]``."""

from __future__ import annotations

import ast
import re
from pathlib import PurePath
from typing import Final

from tui.protocol.building import InputSpec
from tui.widgets.builder.literals import name_problem

DTYPES: Final = (
    "float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64",
)  # fmt: skip
_SHORT: Final = {"float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32"}
_SPEC: Final = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)\s*)?\((?P<shape>[^()]*)\)\s*(?P<dtype>[\w.]*)\s*$")
_PLAIN: Final = re.compile(
    r"(?:(?P<name>[A-Za-z_]\w*)\s+)?(?P<shape>\d+(?:\s*[,x ]\s*\d+)*)\s*(?P<dtype>[A-Za-z_]\w*)?\s*$"
)
_SOURCE: Final = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)\s*)?=\s*(?P<source>[^=].*)$")
_SEMICOLON: Final = re.compile(r"\s*;\s*")
LARGEST: Final = 10**9


def inputs_text(inputs: tuple[InputSpec, ...]) -> str:
    """Return the inputs as they are typed."""
    return "; ".join(
        f"{one.name} = {one.source}" if one.source else f"{one.name} {_shape_text(one.shape)} {one.dtype}"
        for one in inputs
    )


def shown_inputs(inputs: tuple[InputSpec, ...]) -> str:
    """Return the inputs as they are shown, with the batch."""
    return " · ".join(
        f"{one.name} from {_shown_source(one.source)}" if one.source else
        f"{one.name} ({', '.join(['N', *map(str, one.shape)])}) {one.dtype}"
        for one in inputs
    )  # fmt: skip


def _shown_source(source: str) -> str:
    """Return a source as it is shown: a preset by its name."""
    kind, _, path = source.partition(" ")
    return f"preset {PurePath(path).stem}" if kind == "preset" else source


def _shape_text(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"


def read_inputs(text: str) -> tuple[InputSpec, ...]:
    """Read the inputs; shapes are without the batch, or with an ``N`` for it.

    Raises:
        ValueError: what is wrong, in words.
    """
    parts = [part.strip() for part in _SEMICOLON.split(text.strip().strip(";")) if part.strip()]
    if not parts:
        raise ValueError("a shape without the batch, such as x (1, 28, 28) float32; or x = a tensor")
    specs = tuple(_read(part, "x" if index == 0 else f"x{index + 1}") for index, part in enumerate(parts))
    names = [one.name for one in specs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two inputs are called {name}")
        if problem := name_problem(name):
            raise ValueError(problem)
    return specs


def _read(part: str, name: str) -> InputSpec:
    source = _SOURCE.match(part)
    if source:
        return _from_source(source["name"] or name, source["source"].strip())
    found = _SPEC.match(part) or _PLAIN.match(part)
    if found is None:
        raise ValueError(f"{part[:60]}: a shape without the batch, such as (1, 28, 28) float32")
    dimensions = [one for one in re.split(r"[\s,x]+", found["shape"].strip()) if one]
    if dimensions[:1] and dimensions[0] in ("N", "B"):
        dimensions = dimensions[1:]
    for one in dimensions:
        if not one.isdigit() or not 1 <= int(one) <= LARGEST:
            raise ValueError(f"{one[:20]}: sizes are whole numbers of 1 or more, without the batch")
    dtype = (found["dtype"] or "float32").removeprefix("torch.")
    dtype = _SHORT.get(dtype, dtype)
    if dtype not in DTYPES:
        raise ValueError(f"{dtype[:20]}: no dtype; {', '.join(DTYPES)}")
    return InputSpec(found["name"] or name, tuple(map(int, dimensions)), dtype)


def _from_source(name: str, source: str) -> InputSpec:
    if not source.startswith("preset "):
        try:
            ast.parse(source, mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            raise ValueError(
                f"{source[:40]}: no expression; a tensor of the namespace, or preset NAME"
            ) from None
    return InputSpec(name, source=source)


def random_call(spec: InputSpec, batch: int, shape: tuple[int, ...] | None, highest: int) -> str:
    """Return an expression for a random batch of an input; one with a tensor as its source is that tensor.

    `shape`: without the batch, as it was found out where it is not the spec's own; `highest`: of integers.
    """
    if spec.source and not spec.source.startswith("preset "):
        return spec.source
    sizes = ", ".join(map(str, (batch, *(spec.shape if shape is None else shape))))
    if spec.dtype == "float32":
        return f"torch.randn({sizes})"
    if spec.dtype == "bool":
        return f"torch.rand({sizes}) < 0.5"
    if spec.dtype.startswith(("float", "bfloat", "complex")):
        return f"torch.randn({sizes}, dtype=torch.{spec.dtype})"
    dtype = "" if spec.dtype == "int64" else f", dtype=torch.{spec.dtype}"
    return f"torch.randint({highest}, ({sizes}{',' if ',' not in sizes else ''}){dtype})"
