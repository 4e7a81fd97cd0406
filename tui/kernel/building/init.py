"""The initialization of a layer's weights, by a function of `torch.nn.init`: checked, and written as code."""

from __future__ import annotations

import ast
import inspect
from typing import Final

from torch import Tensor, nn

from tui.kernel.building.catalogue import inits
from tui.kernel.building.resolve import nearest
from tui.kernel.building.words import Unfit

_DIMS: Final = {"xavier": (2, 99), "kaiming": (2, 99), "orthogonal": (2, 99), "eye": (2, 2), "dirac": (3, 5)}
"""Dimensions of a weight that a function is for, by what its name begins with."""


def parse(text: str) -> tuple[str, str]:
    """Return the function's name and its options as text: ``normal_(std=0.02)`` gives ``("normal_", "std=0.02")``.

    Raises:
        Unfit: there is no such function, or it takes no such options.
    """
    name, bracket, rest = text.strip().removeprefix("nn.init.").partition("(")
    if name not in inits():
        raise Unfit(
            f"There is no initialization {name}.{nearest(name, inits())} There are {', '.join(inits())}."
        )
    if not bracket:
        return name, ""
    try:
        call = ast.parse(f"f({rest}", mode="eval").body
        assert isinstance(call, ast.Call)
        options = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        if call.args:
            raise ValueError
        inspect.signature(getattr(nn.init, name)).bind(None, **options)
    except (SyntaxError, ValueError, TypeError, AssertionError):
        raise Unfit(f"{text}: write options by name, as in normal_(std=0.02).") from None
    return name, ", ".join(ast.unparse(keyword) for keyword in call.keywords)


def weights_in(module: nn.Module) -> dict[str, Tensor]:
    """Return the parameters that an initialization is for, by path: matrices, and kernels of convolutions.

    Of a layer that has only vectors, its ``weight``.
    """
    held: dict[str, Tensor] = dict(module.named_parameters())
    found = {
        path: parameter
        for path, parameter in held.items()
        if "weight" in path.rpartition(".")[2] and Tensor.dim(parameter) > 1
    }
    return found or {path: parameter for path, parameter in held.items() if path == "weight"}


def check(module: nn.Module, text: str, *, is_own: bool) -> tuple[str, ...]:
    """Return the paths of the parameters that are initialized so.

    Args:
        module: that has been built.
        text: of the block itself, or of one around it.
        is_own: whether it is of the block itself; else what it does not suit is left as it is.

    Raises:
        Unfit: there is no such function, or it does not suit the weights of the module.
    """
    if not text.strip():
        return ()
    name, _options = parse(text)
    least, most = next((dims for start, dims in _DIMS.items() if name.startswith(start)), (0, 99))
    found = weights_in(module)
    suited = tuple(path for path, weight in found.items() if least <= Tensor.dim(weight) <= most)
    if not is_own:
        return tuple(path for path in suited if Tensor.dim(found[path]) > 1)
    if not found:
        raise Unfit(f"{type(module).__name__} has no weights to initialize.")
    for path in found.keys() - set(suited):
        shape, wants = tuple(found[path].shape), least if least == most else f"{least} or more"
        raise Unfit(f"{name} is for weights of {wants} dimensions; {path} has the shape {shape}.")
    return suited
