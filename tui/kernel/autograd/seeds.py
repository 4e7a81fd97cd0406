"""The gradient that a backward starts with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from tui.kernel.autograd.errors import AutogradError
from tui.kernel.autograd.roots import value_of

_ONE_HOT: Final = re.compile(r"one-hot\s+\(?\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*,?\s*\)?")
RANDOM_SEED: Final = 0
"""Of the generator of its own that ``random`` draws from: the same values every time, and no other stream moves."""


def seed_of(root: Tensor, name: str, gradient: str, namespace: Mapping[str, object]) -> Tensor:
    """Return the gradient with respect to the root: of its shape, dtype and device.

    Args:
        root: what backward starts from.
        name: what the user calls it.
        gradient: empty, ``ones``, ``random``, ``one-hot I[,J…]`` or an expression.
        namespace: what the expression is about.

    Raises:
        AutogradError: ``bad gradient``, or what is wrong with the expression.
    """
    text = gradient.strip()
    if not text:
        if root.numel() != 1 or root.is_complex():
            raise AutogradError(
                "bad gradient",
                f"{name} has shape {tuple(root.shape)} and dtype {_dtype(root)}, not one real number: choose the"
                " gradient to start from (ones, random, one-hot INDEX or an expression).",
            )
        return torch.ones_like(root, requires_grad=False)
    if text == "ones":
        return torch.ones_like(root, requires_grad=False)
    if text == "random":
        return _random(root)
    if text.startswith("one-hot"):
        return _one_hot(root, text)
    value = value_of(text, namespace)
    if value.shape != root.shape and value.numel() != 1:
        raise AutogradError(
            "bad gradient", f"The gradient has shape {tuple(value.shape)}, {name} has {tuple(root.shape)}."
        )
    if value.is_complex() and not root.is_complex():
        raise AutogradError("bad gradient", f"The gradient is complex, {name} is not.")
    return value.detach().to(root.device, root.dtype).expand(root.shape).clone()


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _random(root: Tensor) -> Tensor:
    generator = torch.Generator(root.device).manual_seed(RANDOM_SEED)
    shape = tuple(root.shape)
    return torch.randn(shape, generator=generator, device=root.device, dtype=torch.float32).to(root.dtype)


def _one_hot(root: Tensor, text: str) -> Tensor:
    found = _ONE_HOT.fullmatch(text)
    if found is None:
        raise AutogradError("bad gradient", "Write the index after it: one-hot 3, or one-hot 0, 2.")
    index = tuple(int(part) for part in found[1].split(","))
    shape = tuple(root.shape)
    if len(index) == 1 and len(shape) != 1 and root.numel():
        flat = index[0] + root.numel() if index[0] < 0 else index[0]
        if 0 <= flat < root.numel():  # one number counts along the flattened tensor
            return _with_one(root, flat)
    if len(index) != len(shape) or any(not -size <= at < size for at, size in zip(index, shape, strict=True)):
        raise AutogradError(
            "bad gradient", f"There is no element {list(index)} in a tensor of shape {shape}."
        )
    flat = 0
    for at, size in zip(index, shape, strict=True):
        flat = flat * size + at % size
    return _with_one(root, flat)


def _with_one(root: Tensor, flat: int) -> Tensor:
    seed = torch.zeros(root.numel(), dtype=root.dtype, device=root.device)
    seed[flat] = 1
    return seed.reshape(root.shape)
