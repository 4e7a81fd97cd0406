"""What the side panel says of a tensor: facts, statistics, quantiles, histogram, comparison. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tui.protocol.values import TensorFacts
from tui.protocol.viewing import Comparison, Statistics, ViewFacts
from tui.widgets import words
from tui.widgets.live_lines import Span
from tui.widgets.tensor_view.histogram import histogram_lines
from tui.widgets.tensor_view.numbers import fitting, short, tolerance

GRAD_WORDS: Final = {
    "": "no gradient tracked",
    "requires_grad": "requires grad",
    "leaf": "leaf · requires grad · .grad is None",
    "leaf+grad": "leaf · requires grad · has .grad",
    "graph": "in a graph",
}
LineOfSpans = list[Span]


@dataclass(frozen=True)
class PanelData:
    """What the panel shows."""

    facts: ViewFacts | None = None
    statistics: Statistics | None = None
    old: bool = False
    """Whether the tensor was changed in place since they were taken."""
    computing: str = ""
    """What is under way, e.g. ``statistics``."""
    problem: str = ""
    """Why the statistics could not be had."""
    comparison: Comparison | None = None
    compared: tuple[str, str] = ("", "")
    """The two expressions."""
    tolerances: tuple[float, float] = (1e-5, 1e-8)
    """rtol and atol."""


def panel_lines(data: PanelData, width: int) -> list[LineOfSpans]:
    """Return the panel's lines; those that do not fit below are not seen, so what matters is above."""
    facts = facts_lines(data.facts, width) if data.facts is not None else []
    numbers = _numbers(data, width)
    if data.comparison is None:
        return facts + numbers
    return [*comparison_lines(data, width), *numbers, [], *facts]


def _numbers(data: PanelData, width: int) -> list[LineOfSpans]:
    """Return the statistics, or why there are none."""
    lines: list[LineOfSpans] = []
    statistics = data.statistics
    if data.computing:
        lines += [[], [(f"computing {data.computing}… ", "warning"), ("esc cancels", "dim")]]
    elif data.problem:
        lines += [[], *([(line, "warning")] for line in wrapped(data.problem, width))]
    elif statistics is None and data.facts is not None:
        lines += [[], [("s", "number"), (" statistics, quantiles, histogram", "dim")]]
    if statistics is not None:
        lines += statistics_lines(statistics, width, old=data.old)
        if statistics.histogram is not None:
            lines += histogram_lines(statistics.histogram, width)
    return lines


def heading(text: str, note: str, width: int) -> LineOfSpans:
    """Return a line with a title, a rule, and a note at its end."""
    rule = max(1, width - len(text) - len(note) - (2 if note else 1))
    return [(text + " ", "title"), ("─" * rule, "rail"), *([(f" {note}", "warning")] if note else [])]


def facts_lines(view: ViewFacts, width: int) -> list[LineOfSpans]:
    """Return what the tensor is."""
    facts = view.tensor
    lines: list[LineOfSpans] = [heading("tensor", "", width)]

    def tell(label: str, text: str, style: str = "") -> None:
        first, *rest = wrapped(text, width - 9) or [""]
        lines.append([(f"{label:<9}", "label"), (first, style)])
        lines.extend([(" " * 9, ""), (line, style)] for line in rest)

    tell("type", facts.type_name)
    tell("shape", words.shape(facts.shape))
    if any(facts.names):
        tell("names", ", ".join(name or "None" for name in facts.names))
    tell("dtype", f"{facts.dtype} · {facts.device}")
    tell("values", f"{facts.elements:,}" + (f" · {words.size(facts.size_bytes)}" if facts.size_bytes else ""))
    for label, text in memory_words(facts):
        tell(label, text)
    if facts.storage_bytes is not None and facts.storage_bytes != facts.size_bytes:
        tell("storage", f"{words.size(facts.storage_bytes)}{', a view of it' if facts.is_view else ''}")
    grad = GRAD_WORDS.get(facts.grad, facts.grad)
    tell("grad", f"{grad} · {facts.grad_fn}" if facts.grad_fn else grad)
    if view.leaf_name:
        tell("leaf", view.leaf_name)
    if view.version > 0:
        tell("version", f"{view.version:,} in-place changes")
    return lines


def memory_words(facts: TensorFacts) -> list[tuple[str, str]]:
    """Return how the values lie in memory, each with its label."""
    if facts.strides is None:
        return [("layout", facts.layout)]
    kind = "contiguous" if facts.contiguous else "not contiguous"
    return [("strides", words.shape(facts.strides)), ("layout", kind)]


def sampled_words(statistics: Statistics) -> str:
    """Return how many of the values were looked at: ``sampled 1/16``; empty where it was all of them."""
    elements = statistics.facts.elements
    if not 0 < statistics.counted < elements:
        return ""
    return f"sampled 1/{max(2, round(elements / statistics.counted)):,}"


def statistics_lines(statistics: Statistics, width: int, *, old: bool = False) -> list[LineOfSpans]:
    """Return statistics and quantiles, two in a line."""
    facts = statistics.facts
    note = " ".join(filter(None, (sampled_words(statistics), "before the change" if old else "")))
    lines: list[LineOfSpans] = [[], heading("statistics", note, width)]
    bad = [
        (f"{count:,} {name} ", style)
        for count, name, style in (
            (facts.nan, "NaN", "nan"),
            (facts.posinf, "∞", "inf"),
            (facts.neginf, "-∞", "inf"),
        )
        if count
    ]
    if bad:
        lines.append([span for part in bad for span in ((" " + part[0], part[1]), (" ", ""))])
    known = dict(statistics.quantiles)
    lines += [
        pair("mean", statistics.mean, "std", statistics.std, width),
        pair("min", facts.minimum, "max", facts.maximum, width),
        _line(("zeros", f"{statistics.zeros:,}"), ("negative", f"{statistics.negative:,}"), width),
    ]
    if known:
        lines += [[], heading("quantiles", "", width)]
        for low, high in ((0.01, 0.99), (0.05, 0.95), (0.25, 0.75)):
            if low in known and high in known:
                lines.append(pair(f"{low:.0%}", known[low], f"{high:.0%}", known[high], width))
        if 0.5 in known:
            lines.append([("median ", "label"), (short(known[0.5]), "")])
    return lines


def pair(
    left: str, left_value: float | None, right: str, right_value: float | None, width: int
) -> LineOfSpans:
    """Return a line with two numbers and what they are."""
    room = width // 2 - 9
    return _line((left, fitting(left_value, room + 1)), (right, fitting(right_value, room)), width)


def _line(left: tuple[str, str], right: tuple[str, str], width: int) -> LineOfSpans:
    half = width // 2
    return [
        (f"{left[0]:<7}", "label"),
        (left[1].ljust(half - 8) + " ", ""),
        (f"{right[0]:<9}", "label"),
        (right[1], ""),
    ]


def comparison_lines(data: PanelData, width: int) -> list[LineOfSpans]:
    """Return how two tensors differ."""
    found = data.comparison
    assert found is not None
    lines: list[LineOfSpans] = [heading("compared", "", width)]
    lines.append([("a ", "label"), (data.compared[0], "")])
    lines.append([("b ", "label"), (data.compared[1], "")])
    if found.reason:
        style = "dim" if found.comparable else "bad"
        lines += [[(line, style)] for line in wrapped(found.reason, width)]
    if not found.comparable:
        return lines
    rtol, atol = data.tolerances
    if found.equal:
        lines.append([("✓ equal, value for value", "good")])
    elif found.allclose:
        lines.append([("✓ allclose", "good"), (f"  rtol {tolerance(rtol)} atol {tolerance(atol)}", "dim")])
    else:
        lines.append([("✗ not allclose", "bad"), (f"  rtol {tolerance(rtol)} atol {tolerance(atol)}", "dim")])
        lines.append([(f"{found.mismatched:,} of {found.compared:,} differ", "")])
    if not found.equal:
        where = f" at {list(found.max_abs_index)}" if found.max_abs_index is not None else ""
        lines.append([("max |a-b| ", "label"), (short(found.max_abs) + where, "")])
        lines.append(
            [
                ("mean", "label"),
                (f" {short(found.mean_abs)} ", ""),
                ("relative", "label"),
                (f" {short(found.max_rel)}", ""),
            ]
        )
    if found.first_index is not None:
        lines.append([("first at  ", "label"), (str(list(found.first_index)), "")])
        lines.append([(f"  {found.first_left} ≠ {found.first_right}", "")])
        lines.append(
            [
                ("m", "number"),
                (" first  ", "dim"),
                ("M", "number"),
                (" largest  ", "dim"),
                ("x", "number"),
                (" a - b", "dim"),
            ]
        )
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """Return text in lines of at most `width` characters, broken between words where there are any."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
