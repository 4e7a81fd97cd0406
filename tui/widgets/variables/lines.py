"""The lines under the table: the variable under the cursor in full, and the totals."""

from __future__ import annotations

from collections.abc import Sequence

from tui.protocol.messages import Variable
from tui.widgets.live_lines import LiveLines, Span
from tui.widgets.variables.detail import detail_lines, wrapped


class VariableDetail(LiveLines):
    """Everything there is to say of one variable."""

    DEFAULT_CSS = """
    VariableDetail { height: 6; padding: 0 1; border-top: solid $panel; color: $foreground; }
    VariableDetail > .variabledetail--name { text-style: bold; color: $primary; }
    VariableDetail > .variabledetail--dim { color: $text-muted; }
    VariableDetail > .variabledetail--nan { text-style: bold; color: $nan; }
    VariableDetail > .variabledetail--warn { color: $warning; }
    """
    STYLES = ("name", "dim", "nan", "warn")
    COMPONENT_CLASSES = {f"variabledetail--{name}" for name in STYLES}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._row: Variable | None = None
        self._others: Sequence[Variable] = ()

    def show(self, row: Variable | None, others: Sequence[Variable]) -> None:
        """Show a variable; `others`: the variables of the namespace."""
        self._row, self._others = row, others
        self.show_lines()

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Wrap what there is to say; the line of values is the one that must not be lost."""
        if self._row is None or not width:
            return []
        lines = detail_lines(self._row, self._others, width)
        return lines if len(lines) <= height else [*lines[: height - 1], lines[-1]]


class VariableTotals(LiveLines):
    """One line: the totals, or what has to be said for the moment."""

    DEFAULT_CSS = """
    VariableTotals { height: 1; padding: 0 1; background: $surface; color: $text-muted; }
    VariableTotals > .variabletotals--warn { color: $warning; text-style: bold; }
    """
    STYLES = ("warn",)
    COMPONENT_CLASSES = {"variabletotals--warn"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._totals = ""
        self._notice = ""

    def show(self, totals: str) -> None:
        """Show the totals."""
        self._totals = totals
        self.show_lines()

    def warn(self, notice: str) -> None:
        """Show a sentence in the place of the totals; empty: the totals again."""
        self._notice = notice
        self.show_lines()

    def lay_out(self, width: int, height: int) -> Sequence[Sequence[Span]]:
        """Return the line, cut at the end."""
        return [[(self._notice, "warn")]] if self._notice else wrapped([(self._totals, "")], width)
