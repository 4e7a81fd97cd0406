"""What the rules of fixes look at: a layer that failed, with its arguments, what came in and what torch said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from torch import nn

from tui.kernel.building.resolve import Resolved
from tui.kernel.building.values import Batch, Spec, Value
from tui.kernel.building.words import Unfit, own_words


@dataclass(frozen=True)
class Failed:
    """A layer that failed to build or to run."""

    resolved: Resolved
    inputs: Sequence[Value]
    module: nn.Module | None
    """None where it could not even be built."""
    error: BaseException
    batch: Batch

    @property
    def name(self) -> str:
        """Of its class, as in code."""
        return name_of(self.resolved)

    @property
    def kind(self) -> str:
        """Name of the class itself."""
        return self.resolved.cls.__name__

    @property
    def of_torch(self) -> bool:
        """Whether it is one of torch's own layers, which the rules know."""
        return self.resolved.layer.startswith("nn.")

    @property
    def message(self) -> str:
        """What torch said."""
        return own_words(self.error, self.batch)

    @property
    def first(self) -> Spec | None:
        """The first input, where that is a tensor."""
        return self.inputs[0] if self.inputs and isinstance(self.inputs[0], Spec) else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the first input; empty where that is no tensor."""
        return self.first.shape if self.first is not None else ()

    @property
    def shape_text(self) -> str:
        """E.g. ``(N, 400)``."""
        return self.batch.text(self.inputs[0]) if self.inputs else "nothing"

    def number(self, name: str) -> int | None:
        """Return an argument that is a whole number."""
        value = self.resolved.values.get(name)
        return value if type(value) is int else None

    def text(self, name: str) -> str | None:
        """Return an argument as it was given."""
        return next((a.text for a in self.resolved.arguments if a.name == name), None)

    def per_sample(self) -> int:
        """Return how many elements the first input has for one sample."""
        return prod(self.shape[1:])


Rule = Callable[[Failed], Unfit | None]


def name_of(resolved: Resolved) -> str:
    """Return how the words call a layer."""
    return resolved.layer.removeprefix("nn.")


def nearest_divisor(number: int, near: int) -> int:
    """Return the divisor of a number that is nearest to another one."""
    divisors = [d for d in range(1, min(number, 4096) + 1) if number % d == 0]
    return min(divisors, key=lambda divisor: (abs(divisor - near), divisor)) if divisors else 1
