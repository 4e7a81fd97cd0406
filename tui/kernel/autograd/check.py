"""A function's gradient against finite differences."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from tui.kernel.autograd.errors import AutogradError
from tui.kernel.autograd.roots import value_of
from tui.kernel.name_lookup import Bound, Instance, Unknown, look_up
from tui.kernel.safe_objects import is_a
from tui.protocol.gradients import GradientCheck

_STEP: Final = 1e-6
_ABSOLUTE: Final = 1e-5
_RELATIVE: Final = 1e-3
_SEED: Final = 0


def check_gradient(
    namespace: Mapping[str, object],
    function: str,
    inputs: Sequence[str],
    entries: int = 200,
    *,
    ended: Callable[[], bool] = lambda: False,
) -> GradientCheck:
    """Return how autograd's gradient of a function compares with central differences, in float64 copies.

    Runs the user's function, on copies of its inputs (and of a module, in float64), each time from the same state of
    the random streams, which are put back. An output of several numbers is summed with fixed random weights.

    Args:
        namespace: the user's.
        function: an expression for a callable.
        inputs: expressions for its tensors; floating point ones are checked, others passed as they are.
        entries: entries that are checked at most, drawn evenly over all inputs.
        ended: asked before each entry: whether the user has cancelled.

    Raises:
        AutogradError: ``bad expression`` or ``bad request``, with what the function raised; ``cancelled``.
    """
    called = _callable(function, namespace)
    copies = [_copied(value_of(text, namespace)) for text in inputs]
    checked = [one for one in copies if one.requires_grad]
    if not checked:
        raise AutogradError(
            "bad request", "None of the inputs is a floating point tensor: there is no gradient to check."
        )
    scalar = _Scalar(called, copies, function, ended)
    with torch.random.fork_rng(), torch.enable_grad():
        if scalar() != scalar():
            return GradientCheck(
                False,
                f"{function} gives another result each time; is there randomness that is not seeded?",
                0,
            )
        gradients = torch.autograd.grad(scalar.tensor(), checked, allow_unused=True)
        names = [name for name, one in zip(inputs, copies, strict=True) if one.requires_grad]
        return _compared(scalar, checked, gradients, names, entries)


class _Scalar:
    """The function as one number, a function of what the copies hold now."""

    def __init__(
        self, called: Callable[..., Any], copies: list[Tensor], name: str, ended: Callable[[], bool]
    ) -> None:
        self._called, self._copies, self._name, self._ended = called, copies, name, ended
        self._weights: Tensor | None = None

    def tensor(self) -> Tensor:
        """Return the number with its graph."""
        if self._ended():
            raise AutogradError("cancelled", "The check was cancelled.")
        torch.manual_seed(_SEED)
        try:
            output = self._called(*self._copies)
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0]
            raise AutogradError(
                "bad request", f"{self._name} failed: {type(error).__name__}: {first}"
            ) from error
        while isinstance(output, tuple | list) and output:
            output = output[0]
        if not is_a(output, Tensor) or not output.requires_grad:
            raise AutogradError("bad request", f"{self._name} returns nothing that depends on these inputs.")
        values = torch.view_as_real(output) if output.is_complex() else output
        if self._weights is None:
            generator = torch.Generator().manual_seed(_SEED)
            self._weights = torch.randn(values.shape, generator=generator, dtype=torch.float64).to(
                values.device
            )
        return (values * self._weights).sum() if values.numel() > 1 else values.sum()

    def __call__(self) -> float:
        """Return the number."""
        return float(self.tensor().detach())


def _callable(expression: str, namespace: Mapping[str, object]) -> Callable[..., Any]:
    try:
        found = look_up(expression, namespace)
    except Unknown:
        raise AutogradError(
            "bad expression", f"{expression} is not known here; name a function or a module."
        ) from None
    if isinstance(found, Bound):
        found = _method(expression, namespace)
    if isinstance(found, Instance | Bound) or not callable(found):
        raise AutogradError("bad expression", f"{expression} is no function; name a function or a module.")
    if is_a(found, nn.Module):
        return copy.deepcopy(found).double()
    return found


def _method(expression: str, namespace: Mapping[str, object]) -> object:
    """Return the method of an object or class by its path, as ``Square.apply``; None where it is none.

    Asks the object for it: it is about to be called.
    """
    owner, _, name = expression.strip().rpartition(".")
    try:
        holder = look_up(owner, namespace) if owner else None
        return None if isinstance(holder, Instance | Bound) else getattr(holder, name, None)
    except Exception:  # noqa: BLE001 - whatever a property of the user's raises
        return None


def _copied(tensor: Tensor) -> Tensor:
    if not (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
        return tensor
    wide = torch.complex128 if tensor.dtype.is_complex else torch.float64
    return tensor.detach().to(wide).clone().contiguous().requires_grad_()


def _compared(
    scalar: _Scalar, checked: list[Tensor], gradients: Sequence[Tensor | None], names: list[str], entries: int
) -> GradientCheck:
    """Return the comparison entry by entry. A complex input is checked in its real and its imaginary parts."""
    parts = []
    for tensor, gradient, name in zip(checked, gradients, names, strict=True):
        given = torch.zeros_like(tensor) if gradient is None else gradient
        for label, view, of in _parts(tensor, given.resolve_conj()):
            parts.append((name + label, tensor, view, of))
    total = sum(view.numel() for _, _, view, _ in parts)
    every = max(1, -(-total // max(1, entries)))
    place, count, worst, worst_at, bad = 0, 0, 0.0, "", 0
    for name, tensor, view, given in parts:
        values, wanted = view.reshape(-1), given.reshape(-1)
        for flat in range(-place % every, values.numel(), every):
            slope = _slope(scalar, values, flat)
            stated = float(wanted[flat])
            difference = abs(stated - slope)
            bad += not difference <= _ABSOLUTE + _RELATIVE * max(abs(stated), abs(slope))
            count += 1
            if not difference <= worst or not worst_at:
                worst = difference
                index = ", ".join(str(int(i)) for i in torch.unravel_index(torch.tensor(flat), tensor.shape))
                worst_at = f"{name}[{index}]: autograd {stated:.6g}, differences {slope:.6g}"
        place += values.numel()
    which = f"all {count:,} entries" if count == total else f"{count:,} of {total:,} entries"
    if bad:
        return GradientCheck(
            False, f"The gradient is wrong in {bad:,} of {count:,} entries checked.", count, worst, worst_at
        )
    return GradientCheck(
        True, f"The gradient agrees with finite differences in {which}.", count, worst, worst_at
    )


def _parts(tensor: Tensor, gradient: Tensor) -> list[tuple[str, Tensor, Tensor]]:
    data = tensor.detach()
    if not tensor.is_complex():
        return [("", data, gradient)]
    views, wanted = torch.view_as_real(data), torch.view_as_real(gradient)
    return [(label, views[..., i], wanted[..., i]) for i, label in enumerate((".real", ".imag"))]


def _slope(scalar: _Scalar, values: Tensor, flat: int) -> float:
    """Return the central difference along one entry, which is put back."""
    before = float(values[flat])
    step = _STEP * max(1.0, abs(before))
    try:
        values[flat] = before + step
        above = scalar()
        values[flat] = before - step
        return (above - scalar()) / (2 * step)
    finally:
        values[flat] = before
