"""Listens to the loss functions that a batch goes through, and says what is wrong with what they are given.

NOTE [Losses as they are called]
Whether a loss is ``nn.CrossEntropyLoss``, a function of the preset's own or a part of its ``step``, it ends in a
function of `torch.nn.functional`. A `TorchFunctionMode` of this thread sees those calls with their arguments. What
would fail is told before it does: on CUDA a class id out of range ends CUDA for the whole process.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tui.kernel.training.batches import tensors_in

_DIFFERENCES = frozenset({"sub", "subtract", "rsub", "__sub__", "__rsub__"})


class DryMistake(ValueError):
    """Something that cannot be trained on; the message is for the user."""


class LossWatch(TorchFunctionMode):
    """Checks the calls of loss functions and embeddings inside its block."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []
        self.class_ids: tuple[int, int] | None = None
        """Smallest and largest id of a cross-entropy's targets."""
        self._blind: list[tuple[float, Tensor]] = []
        self._of_batch: set[int] = set()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Check, then call."""
        check = _CHECKS.get(func)
        blind: float | None = None
        try:
            if check is not None:
                given = inspect.signature(func).bind(*args, **(kwargs or {}))
                given.apply_defaults()
                blind = check(self, given.arguments)
            elif getattr(func, "__name__", "") in _DIFFERENCES:
                self._look_at_difference(args)
        except DryMistake:
            raise
        except Exception:  # noqa: BLE001 - what we cannot judge is torch's to judge
            blind = None
        result = func(*args, **(kwargs or {}))
        if blind is not None and isinstance(result, Tensor) and result.numel() == 1:
            self._blind.append((blind, result))
        return result

    def watch_for(self, batch: object) -> None:
        """Note the tensors of a batch: a difference between one of them and an output is one of a loss."""
        self._of_batch = {id(tensor) for tensor in tensors_in(batch)}

    def _look_at_difference(self, args: tuple[Any, ...]) -> None:
        one, other = args[0], args[1]
        if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
            return
        output, target = (one, other) if one.requires_grad else (other, one)
        shapes = {tuple(one.shape), tuple(other.shape)}
        count = max(one.numel(), other.numel())
        if (
            id(target) in self._of_batch
            and output.requires_grad
            and shapes == {(count,), (count, 1)}
            and count > 1
        ):
            self.warn(_broadcasts(output, target))

    def warn(self, words: str) -> None:
        """Note a warning once."""
        if words not in self.warnings:
            self.warnings.append(words)

    def expected_loss(self, loss: Tensor) -> float | None:
        """Return what a blind guess would have, where the loss is that of one call alone; None where it is not."""
        if len(self._blind) != 1:
            return None
        [(blind, result)] = self._blind
        return blind if math.isclose(float(result.detach()), float(loss.detach()), rel_tol=1e-6) else None


Given = dict[str, Any]


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _are_tensors(given: Given) -> bool:
    return isinstance(given["input"], Tensor) and isinstance(given["target"], Tensor)


def _cross_entropy(watch: LossWatch, given: Given) -> float | None:
    if not _are_tensors(given):
        return None
    scores, target = given["input"], given["target"]
    if scores.dim() == 0:
        return None
    classes = scores.size(1 if scores.dim() > 1 else 0)
    _check_ids(watch, scores, target, classes, given["ignore_index"], "cross-entropy")
    _warn_of_probabilities(watch, scores)
    if classes == 1:
        watch.warn(
            "cross-entropy over one output is always 0, so nothing is learned: give one output per class, or use"
            " BCEWithLogitsLoss"
        )
    plain = given["weight"] is None and given["reduction"] == "mean" and not target.is_floating_point()
    return math.log(classes) if plain and classes > 1 else None


def _check_ids(
    watch: LossWatch, scores: Tensor, target: Tensor, classes: int, ignored: int, name: str
) -> None:
    """Raise where the targets are no class ids of these scores."""
    shape = (scores.size(0), *scores.shape[2:]) if scores.dim() > 1 else ()
    wants = f"{name} wants int64 class ids {shape} for an output {tuple(scores.shape)}"
    if target.is_floating_point() and target.shape == scores.shape and name == "cross-entropy":
        return  # probabilities of classes
    one_too_many = target.dim() == len(shape) + 1 and target.dim() > 1 and target.size(1) == 1
    if target.is_floating_point():
        cure = "target.squeeze(1).long()" if one_too_many else "target.long()"
        same = "" if one_too_many or target.shape == torch.Size(shape) else ", one id per sample"
        raise DryMistake(f"{wants}, got {_described(target)}: use {cure}{same}")
    if one_too_many and tuple(target.shape) != shape:
        raise DryMistake(f"{wants}, got {_described(target)}: use target.squeeze(1)")
    if tuple(target.shape) == tuple(scores.shape) and classes > 1 and scores.dim() > 1:
        raise DryMistake(f"{wants}, got {_described(target)}, one-hot as it seems: use target.argmax(1)")
    if tuple(target.shape) != shape:
        raise DryMistake(f"{wants}, got {_described(target)}")
    if target.dtype not in (torch.int64, torch.uint8):
        raise DryMistake(f"{wants}, got {_described(target)}: use target.long()")
    known = target[target != ignored]
    if not known.numel():
        return
    low, high = (int(value) for value in torch.aminmax(known))
    watch.class_ids = (low, high)
    if low < 0:
        raise DryMistake(f"the target has the class id {low}; ids go from 0 to {classes - 1}")
    if high >= classes:
        missing = "the ids begin at 1, so subtract 1, or" if low == 1 and high == classes else ""
        raise DryMistake(
            f"the target has the class id {high}, and the model gives {classes} outputs, for ids 0 to {classes - 1}:"
            f" {missing + ' ' if missing else ''}the last layer needs {high + 1} outputs or more"
        )


def _warn_of_probabilities(watch: LossWatch, scores: Tensor) -> None:
    kind = type(scores.grad_fn).__name__
    sums = scores.detach().float()
    is_distribution = (
        scores.dim() > 1
        and scores.size(1) > 1
        and bool((sums >= 0).all())
        and bool(torch.allclose(sums.sum(1), torch.ones((), device=sums.device), atol=1e-3))
    )
    if kind.startswith("SoftmaxBackward") or is_distribution:
        watch.warn(
            "the model ends in a softmax, and cross-entropy takes scores and does its own: it learns slowly, and the"
            " loss cannot fall to 0; leave the softmax out"
        )
    elif kind.startswith("SigmoidBackward"):
        watch.warn("the model ends in a sigmoid, and cross-entropy takes scores before any such function")


def _nll(watch: LossWatch, given: Given) -> float | None:
    if not _are_tensors(given) or given["input"].dim() == 0:
        return None
    scores, target = given["input"], given["target"]
    classes = scores.size(1 if scores.dim() > 1 else 0)
    _check_ids(watch, scores, target, classes, given["ignore_index"], "NLLLoss")
    sums = scores.detach().float().exp().sum(1 if scores.dim() > 1 else 0)
    if not torch.allclose(sums, torch.ones((), device=sums.device), atol=1e-2):
        watch.warn(
            "NLLLoss takes log-probabilities, and the output is none: end the model in nn.LogSoftmax(1), or use"
            " CrossEntropyLoss"
        )
    plain = given["weight"] is None and given["reduction"] == "mean" and classes > 1
    return math.log(classes) if plain else None


def _regression(watch: LossWatch, given: Given) -> float | None:
    if not _are_tensors(given) or given["input"].shape == given["target"].shape:
        return None
    output, target = given["input"], given["target"]
    try:
        torch.broadcast_shapes(output.shape, target.shape)
    except RuntimeError:
        raise DryMistake(
            f"the loss compares an output {tuple(output.shape)} with a target {tuple(target.shape)}: they must have one"
            " shape"
        ) from None
    watch.warn(_broadcasts(output, target))
    return None


def _broadcasts(output: Tensor, target: Tensor) -> str:
    return (
        f"the loss compares output {tuple(output.shape)} with target {tuple(target.shape)} by broadcasting, which fits"
        " the wrong thing: give both one shape, e.g. target.unsqueeze(1) or output.squeeze(1)"
    )


def _binary(watch: LossWatch, given: Given, *, logits: bool) -> float | None:
    if not _are_tensors(given):
        return None
    output, target = given["input"], given["target"]
    name = "BCEWithLogitsLoss" if logits else "BCELoss"
    if output.shape != target.shape:
        cure = (
            ": use target.unsqueeze(1)" if output.dim() == target.dim() + 1 and output.size(-1) == 1 else ""
        )
        cure = cure or (": use target.squeeze(1)" if target.dim() == output.dim() + 1 else "")
        raise DryMistake(
            f"{name} wants output and target of one shape, got {tuple(output.shape)} and {tuple(target.shape)}{cure}"
        )
    if not target.is_floating_point():
        raise DryMistake(
            f"{name} wants targets from 0 to 1 as {str(output.dtype).removeprefix('torch.')}, got"
            f" {_described(target)}: use target.float()"
        )
    if target.numel():
        low, high = (float(value) for value in torch.aminmax(target.detach()))
        if low < 0 or high > 1:
            raise DryMistake(f"{name} wants targets from 0 to 1, and they go from {low:g} to {high:g}")
    if logits and type(output.grad_fn).__name__.startswith("SigmoidBackward"):
        watch.warn(
            "the model ends in a sigmoid, and BCEWithLogitsLoss does its own: leave it out, or use BCELoss"
        )
    if not logits and output.numel():
        low, high = (float(value) for value in torch.aminmax(output.detach()))
        if low < 0 or high > 1:
            raise DryMistake(
                f"BCELoss wants probabilities, and the output goes from {low:.3g} to {high:.3g}: end the model in a"
                " sigmoid, or use BCEWithLogitsLoss"
            )
    plain = given["weight"] is None and given["reduction"] == "mean" and given.get("pos_weight") is None
    return math.log(2) if plain else None


def _embedding(watch: LossWatch, given: Given) -> float | None:
    ids, weight = given["input"], given["weight"]
    if not isinstance(ids, Tensor) or not isinstance(weight, Tensor):
        return None
    if ids.dtype not in (torch.int64, torch.int32):
        raise DryMistake(
            f"an embedding is indexed by int64, got {_described(ids)}: make the ids a LongTensor, with .long()"
        )
    if ids.numel():
        low, high = (int(value) for value in torch.aminmax(ids))
        if low < 0 or high >= weight.size(0):
            bad = low if low < 0 else high
            raise DryMistake(
                f"the embedding has {weight.size(0)} rows, for ids 0 to {weight.size(0) - 1}, and the input has the id"
                f" {bad}"
            )
    return None


def _bce(watch: LossWatch, given: Given) -> float | None:
    return _binary(watch, given, logits=False)


def _bce_logits(watch: LossWatch, given: Given) -> float | None:
    return _binary(watch, given, logits=True)


_CHECKS: dict[Any, Callable[[LossWatch, Given], float | None]] = {
    F.cross_entropy: _cross_entropy,
    F.nll_loss: _nll,
    F.mse_loss: _regression,
    F.l1_loss: _regression,
    F.smooth_l1_loss: _regression,
    F.huber_loss: _regression,
    F.binary_cross_entropy: _bce,
    F.binary_cross_entropy_with_logits: _bce_logits,
    F.embedding: _embedding,
}
"""What is checked before each function; returns the loss of a blind guess, None where that is not known."""
