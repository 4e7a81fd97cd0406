"""What the next step of an optimizer would do, told without making it.

Of torch's own `SGD`, `Adam` and `AdamW`, whose rules we know; of every other, and of options that we do not follow
(`amsgrad`, a learning rate on a device), nothing is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import Optimizer

from tui.kernel.autograd.naming import HIDDEN
from tui.kernel.safe_objects import copy_of, instance_attributes, is_a, user_variables


@dataclass(frozen=True)
class Planned:
    """A parameter and what an optimizer would do to it."""

    kind: type
    """The optimizer's class."""
    group: Mapping[str, object]
    state: Mapping[str, object]

    def number(self, name: str, otherwise: float = 0.0) -> float | None:
        """Return an option as a number; None where it is none that can be read without waiting."""
        value = self.group.get(name, otherwise)
        if isinstance(value, int | float):
            return float(value)
        if type(value) is Tensor and value.device.type == "cpu" and value.numel() == 1:
            return float(value)
        return None

    def moment(self, name: str, like: Tensor) -> Tensor:
        """Return what the optimizer remembers of earlier steps; zeros before the first."""
        value = self.state.get(name)
        return value if isinstance(value, Tensor) and value.shape == like.shape else torch.zeros_like(like)


def optimizers_of(namespace: Mapping[str, object]) -> dict[str, Optimizer]:
    """Return the optimizers among the variables, each once."""
    found: dict[int, tuple[str, Optimizer]] = {}
    for name, value in user_variables(namespace, HIDDEN):
        if is_a(value, Optimizer):
            found.setdefault(id(value), (name, value))
    return dict(found.values())


def groups_of(optimizer: Optimizer) -> list[dict[str, object]]:
    """Return the parameter groups, past whatever a subclass made of the attribute."""
    groups = instance_attributes(optimizer).get("param_groups")
    return [copy_of(group) for group in groups if type(group) is dict] if type(groups) is list else []


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """Return the tensors that an optimizer changes."""
    found = []
    for group in groups_of(optimizer):
        tensors = group.get("params")
        found += [one for one in tensors if is_a(one, Tensor)] if type(tensors) is list else []
    return found


def plans_of(optimizers: Mapping[str, Optimizer]) -> dict[int, Planned]:
    """Return for the `id` of each parameter what its optimizer would do; of the first that has it."""
    plans: dict[int, Planned] = {}
    for optimizer in optimizers.values():
        state = instance_attributes(optimizer).get("state")
        states = copy_of(state) if isinstance(state, dict) else {}
        by_id = {id(key): value for key, value in states.items() if isinstance(value, dict)}
        for group in groups_of(optimizer):
            tensors = group.get("params")
            for one in tensors if type(tensors) is list else ():
                plans.setdefault(id(one), Planned(type(optimizer), group, by_id.get(id(one), {})))
    return plans


def next_update(parameter: Tensor, gradient: Tensor, plan: Planned) -> Tensor | None:
    """Return what the next step would subtract from a parameter; None where we cannot tell.

    Allocates a few tensors of its size; changes nothing.
    """
    lr, decay = plan.number("lr"), plan.number("weight_decay")
    if lr is None or decay is None or gradient.layout is not torch.strided:
        return None
    with torch.no_grad():
        towards = -gradient if plan.group.get("maximize") else gradient
        if plan.kind is torch.optim.SGD:
            return _sgd(parameter, towards, plan, lr, decay)
        if plan.kind in (torch.optim.Adam, torch.optim.AdamW) and not plan.group.get("amsgrad"):
            decoupled = plan.kind is torch.optim.AdamW or bool(plan.group.get("decoupled_weight_decay"))
            return _adam(parameter, towards, plan, lr, decay, decoupled=decoupled)
    return None


def _sgd(parameter: Tensor, gradient: Tensor, plan: Planned, lr: float, decay: float) -> Tensor | None:
    momentum, dampening = plan.number("momentum"), plan.number("dampening")
    if momentum is None or dampening is None:
        return None
    step = gradient + decay * parameter if decay else gradient
    if momentum:
        before = plan.state.get("momentum_buffer")
        buffer = momentum * before + (1 - dampening) * step if isinstance(before, Tensor) else step
        step = step + momentum * buffer if plan.group.get("nesterov") else buffer
    return lr * step


def _adam(
    parameter: Tensor, gradient: Tensor, plan: Planned, lr: float, decay: float, *, decoupled: bool
) -> Tensor | None:
    betas, epsilon, steps = plan.group.get("betas"), plan.number("eps", 1e-8), plan.state.get("step", 0)
    if isinstance(steps, Tensor):
        steps = float(steps) if steps.device.type == "cpu" else None
    if type(betas) is not tuple or epsilon is None or not isinstance(steps, int | float):
        return None
    first, second = betas
    if not isinstance(first, float) or not isinstance(second, float):
        return None
    if decay and not decoupled:
        gradient = gradient + decay * parameter
    mean = first * plan.moment("exp_avg", gradient) + (1 - first) * gradient
    square = second * plan.moment("exp_avg_sq", gradient) + (1 - second) * gradient.abs().square()
    count = steps + 1
    step = mean / (1 - first**count) / ((square / (1 - second**count)).sqrt() + epsilon)
    return lr * (step + decay * parameter) if decay and decoupled else lr * step
