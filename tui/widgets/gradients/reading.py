"""What is typed on the Autograd screen, read: a call to be checked, a learning rate, an index."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """A function and the tensors it is called with, as expressions."""

    function: str
    inputs: tuple[str, ...]


def read_call(text: str) -> Call:
    """Read ``f(x, w)``; raises ValueError with words for the user."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("type a call such as  f(x, w)") from None
    if not isinstance(tree, ast.Call) or not tree.args:
        raise ValueError("type a call with the tensors it takes, such as  f(x, w)")
    if tree.keywords or any(isinstance(argument, ast.Starred) for argument in tree.args):
        raise ValueError("only plain arguments here; wrap the rest in a function: g = lambda x: f(x, dim=1)")
    return Call(ast.unparse(tree.func), tuple(ast.unparse(argument) for argument in tree.args))


def read_rate(text: str) -> float | None:
    """Read a learning rate; None where it is no number."""
    try:
        rate = float(text.strip())
    except ValueError:
        return None
    return rate if math.isfinite(rate) else None


def read_descent(text: str, optimizers: tuple[str, ...]) -> float | str:
    """Read a learning rate or the name of an optimizer; raises ValueError with words for the user."""
    rate = read_rate(text)
    if rate is not None:
        return rate
    name = text.strip().removesuffix(".step()")
    if name in optimizers:
        return name
    known = f" or one of {', '.join(optimizers)}" if optimizers else ""
    raise ValueError(f"type a learning rate such as 0.1{known}")


def read_seed(text: str) -> str:
    """Read the gradient to begin with: ``one-hot 0,2`` and the like; raises ValueError with words for the user."""
    seed = text.strip()
    if not seed:
        raise ValueError("type ones, random, one-hot INDEX or an expression")
    if seed == "one-hot":
        raise ValueError("type the index too: one-hot 0 or one-hot 1,2")
    return seed
