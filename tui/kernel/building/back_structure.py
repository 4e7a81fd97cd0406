"""Finds residuals and parallel branches among the units of a traced `forward`; the rest stays as it was written."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Final

from torch import fx, nn

from tui.kernel.building.back_source import Source
from tui.kernel.building.back_trace import LINE
from tui.kernel.building.back_units import Unit
from tui.kernel.building.back_writing import mark
from tui.kernel.module_walk import parameters_of

_MARK: Final = re.compile("\0[^\0]+\0")
_PROJECTED: Final = {"weight", "bias"}
_CALLED_SO: Final = re.compile(r"(proj|short_?cut|skip|down_?sample)[^.]*$", re.IGNORECASE)
_CONVOLUTIONS: Final = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def structured(
    units: list[Unit], output: Unit | fx.Node, module_at: Callable[[str], nn.Module | None], source: Source
) -> list[Unit]:
    """Return the units with those of residuals and of branches inside one unit each.

    Args:
        units: in the order of the program.
        output: the value of the whole, or the unit that makes it.
        module_at: the module at a path.
        source: of the `forward`: a value that it gives a name of its own is used by that name.
    """
    finder = _Finder(units, output, module_at, source)
    for unit in list(units):
        if unit.joins and not finder.is_inner_sum(unit):
            finder.collapse(unit)
    return _merged(finder.units, output)


class _Finder:
    """Joins with the chains of units that lead to them from one value."""

    def __init__(
        self,
        units: list[Unit],
        output: Unit | fx.Node,
        module_at: Callable[[str], nn.Module | None],
        source: Source,
    ) -> None:
        self.units = list(units)
        self._module_at = module_at
        self._source = source
        self._made_by = {unit.out: unit for unit in units}
        self._used_by: dict[fx.Node | None, list[object]] = {}
        for unit in units:
            for operand in unit.operands:
                self._used_by.setdefault(operand, []).append(unit)
        for value in output.operands if isinstance(output, Unit) else [output]:
            self._used_by.setdefault(value, []).append("output")

    def collapse(self, join: Unit) -> None:
        """Put a join and what leads to it into one unit, where that begins with one value."""
        summed = [part for operand in join.operands for part in self._summands(join, operand)]
        walks = [self._walk(owner, operand) for owner, operand in summed]
        starts, branches = [start for start, _ in walks], [chain for _, chain in walks]
        if all(unit.kind == "expression" for chain in branches for unit in chain):
            return  # no layers: it is arithmetic
        if any(start is not starts[0] for start in starts):
            layers = all(any(unit.kind != "expression" for unit in chain) for chain in branches)
            if layers and self._is_written_as_branches(join, branches, inline=True):
                self._replace(join, branches, _parallel(join, starts, branches))
            return
        if starts[0].meta.get(LINE) in self._source.kept:
            return  # it has a name of its own, and is used by that
        body = self._residual(branches) if join.joins == "add" and len(branches) == 2 else None
        if body is not None:
            skip = next((chain for chain in branches if chain is not body), [])
            residual = Unit("residual", join.out, operands=starts[:1], branches=[body], starts=starts[:1])
            residual.projection = skip[0].path if skip else ""
            self._replace(join, branches, residual)
        elif join.joins == "add" or all(branches) or self._is_written_as_branches(join, branches):
            self._replace(join, branches, _parallel(join, starts, branches))

    def _is_written_as_branches(
        self, join: Unit, branches: list[list[Unit]], *, inline: bool = False
    ) -> bool:
        """Whether the source has the branches in one statement, or, in lines before, as ``branch1`` and so on."""
        lines = {unit.line for chain in branches for unit in chain} - {join.line}
        if not join.line or (inline and lines):
            return False
        names = [name for line in lines for name in self._source.variables.get(line, ["?"])]
        return all(name.startswith("branch") for name in names)

    def is_inner_sum(self, unit: Unit) -> bool:
        """Whether it is a part of a larger sum in the same statement."""
        users = self._used_by.get(unit.out, [])
        after = users[0] if len(users) == 1 else None
        same = isinstance(after, Unit) and after.joins == unit.joins == "add" and after.line == unit.line
        return same and unit.line > 0

    def _summands(self, join: Unit, operand: fx.Node) -> list[tuple[Unit, fx.Node]]:
        """Return the values that are joined, those of sums inside it too, each with the unit that takes it."""
        inner = self._made_by.get(operand)
        if join.joins != "add" or inner is None or not self.is_inner_sum(inner):
            return [(join, operand)]
        return [part for one in inner.operands for part in self._summands(inner, one)]

    def _walk(self, join: Unit, operand: fx.Node) -> tuple[fx.Node, list[Unit]]:
        """Return where the chain begins that leads to an operand, and its units."""
        chain: list[Unit] = []
        value, after = operand, join
        while self._used_by.get(value) == [after] and value in self._made_by:
            unit = self._made_by[value]
            if len(unit.operands) != 1 or (unit.whole is not unit.out and self._used_by.get(unit.whole)):
                break
            chain.insert(0, unit)
            value, after = unit.operands[0], unit
        return value, chain

    def _residual(self, branches: list[list[Unit]]) -> list[Unit] | None:
        """Return the body of a residual whose input is added as it is, or projected to another shape."""
        for skip, body in (branches, branches[::-1]):
            if not skip:
                return body
        for skip, body in (branches, branches[::-1]):
            if (
                len(skip) == 1
                and self._projects(skip[0])
                and not (len(body) == 1 and self._projects(body[0]))
            ):
                return body
        return None

    def _projects(self, unit: Unit) -> bool:
        """Whether it is what a design projects with: a 1x1 convolution or a Linear to another shape, called so."""
        if not _CALLED_SO.search(unit.path):
            return False
        module = self._module_at(unit.path) if unit.kind == "layer" and len(unit.inputs) == 1 else None
        if type(module) is nn.Identity:  # where the same class projects in another place
            return True
        if type(module) is nn.Linear:
            return (
                dict(parameters_of(module)).keys() == _PROJECTED and module.in_features != module.out_features
            )
        if not isinstance(module, _CONVOLUTIONS):
            return False
        if (
            module.groups != 1
            or dict(parameters_of(module)).keys() != _PROJECTED
            or module.padding_mode != "zeros"
        ):
            return False
        if {*module.kernel_size, *module.dilation} != {1} or set(module.padding) != {0}:
            return False
        return module.in_channels != module.out_channels or set(module.stride) != {1}

    def _replace(self, join: Unit, branches: list[list[Unit]], made: Unit) -> None:
        inside = {id(unit) for chain in branches for unit in chain} | {id(join)} | self._sums_in(join)
        place = next(n for n, unit in enumerate(self.units) if unit is join)
        self.units[place] = made
        self.units = [unit for unit in self.units if id(unit) not in inside]
        self._made_by[made.out] = made
        for value in made.operands:
            others = [user for user in self._used_by.get(value, []) if id(user) not in inside]
            self._used_by[value] = [*others, made]

    def _sums_in(self, join: Unit) -> set[int]:
        inner = [self._made_by.get(operand) for operand in join.operands]
        sums = [unit for unit in inner if unit is not None and self.is_inner_sum(unit)]
        return {one for unit in sums for one in (id(unit), *self._sums_in(unit))}


def _parallel(join: Unit, starts: list[fx.Node], branches: list[list[Unit]]) -> Unit:
    operands = list(dict.fromkeys(starts))
    made = Unit("parallel", join.out, operands=operands, branches=branches, starts=starts)
    made.joins, made.dim = join.joins, join.dim
    return made


def _merged(units: list[Unit], output: Unit | fx.Node) -> list[Unit]:
    """Write operations of one statement as one expression again, where only the next of them uses the one before."""
    used_by: dict[fx.Node, list[Unit | None]] = {}
    for unit in units:
        for operand in unit.operands:
            used_by.setdefault(operand, []).append(unit)
    for value in output.operands if isinstance(output, Unit) else [output]:
        used_by.setdefault(value, []).append(None)
    kept: list[Unit] = []
    for unit in units:
        for branch in unit.branches:
            branch[:] = _merged(branch, branch[-1].out) if branch else []
        users = used_by.get(unit.out, [])
        user = users[0] if len(users) == 1 else None
        if user is None or not _goes_into(unit, user):
            kept.append(unit)
            continue
        user.text = user.text.replace(mark(unit.out), _as_operand(unit.text, mark(unit.out), user.text))
        place = next(n for n, one in enumerate(user.operands) if one is unit.out)
        operands = [*user.operands[:place], *unit.operands, *user.operands[place + 1 :]]
        user.operands, user.joins = list(dict.fromkeys(operands)), ""
        for operand in unit.operands:
            used_by[operand] = [user if one is unit else one for one in used_by[operand]]
            used_by[operand] = list(dict.fromkeys(used_by[operand]))
    return kept


def _goes_into(unit: Unit, user: Unit) -> bool:
    """Whether an expression was written inside of another one."""
    same = unit.kind == user.kind == "expression" and unit.line == user.line and unit.line > 0
    return same and user.text.count(mark(unit.out)) == 1


def _as_operand(text: str, name: str, around: str) -> str:
    """Return an expression as it stands in another: in brackets where it is arithmetic, and not an argument alone."""
    try:
        simple = not isinstance(
            ast.parse(_MARK.sub("v", text), mode="eval").body, ast.BinOp | ast.UnaryOp | ast.Compare
        )
    except SyntaxError:
        simple = False
    alone = re.search(rf"[(\[,=]\s*{re.escape(name)}\s*[,)\]]", around)
    return text if simple or alone else f"({text})"
