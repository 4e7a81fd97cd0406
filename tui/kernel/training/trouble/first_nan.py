"""Where the first NaN or infinity of a run came from, apart from what only passed it on.

Costs nothing before a run has failed. Then the batch at hand is looked at, the parameters, and one more pass of that
batch, layer by layer. Afterwards parameters, gradients, buffers and random streams are as they were.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from tui.kernel.torch_private import FREEING_GRADIENTS, grad_of
from tui.kernel.training.batches import is_pair, tensors_in
from tui.kernel.training.keep.randomness import preserved_randomness
from tui.kernel.training.parts.experiment import Experiment
from tui.kernel.training.trouble.first_nan_pass import (
    ForwardTrace,
    backward_words,
    largest,
    layer_name,
    what_is_bad,
)
from tui.kernel.training.trouble.rate_too_large import rate_of, too_large_words
from tui.kernel.training.untouched import restored_buffers


@dataclass(frozen=True)
class Failure:
    """A run whose loss, or parameters, are no longer finite."""

    experiment: Experiment
    device: torch.device
    batch: Any
    """The one in work."""
    step: int
    """Whose loss was the first that was not finite."""
    steps_done: int
    """Less than `step` where that loss was seen before its gradients changed anything."""


def bad_loss_words(failure: Failure) -> str:
    """Return in a sentence where the first NaN or infinity of a loss came from; empty where it cannot be told."""
    try:
        return _batch_words(failure.batch) or _parameter_words(failure) or _pass_words(failure)
    except Exception:  # noqa: BLE001 - a search after the failure must not hide the failure
        return ""


def bad_rate_words(failure: Failure) -> str:
    """Return that the learning rate is too large, where that is what the failure comes of; else an empty text."""
    try:
        if _batch_words(failure.batch):
            return ""
        return too_large_words(failure.experiment, failure.steps_done)
    except Exception:  # noqa: BLE001 - a search after the failure must not hide the failure
        return ""


def bad_update_words(experiment: Experiment) -> str:
    """Return what made parameters NaN or infinite in a step whose loss was finite; empty where it cannot be told.

    Must be called after that step's update, before gradients are freed.
    """
    try:
        named = [(name, grad_of(p)) for name, p in experiment.model.named_parameters()]
        bad = [(name, what_is_bad(gradient)) for name, gradient in named]
        bad = [(name, words) for name, words in bad if words]
        if not bad:
            return f"the gradients of that step were finite, so its update itself made it so (lr {_rate(experiment)})"
        name, words = bad[-1]  # the last of the forward pass is the first of the backward pass
        owner, _, own = name.rpartition(".")
        others = f", and so were {len(bad) - 1} more after it" if len(bad) > 1 else ""
        place = layer_name(experiment.model, owner)
        return f"the loss was finite, and the gradient of {place}.{own} was {words} in that step{others}"
    except Exception:  # noqa: BLE001 - a search after the failure must not hide the failure
        return ""


def _batch_words(batch: Any) -> str:
    parts = zip(("input", "target"), batch, strict=True) if is_pair(batch) else (("values", batch),)
    for name, part in parts:
        bad = what_is_bad(part)
        if bad:
            tensors = list(tensors_in(part))
            count = sum(int((~t.isfinite()).sum()) for t in tensors if t.is_floating_point())
            return f"the batch itself holds {bad}, {count} of {sum(t.numel() for t in tensors)} in its {name}"
    return ""


# -- parameters ----------------------------------------------------------------------------------------


def _parameter_words(failure: Failure) -> str:
    experiment, done = failure.experiment, failure.steps_done
    model = experiment.model
    state = {name: what_is_bad(p) for name, p in model.named_parameters()}
    bad = {name: words for name, words in state.items() if words}
    if not bad:
        return ""
    owners = list(dict.fromkeys(name.rpartition(".")[0] for name in bad))
    some = ", ".join(layer_name(model, owner) for owner in owners[:3])
    some += f" and {len(owners) - 3} more" if len(owners) > 3 else ""
    kinds = " and ".join(sorted({word for words in bad.values() for word in words.split(" and ")}))
    if done >= failure.step:
        return (
            f"by step {done} the parameters of {some} are {kinds} as well, and which came first cannot be told any"
            " more: a GPU hands over its losses some steps late"
        )
    if done == 0:
        return f"the parameters of {some} were {kinds} before the first step"
    head = f"the update of step {done} made parameters {kinds}"
    way = _way_back(experiment, state)
    return f"{head}{f': {way}' if way else ''} (lr {_rate(experiment)}; {kinds} in {some})"


def _rate(experiment: Experiment) -> str:
    rate = rate_of(experiment)
    return f"{rate:.4g}" if rate is not None else "not known"


def _way_back(experiment: Experiment, state: dict[str, str]) -> str:
    """Return where the gradient went bad, if the layers nearer to the loss were spared; else what its trace tells."""
    model = experiment.model
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    owners: dict[str, bool] = {}
    for name in trained:
        owner = name.rpartition(".")[0]
        owners[owner] = owners.get(owner, False) or bool(state[name])
    order = list(owners.items())
    spared = [is_bad for _, is_bad in order].index(False) if not all(owners.values()) else 0
    if spared > 0 and not any(is_bad for _, is_bad in order[spared:]):
        start, end = order[spared][0], order[spared - 1][0]
        return (
            f"the gradient went bad on its way back from {layer_name(model, start)}, which is finite, to"
            f" {layer_name(model, end)}{_between(model, end, start)}"
        )
    states = experiment.optimizer.state.values()
    if any(what_is_bad(list(held.values())) for held in states if isinstance(held, dict)):
        return "the gradient was NaN or Inf, as the optimizer's averages show"
    return ""


def _between(model: nn.Module, first: str, last: str) -> str:
    """Return which layers without parameters the model holds between two others; empty where there are none."""
    paths = [path for path, module in model.named_modules() if next(module.children(), None) is None]
    if first not in paths or last not in paths:
        return ""
    found = [layer_name(model, path) for path in paths[paths.index(first) + 1 : paths.index(last)]]
    return f", past {', '.join(found)}" if 0 < len(found) <= 3 else ""


# -- one more pass -------------------------------------------------------------------------------------


class _SeenEnough(Exception):
    """Raised instead of an optimizer's step that a preset's own `step` would take."""


def _pass_words(failure: Failure) -> str:
    experiment, device = failure.experiment, failure.device
    model = experiment.model
    if not is_pair(failure.batch) and experiment.step is None:
        return ""
    trace = ForwardTrace(model)
    loss: Any = None
    with preserved_randomness(device), restored_buffers(model), _kept_gradients(model), _no_updates():
        with torch.enable_grad(), trace.watching():
            output, loss = _run(experiment, failure.batch)
        if trace.words:
            return trace.words
        bad = what_is_bad(loss)
        if bad:
            return _loss_words(failure, output, bad)
        if experiment.step is None and isinstance(loss, torch.Tensor):
            words = backward_words(loss, trace, list(model.named_parameters()))
            if words:
                return f"run again, the batch gives a finite loss, but {words}"
    if not isinstance(loss, torch.Tensor) or failure.steps_done >= failure.step:
        return ""
    return (
        f"run again, the same batch gives a finite loss ({loss.item():.4g}): it comes of chance, as dropout and"
        " sampling have it, or of a loss that counts its calls"
    )


def _run(experiment: Experiment, batch: Any) -> tuple[Any, Any]:
    """Return output and loss of a batch, uncompiled; None each where a preset's own `step` got to its update."""
    with experiment.autocast():
        if experiment.step is None:
            output = experiment.model(batch[0])
            return output, experiment.loss(output, batch[1])
        try:
            return None, experiment.step(experiment.model, batch, experiment.loss)
        except _SeenEnough:
            return None, None


def _loss_words(failure: Failure, output: Any, bad: str) -> str:
    if failure.experiment.step is not None:
        return f"every layer's output is finite: step() makes the first {bad}"
    target = failure.batch[1]
    ignored = getattr(failure.experiment.loss, "ignore_index", None)
    if (
        isinstance(target, torch.Tensor)
        and isinstance(ignored, int)
        and target.numel()
        and bool(target.eq(ignored).all())
    ):
        return f"every target of the batch is {ignored}, which the loss ignores: it is the mean of nothing"
    return f"the model's output is finite (up to {largest(output):.3g}), and the loss makes the first {bad} of it"


@contextmanager
def _kept_gradients(model: nn.Module) -> Iterator[None]:
    """Set every gradient aside meanwhile."""
    kept = [(parameter, parameter.grad) for parameter in model.parameters()]
    for parameter, _ in kept:
        parameter.grad = None
    try:
        yield
    finally:
        with FREEING_GRADIENTS:
            for parameter, gradient in kept:
                parameter.grad = gradient


@contextmanager
def _no_updates() -> Iterator[None]:
    """Let no optimizer take a step in this thread meanwhile."""
    thread = threading.get_ident()

    def refuse(*_: object) -> None:
        if threading.get_ident() == thread:
            raise _SeenEnough

    handle = register_optimizer_step_pre_hook(refuse)
    try:
        yield
    finally:
        handle.remove()
