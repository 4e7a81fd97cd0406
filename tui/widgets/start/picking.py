"""The questions for a model, a loss, an optimizer or a schedule: searched by name, arguments typed behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tui.protocol.training import Choice, ChoiceKind
from tui.widgets.builder.questions import Choice as Offer
from tui.widgets.builder.questions import Question
from tui.widgets.drawn.lines import StyledLine
from tui.widgets.drawn.text import sentence
from tui.widgets.start.calls import call_problem, example, find, name_of, signature_lines, tidied
from tui.widgets.start.fields import Field

OWN: Final = "=own"
"""Key of the choice that leaves it to the preset."""
NONE: Final = "none"
_COMMON: Final = {
    "loss": ("CrossEntropyLoss", "MSELoss", "BCEWithLogitsLoss", "L1Loss", "HuberLoss", "NLLLoss"),
    "optimizer": ("SGD", "Adam", "AdamW", "RMSprop"),
    "scheduler": ("CosineAnnealingLR", "StepLR", "OneCycleLR", "ExponentialLR", "ReduceLROnPlateau"),
    "model": (),
}
_OF: Final = {
    "loss": "loss of torch.nn",
    "optimizer": "optimizer of torch.optim",
    "scheduler": "schedule of lr_scheduler",
    "model": "model of the namespace",
}

_NO_MODEL: Final = (
    "There is no model in the namespace yet. Make one in Tensors (F2), such as net = nn.Linear(64, 10), or send one"
    " there from the Builder (F4, then x); it is listed here then."
)


class Refused(ValueError):
    """It cannot be taken as it is; `line` is what should stand in the line now, empty: what stands there."""

    def __init__(self, message: str, line: str = "") -> None:
        super().__init__(message)
        self.line = line


def question(field: Field, text: str, known: Sequence[Choice] | None) -> Question:
    """Return the question for a field that has `text` now; `known` is None before the kernel has told."""
    kind = field.pick
    assert kind is not None
    all_known = tuple(known or ())
    arguments = " · tab: its arguments" if kind != "model" else ""
    waiting = "" if known is not None else " (not known yet)"

    def problem(key: str, typed: str) -> str:
        return "" if kind == "model" or "(" not in typed else _while_typed(typed, kind, all_known)

    def details(key: str, typed: str, width: int) -> Sequence[StyledLine]:
        if kind == "model" and known is not None and not any(one.kind == "model" for one in all_known):
            return sentence(_NO_MODEL, width, lead=(" ", ""), indent=1)
        entry = find(name_of(typed) if "(" in typed else key, kind, all_known)
        return signature_lines(entry, typed, width) if entry is not None else ()

    return Question(
        wish=field.key,
        label=f"{_OF[kind]}{waiting}{arguments}",
        choices=lambda typed: offers(kind, typed, all_known, field.rest),
        value=text,
        placeholder=f"a part of its name, or {example(kind)}",
        details=details,
        problem=problem,
        completed=lambda _, offer: (
            "" if offer.key in (OWN, NONE) else offer.key + ("" if kind == "model" else "(")
        ),
    )


def offers(kind: ChoiceKind, typed: str, known: Sequence[Choice], own: str) -> list[Offer]:
    """Return what fits what is typed, the usual first; with nothing typed what leaves it to the preset too."""
    wanted = name_of(typed).lower()
    ranked: list[tuple[int, int, Choice]] = []
    common = _COMMON[kind]
    for index, one in enumerate(known):
        if one.kind != kind:
            continue
        name = one.name.lower()
        usual = common.index(one.name) if one.name in common else len(common)
        if "(" in typed:
            rank = 0 if name == wanted else None
        elif not wanted or name.startswith(wanted):
            rank = 0 if name == wanted else 1
        elif wanted in name or _capitals(one.name).startswith(wanted):
            rank = 2
        else:
            rank = 3 if len(wanted) > 2 and wanted in one.about.lower() else None
        if rank is not None:
            ranked.append((rank, usual * 1000 + index, one))
    found = [
        Offer(one.name, one.name, one.about) for _, _, one in sorted(ranked, key=lambda entry: entry[:2])
    ]
    if wanted and not (kind == "scheduler" and wanted == NONE):
        return found
    first = [] if wanted else [Offer(OWN, "as it is", own)]
    if kind == "scheduler":
        first.append(Offer(NONE, NONE, "the learning rate stays"))
    return [*first, *found]


def _capitals(name: str) -> str:
    return "".join(character for character in name if character.isupper()).lower()


def taken(field: Field, text: str, key: str, known: Sequence[Choice] | None) -> str:
    """Return the text for the field that enter means: what is typed, else the choice under the cursor.

    Raises:
        Refused: it lacks an argument, or is none; says what would be right.
    """
    kind = field.pick
    assert kind is not None
    all_known = tuple(known or ())
    typed = text.strip()
    if key == OWN and not typed:
        return ""
    if kind == "model":
        return typed if not key or key == OWN or _is_expression(typed) else key
    if kind == "scheduler" and (typed == NONE or key == NONE):
        return NONE
    call = tidied(typed if "(" in typed or not key else key)
    if problem := call_problem(call, kind, all_known):
        raise Refused(problem, "" if "(" in typed else call[:-1])
    return call


def _is_expression(typed: str) -> bool:
    return any(character in typed for character in ".[(")


def _while_typed(typed: str, kind: ChoiceKind, known: Sequence[Choice]) -> str:
    """Return what is wrong already; what only is not finished yet is not."""
    head, comma, _ = typed.rpartition(",")
    finished = typed.rstrip().endswith(")")
    checked = typed if finished else head if comma else typed.partition("(")[0] + "("
    problem = call_problem(checked, kind, known)
    return "" if not finished and ("not readable" in problem or " needs " in problem) else problem
