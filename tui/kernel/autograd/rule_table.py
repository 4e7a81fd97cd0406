"""What a rule is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Facts:
    """What a rule may ask about the node it is for."""

    name: str
    """Autograd's name of the node."""
    constants: Mapping[str, object]
    """What the operation was called with."""
    saved: Mapping[str, Tensor | None]
    """What it saved; None where it had no such thing."""
    inputs: tuple[tuple[int, ...] | None, ...]
    """Shapes of the inputs that need a gradient; None for one that does not."""
    outputs: tuple[tuple[int, ...], ...]
    contiguous: tuple[bool, ...] = ()
    """Whether the values of each input are known to lie in memory in their order, from its beginning on."""
    is_complex: bool = False

    def has(self, name: str) -> bool:
        """Whether a tensor of this name was saved."""
        return self.saved.get(name) is not None

    def number(self, name: str, otherwise: int = 0) -> int:
        """Return a whole number that the operation was called with."""
        value = self.constants.get(name, otherwise)
        return value if isinstance(value, int) else otherwise

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return whole numbers that the operation was called with: one counts as a tuple."""
        value = self.constants.get(name)
        if isinstance(value, int):
            return (value,)
        return (
            tuple(item for item in value if isinstance(item, int)) if isinstance(value, tuple | list) else ()
        )


Formula = str | Callable[[Facts], str]
PerInput = Callable[[int, Facts], str]


@dataclass(frozen=True)
class Rule:
    """What an operation makes of the gradient that comes in. See NOTE [Rules] in `rules`."""

    inputs: tuple[str, ...]
    """Names of the inputs, one for each edge; ``tensors[]`` for any number of them."""
    formulas: tuple[Formula, ...] | PerInput
    """One for each input, or a function of its place."""
    broadcasts: bool = False
    """Whether inputs are broadcast against one another, so that gradients are added up along what was."""
    lets: tuple[tuple[str, Formula], ...] = ()
    """Names that the formulas are told with."""

    def formula(self, place: int, facts: Facts) -> str:
        """Return the formula for one input; empty where there is none."""
        if callable(self.formulas):
            return self.formulas(place, facts)
        if place >= len(self.formulas):
            return ""
        return _text(self.formulas[place], facts)

    def lets_of(self, facts: Facts) -> list[tuple[str, str]]:
        """Return the names that the formulas are told with."""
        return [(name, text) for name, formula in self.lets if (text := _text(formula, facts))]


def _text(formula: Formula, facts: Facts) -> str:
    return formula if isinstance(formula, str) else formula(facts)


def rule(
    inputs: str, *formulas: Formula, broadcasts: bool = False, lets: Iterable[tuple[str, Formula]] = ()
) -> Rule:
    """Return a rule; `inputs` are separated by blanks."""
    return Rule(tuple(inputs.split()), formulas, broadcasts, tuple(lets))


def each(inputs: str, formula: PerInput) -> Rule:
    """Return a rule that has a function of the input's place."""
    return Rule(tuple(inputs.split()), formula)
