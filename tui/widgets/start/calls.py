"""A loss, an optimizer or a schedule as it is typed: ``SGD(lr=0.1, momentum=0.9)``, held against its signature."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from rich.cells import cell_len

from tui.protocol.preset import nearest
from tui.protocol.training import Choice, ChoiceKind
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import Pen, Piece, flow, sentence
from tui.widgets.foreign import one_line

_PREFIX = re.compile(r"^(torch\.)?(nn|optim|optim\.lr_scheduler|lr_scheduler)\.(?=[A-Za-z_])")


def tidied(text: str) -> str:
    """Return a call with its brackets closed and without ``torch.optim.`` before it."""
    text = _PREFIX.sub("", text.strip())
    if not text or text == "none":
        return text
    if "(" not in text:
        return f"{text}()"
    return text.rstrip().rstrip(",") + ")" if text.count("(") == text.count(")") + 1 else text


def name_of(text: str) -> str:
    """Return what is called: all before the bracket."""
    return _PREFIX.sub("", text.strip()).partition("(")[0].strip()


def call_problem(text: str, kind: ChoiceKind, known: Sequence[Choice]) -> str:
    """Return what is wrong with a call, in words; empty: nothing that can be told without torch.

    `known`: all there is to choose; empty where that is not known yet.
    """
    text = tidied(text)
    if text == "none" and kind == "scheduler":
        return ""
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return f"not readable as Python: {text[:60]}; write it as {_EXAMPLES[kind]}"
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return f"write it as {_EXAMPLES[kind]}"
    name = call.func.id
    entry = find(name, kind, known)
    if entry is None:
        names = [one.name for one in known if one.kind == kind]
        return f"torch has no {kind} {name}{nearest(name, names)}" if names else ""
    return _arguments_problem(call, entry)


def find(name: str, kind: ChoiceKind, known: Sequence[Choice]) -> Choice | None:
    """Return what is chosen by a name; None where there is no such thing."""
    return next((one for one in known if one.kind == kind and one.name == name), None)


def _arguments_problem(call: ast.Call, entry: Choice) -> str:
    names = [one.name for one in entry.arguments]
    if not names:
        return f"{entry.name} takes no arguments" if call.args or call.keywords else ""
    given = names[: len(call.args)]
    if len(call.args) > len(names):
        return f"{entry.name} takes {len(names)} arguments, not {len(call.args)}"
    for one in call.keywords:
        if one.arg is None:
            return "write each argument as name=value"
        if one.arg not in names:
            return f"{entry.name} has no argument {one.arg}{nearest(one.arg, names)}"
        if one.arg in given:
            return f"{one.arg} is given twice"
        given.append(one.arg)
    for value in (*call.args, *(one.value for one in call.keywords)):
        if problem := _value_problem(value):
            return problem
    missing = [one.name for one in entry.arguments if not one.default and one.name not in given]
    return f"{entry.name} needs {' and '.join(missing)}: {_with(entry.name, missing)}" if missing else ""


def _value_problem(value: ast.expr) -> str:
    bare = value.operand if isinstance(value, ast.UnaryOp) else value
    if isinstance(bare, ast.Name) and bare.id in ("inf", "nan"):
        return ""
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return f"{ast.unparse(value)[:40]} is no plain value: numbers, texts, True, None, lists of them"
    return ""


def _with(name: str, arguments: Sequence[str]) -> str:
    return f"{name}({', '.join(f'{one}=…' for one in arguments)})"


_EXAMPLES: dict[ChoiceKind, str] = {
    "loss": "HuberLoss(delta=0.5)",
    "optimizer": "SGD(lr=0.1, momentum=0.9)",
    "scheduler": "StepLR(step_size=5)",
    "model": "model",
}


def example(kind: ChoiceKind) -> str:
    """Return how one is written."""
    return _EXAMPLES[kind]


def signature_lines(entry: Choice, text: str, width: int) -> list[StyledLine]:
    """Return the signature, the arguments that are given in it standing out, and what it is."""
    given = set(re.findall(r"([A-Za-z_]\w*)\s*=", text.partition("(")[2]))
    chunks: list[Piece] = []
    for number, one in enumerate(entry.arguments):
        last = number == len(entry.arguments) - 1
        value = f"={one_line(one.default, 24)}" if one.default else ""
        style = "strong" if one.name in given else "dim" if value else "warn"
        chunks.append((f"{one_line(one.name, 30)}{value}{')' if last else ','}", style))
    lead: Piece = (f" {one_line(entry.name, 40)}(" if chunks else f" {one_line(entry.name, 40)}", "title")
    if not chunks:
        closed = "()" if entry.kind != "model" else ""
        lines = [Pen().write(lead[0] + closed, "title").line()]
    else:
        lines = flow([("", ""), *chunks][1:], width, lead=lead, indent=min(cell_len(lead[0]), 12))
    if entry.about:
        lines += sentence(entry.about, width, "", lead=(" ", ""), indent=1)
    return lines
