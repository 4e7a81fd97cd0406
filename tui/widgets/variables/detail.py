"""What there is to say of one variable, in full; and of all together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from rich.cells import cell_len

from tui.protocol.messages import Variable, VariableTable
from tui.widgets import words
from tui.widgets.foreign import one_line
from tui.widgets.live_lines import Span
from tui.widgets.variables.names import shadows

_GRADIENT = {
    "leaf": "leaf that requires grad; .grad is None",
    "leaf+grad": "leaf that requires grad; .grad is there",
    "requires_grad": "has parameters that require grad",
}


def detail_lines(row: Variable, others: Sequence[Variable], width: int) -> list[list[Span]]:
    """Return what there is to say of a variable, wrapped to a width; what matters most comes first.

    `others`: the variables of the namespace, among which may be those that share its memory.
    """
    lines = wrapped([(row.name, "name"), *((word, "") for word in _words(facts_of(row)))], width)
    more = " · ".join(filter(None, (memory_words(row, others), gradient_words(row))))
    lines += wrapped([(word, "dim") for word in _words(more)], width)
    if hidden := shadows(row.name):
        lines += wrapped(
            [(word, "warn") for word in _words(f"shadows {hidden}: del {row.name} gives it back")], width
        )
    return lines + wrapped([(word, _shout(word)) for word in _words(row.summary)], width)


def facts_of(row: Variable) -> str:
    """Return class, shape, dtype and device, and how many values."""
    parts = [row.type_name, words.shape(row.shape), row.dtype, row.device]
    if row.shape is not None and row.shape and min(row.shape) >= 0:
        count = prod(row.shape)
        parts.append(f"· {count:,} value{'' if count == 1 else 's'}")
    return " ".join(part for part in parts if part)


def memory_words(row: Variable, others: Sequence[Variable]) -> str:
    """Return whose memory it is: its own, a part of another's, shared."""
    if row.size_bytes is None:
        return ""
    own = row.size_bytes if row.own_bytes is None else row.own_bytes
    if row.same_as:
        return f"the same object as {row.same_as}"
    if row.shares_with:
        of_all = f", {words.size(own)} of {words.size(row.size_bytes)}" if own < row.size_bytes else ""
        kind = "view of" if of_all and row.kind in ("tensor", "parameter") else "shares storage with"
        return f"{kind} {row.shares_with}{of_all}; counted there"
    text = words.size(row.size_bytes)
    if own < row.size_bytes:
        text = f"{words.size(own)} of a storage of {text}, all of it kept alive"
    if sharing := [other.name for other in others if row.name in (other.shares_with, other.same_as)]:
        more = f" and {len(sharing) - 3} more" if len(sharing) > 3 else ""
        text += f", shared with {', '.join(sharing[:3])}{more}"
    return text


def gradient_words(row: Variable) -> str:
    """Return the state of the gradient in words; empty for what has none to speak of."""
    if row.grad == "graph":
        return f"result of {row.grad_fn or 'an operation'}, in a graph that backward can follow"
    if not row.grad and row.kind in ("tensor", "parameter"):
        return "no gradient is tracked"
    return _GRADIENT.get(row.grad, "")


def totals(table: VariableTable, shown: int, *, filtered: bool = False) -> str:
    """Return the line under the table: how many, how much memory on each device, how much of it shared.

    `shown`: variables that the filter leaves.
    """
    count = len(table.rows) + table.omitted
    noun = "variable" if count == 1 else "variables"
    parts = [f"{shown} of {count:,} {noun}" if filtered else f"{count:,} {noun}"]
    if table.omitted:
        parts[0] += f", {table.omitted:,} not listed"
    parts += [f"{words.size(total)} on {device}" for device, total in sorted(table.total_bytes.items())]
    if table.shared_bytes:
        parts.append(f"{words.size(table.shared_bytes)} shared")
    return " · ".join(parts)


def wrapped(spans: Sequence[Span], width: int) -> list[list[Span]]:
    """Return words of foreign text on lines of a width, one space between two; a longer word is cut."""
    lines: list[list[Span]] = []
    used = width + 1
    for text, style in spans:
        text = one_line(text, width)
        if not text:
            continue
        cells = cell_len(text)
        if used + 1 + cells > width:
            lines.append([(text, style)])
            used = cells
        else:
            lines[-1] += [(" ", ""), (text, style)]
            used += 1 + cells
    return lines


def _words(text: str) -> Iterator[str]:
    """Yield the words of a line; a shape stays in one piece."""
    held: list[str] = []
    for word in text.split(" "):
        held.append(word)
        joined = " ".join(held)
        if joined.count("(") + joined.count("[") <= joined.count(")") + joined.count("]") or len(joined) > 24:
            yield joined
            held.clear()
    if held:
        yield " ".join(held)


def _shout(word: str) -> str:
    return "nan" if word.startswith(("NaN!", "+Inf!", "-Inf!")) else ""
