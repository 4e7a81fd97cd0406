"""Every ``.grad`` that the namespace reaches: how large, why there is none, what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tui.protocol.messages import Lane, Request


@dataclass(frozen=True)
class GradientRow:
    """A leaf or parameter, its gradient, and why it has none."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    device: str
    is_parameter: bool
    requires_grad: bool
    value_norm: float | None
    grad_norm: float | None
    """None where ``.grad`` is None."""
    minimum: float | None = None
    """Of ``.grad``, as the next ones."""
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    zero_fraction: float | None = None
    nonfinite: int = 0
    update_ratio: float | None = None
    """log10 of |learning rate x step| over |value| of the next step of its optimizer; None where none is known."""
    backwards: int | None = None
    """How many backwards the gradient is the sum of; None where we did not see them."""
    verdict: str = ""
    is_leaf: bool = True
    """False: a result of operations, which has a gradient only where it retains one."""


@dataclass(frozen=True)
class GradientTable:
    """Every leaf tensor that the namespace reaches, with its gradient."""

    rows: tuple[GradientRow, ...]
    backwards: int = 0
    """Backwards seen since the gradients were last cleared."""
    optimizers: tuple[str, ...] = ()
    """Names of the optimizers in the namespace."""
    omitted: int = 0


@dataclass(frozen=True)
class ListGradients(Request[GradientTable]):
    """Ask for all gradients."""

    lane: ClassVar[Lane] = "inspect"
    limit: int = 5000


@dataclass(frozen=True)
class Change:
    """A leaf before and after."""

    name: str
    before: str
    """A short value, or its norm."""
    after: str
    norm_before: float | None = None
    norm_after: float | None = None
    moved: float | None = None
    """2-norm of the difference; None where it is not known, or nothing is there before or after."""


@dataclass(frozen=True)
class Changes:
    """What a zero_grad or a step of gradient descent changed."""

    code: str
    """What was run, as the user would type it."""
    rows: tuple[Change, ...]


@dataclass(frozen=True)
class ZeroGrad(Request[Changes]):
    """Set ``.grad`` of leaves to None, as `zero_grad` does; refused while a cell runs."""

    lane: ClassVar[Lane] = "compute"
    names: tuple[str, ...] = ()
    """Empty: of all that `ListGradients` lists."""


@dataclass(frozen=True)
class Descend(Request[Changes]):
    """One step of gradient descent; refused while a cell runs."""

    lane: ClassVar[Lane] = "compute"
    lr: float = 0.1
    optimizer: str = ""
    """Name of an optimizer whose `step()` is run; empty: ``p -= lr * p.grad`` under no_grad."""
    names: tuple[str, ...] = ()
    """Leaves to change without an optimizer; empty: all that have a gradient."""


# -- what is wrong ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """Something that a look at a graph or its gradients found."""

    kind: Literal[
        "vanishing", "exploding", "dead", "first nan forward", "first nan backward", "no gradient", "in place", "spent",
        "sum of backwards",
    ]  # fmt: skip
    words: str
    """One or two sentences."""
    node: int = -1
    """Node to look at; -1: none."""
    name: str = ""
    """Leaf to look at; empty: none."""
    cure: str = ""


@dataclass(frozen=True)
class Findings:
    """All that was found, the most pressing first."""

    rows: tuple[Finding, ...]


@dataclass(frozen=True)
class Diagnose(Request[Findings]):
    """Look for what is wrong with an opened graph: runs nothing of the user's, costs a pass over saved tensors."""

    lane: ClassVar[Lane] = "compute"
    graph: int


@dataclass(frozen=True)
class GradientCheck:
    """A gradient against finite differences."""

    ok: bool
    words: str
    checked: int
    """Entries compared."""
    worst: float | None = None
    """Largest absolute difference."""
    worst_at: str = ""
    """Where: ``w[2, 0]: autograd 0.1234, differences 0.1239``."""


@dataclass(frozen=True)
class CheckGradient(Request[GradientCheck]):
    """Compare autograd with finite differences for a function of the namespace, in float64 copies.

    `function` is called with copies of the tensors: it is the user's own code, which this runs because asked to.
    """

    lane: ClassVar[Lane] = "compute"
    function: str
    """An expression for a callable."""
    inputs: tuple[str, ...]
    """Expressions for its tensors."""
    entries: int = 200
    """Entries that are checked at most, drawn evenly."""
