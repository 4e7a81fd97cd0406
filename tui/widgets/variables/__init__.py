"""The table of the user's variables: sorted, filtered, unfolded, and what can be done with a name.

`order`, `filtering`, `tree`, `columns`, `detail` and `names` are pure functions from the protocol's rows to text;
`grid` draws, `prompt` asks for a line, `panel` puts them together. Knows neither the kernel nor the screen.
"""

from tui.widgets.variables.panel import VariablePanel

__all__ = ["VariablePanel"]
