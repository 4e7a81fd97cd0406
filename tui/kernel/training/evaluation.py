"""Loss and metrics over a whole loader, leaving no trace on the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from tui.kernel.training.batches import batch_size, is_pair, mover
from tui.kernel.training.keep.randomness import generators_of, preserved_randomness
from tui.kernel.training.parts.experiment import Experiment, Loader


class Means:
    """Weighted means of scalars that may still be on a device; read all at once at the end."""

    def __init__(self) -> None:
        self._values: dict[str, list[tuple[torch.Tensor | float, int]]] = {}

    def add(self, name: str, value: object, weight: int) -> None:
        """Add a number or a tensor with one element.

        Raises:
            TypeError: it is neither.
        """
        if isinstance(value, torch.Tensor):
            if value.numel() != 1:
                raise TypeError(f"{name} must be one number, got a tensor of shape {tuple(value.shape)}")
            value = value.detach().reshape(())
            value = value.item() if value.device.type == "cpu" else value.float()
        else:
            try:
                value = float(value)  # type: ignore[arg-type]
            except (TypeError, ValueError):
                raise TypeError(f"{name} must be one number, got {type(value).__name__}") from None
        self._values.setdefault(name, []).append((value, weight))

    def take(self) -> dict[str, float]:
        """Return the means and forget the values. This is a sync point where values are on a device."""
        means = {name: _mean(values) for name, values in self._values.items()}
        self._values = {}
        return means


def _mean(values: list[tuple[torch.Tensor | float, int]]) -> float:
    tensors = [value for value, _ in values if isinstance(value, torch.Tensor)]
    read = iter(torch.stack(tensors).tolist() if tensors else ())
    numbers = [next(read) if isinstance(value, torch.Tensor) else value for value, _ in values]
    total = sum(weight for _, weight in values)
    return sum(number * weight for number, (_, weight) in zip(numbers, values, strict=True)) / total


def add_metrics(means: Means, experiment: Experiment, output: Any, batch: Any, weight: int) -> None:
    """Add the preset's metrics of a batch.

    Raises:
        TypeError: they are no dict of numbers, or there is no output to take them of.
    """
    if experiment.metrics is None:
        return
    if output is None:
        raise TypeError("metrics(output, target) has no output to work on: step() never calls the model")
    with experiment.autocast():  # so that halves and floats can be mixed as in the loss
        metrics = experiment.metrics(output, batch[1] if is_pair(batch) else None)
    if not isinstance(metrics, Mapping):
        raise TypeError(
            f"metrics(output, target) must return a dict of name to value, got {type(metrics).__name__}"
        )
    for name, value in metrics.items():
        means.add(str(name), value, weight)


def evaluate(
    experiment: Experiment,
    loader: Loader,
    device: torch.device,
    between: Callable[[], None],
    watch: Callable[[Any, Any], None] | None = None,
) -> dict[str, float] | None:
    """Return the means of loss and metrics over a loader, weighted by batch size; None without a batch.

    The model is in eval mode meanwhile and nothing is tracked; afterwards every module's mode and every
    random stream is as it was.

    Args:
        between: called before each batch; may raise to end the evaluation.
        watch: called after each batch with it and the model's output; must not change anything.
    """
    move, means, model = mover(device), Means(), experiment.model
    listener = OutputListener(model) if experiment.step is not None else None
    try:
        with leaving_no_trace(model, device, [loader]):
            for raw in loader:
                between()
                batch = move(raw)
                # Not around the loader: a dataset may keep the tensors it makes, and train on them later.
                # Not inference_mode: what a model caches meanwhile has to serve the training as well.
                with torch.no_grad():
                    output = _evaluate_batch(experiment, batch, means, listener)
                    if watch is not None:
                        watch(batch, output)
    finally:
        if listener is not None:
            listener.remove()
    return means.take() or None


@contextmanager
def leaving_no_trace(model: nn.Module, device: torch.device, loaders: Sequence[Loader]) -> Iterator[None]:
    """Put the model in eval mode; afterwards every module's mode and every random stream is as it was."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        with preserved_randomness(device, generators_of(loaders)):
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def preview(experiment: Experiment, device: torch.device) -> object:
    """Return what the preset's `preview` makes of the model now.

    Leaves no trace on the training. Raises whatever the preset's function raises.
    """
    assert experiment.preview is not None
    with leaving_no_trace(experiment.model, device, ()), torch.no_grad():
        return experiment.preview(experiment.model)


class OutputListener:
    """Keeps the model's last output, where a preset's own `step` calls the model."""

    def __init__(self, model: nn.Module) -> None:
        self.output: Any = None
        self._hook = model.register_forward_hook(self._keep)

    def _keep(self, _model: object, _inputs: object, output: Any) -> None:
        self.output = output

    def remove(self) -> None:
        """Stop listening."""
        self._hook.remove()


def _evaluate_batch(experiment: Experiment, batch: Any, means: Means, listener: OutputListener | None) -> Any:
    """Add loss and metrics of a batch; return the model's output."""
    with experiment.autocast():
        if listener is not None and experiment.step is not None:
            listener.output = None
            loss = experiment.step(experiment.model, batch, experiment.loss)
            output = listener.output
        else:
            output = experiment.model(batch[0])
            loss = experiment.loss(output, batch[1])
    weight = batch_size(batch)
    means.add("loss", loss, weight)
    add_metrics(means, experiment, output, batch, weight)
    return output
