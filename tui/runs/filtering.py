"""A filter for runs as it is typed: ``lr>=1e-3 status=finished accuracy>0.95 tag=good digits``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from tui.runs.compare import ComparedRun

_TERM = re.compile(r"([^\s=<>!~]+)(>=|<=|!=|==|=|>|<|~)(\S*)")
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne,
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
FIELDS: Final = ("name", "status", "device", "tag", "sweep", "id", "experiment")
"""What can be asked for beside knobs and metrics."""


class FilterError(ValueError):
    """A filter that cannot be understood; the message is for the user."""


@dataclass(frozen=True)
class Term:
    """One condition."""

    field: str
    """Empty: `text` occurs in the name, the experiment, a tag or the notes."""
    sign: str
    text: str


def parse_filter(text: str, runs: Sequence[ComparedRun]) -> tuple[Term, ...]:
    """Return the conditions in a text, all of which must hold.

    Raises:
        FilterError: a field that none of the runs has, or a size compared with what is no number.
    """
    terms = []
    known = _known(runs)
    for word in text.split():
        found = _TERM.fullmatch(word)
        if found is None:
            terms.append(Term("", "~", word))
            continue
        name, sign, value = found.groups()
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise FilterError(f"no run has a knob or metric {name!r}{hint}")
        if sign in (">", ">=", "<", "<=") and _number(value) is None:
            raise FilterError(f"{name}{sign} wants a number after it, not {value!r}")
        terms.append(Term(name, sign, value))
    return tuple(terms)


def matching(runs: Iterable[ComparedRun], terms: Sequence[Term]) -> tuple[ComparedRun, ...]:
    """Return the runs for which every condition holds."""
    return tuple(run for run in runs if all(_holds(run, term) for term in terms))


def _known(runs: Sequence[ComparedRun]) -> list[str]:
    names = dict.fromkeys(FIELDS)
    for run in runs:
        names |= dict.fromkeys(run.knobs)
        for tag in run.metrics:
            names |= {tag: None, tag.partition("/")[2] or tag: None}
    return list(names)


def _holds(run: ComparedRun, term: Term) -> bool:
    if not term.field:
        info = run.record.info
        places = [
            run.record.name,
            run.record.id,
            info.experiment if info else "",
            *run.labels.tags,
            run.labels.notes,
        ]
        return any(term.text.lower() in place.lower() for place in places)
    values = list(_values(run, term.field))
    if term.sign == "!=":
        return not any(_same(value, term.text) for value in values)
    return any(_fits(value, term) for value in values)


def _values(run: ComparedRun, name: str) -> Iterable[object]:
    info = run.record.info
    fixed: dict[str, Iterable[object]] = {
        "name": (run.record.name,), "status": (run.record.status,), "id": (run.record.id,), "tag": run.labels.tags,
        "device": (info.device,) if info else (), "sweep": (info.sweep,) if info else (),
        "experiment": (info.experiment,) if info else (),
    }  # fmt: skip
    if name in run.knobs:
        yield run.knobs[name]
    elif name in fixed:
        yield from fixed[name]
    elif name in run.metrics:
        yield run.metrics[name].best
    else:  # `accuracy` alone: of the validation, else of the test set, else of the training
        tags = (f"{split}/{name}" for split in ("val", "test", "train"))
        yield from [run.metrics[tag].best for tag in tags if tag in run.metrics][:1]


def _fits(value: object, term: Term) -> bool:
    if term.sign == "~":
        return term.text.lower() in str(value).lower()
    if term.sign in ("=", "=="):
        return _same(value, term.text)
    wanted, have = _number(term.text), _number(value)
    return wanted is not None and have is not None and _COMPARE[term.sign](have, wanted)


def _same(value: object, text: str) -> bool:
    wanted, have = _number(text), _number(value)
    if wanted is not None and have is not None:
        return have == wanted
    return str(value).lower() == text.lower()


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
