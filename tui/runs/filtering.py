"""A filter for runs as it is typed: ``lr>=1e-3 status=finished accuracy>0.95 tag=good digits``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from tui.runs.compare import ComparedRun

_SIGN = r">=|<=|!=|==|=|>|<|~"
_TERM = re.compile(rf"([^\s=<>!~]+)({_SIGN})(.*)", re.DOTALL)
_AROUND_SIGN = re.compile(rf"\s*({_SIGN})\s*")
_WORD = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_ORDERS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_TURNED: Final = {"=>": ">=", "=<": "<=", "=!": "!=", "=~": "~", "><": "!=", "<>": "!="}
"""Signs as they are mistyped."""
_SECONDS: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
FIELDS: Final = ("name", "status", "device", "tag", "note", "sweep", "id", "experiment", "duration")
"""What can be asked for beside knobs and metrics; the duration in seconds, or with a unit: ``5m``."""


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
    known = known_fields(runs)
    for word in _words(text):
        if word.lower() in ("and", "&", "&&"):
            continue
        if word.lower() in ("or", "|", "||"):
            raise FilterError(
                "all conditions must hold: there is no 'or'; a word alone is looked for in names and tags"
            )
        found = _TERM.fullmatch(word)
        if found is None:
            if re.match(_SIGN, word):
                raise FilterError(f"a knob or metric is missing before {word!r}, as in lr{word}")
            terms.append(Term("", "~", word.replace('"', "")))
            continue
        name, sign, value = found.groups()
        value = value.replace('"', "")
        if sign + value[:1] in _TURNED:
            raise FilterError(
                f"{word!r}: did you mean {name}{_TURNED[sign + value[:1]]}{value[1:].lstrip('=')}?"
            )
        check_field(name, known)
        if sign in _ORDERS and _wanted(name, value) is None:
            raise FilterError(f"{name}{sign} wants a number after it, not {value!r}")
        terms.append(Term(name, sign, value))
    return tuple(terms)


def check_field(name: str, known: Sequence[str]) -> None:
    """Refuse a field that no run has.

    Raises:
        FilterError: with the nearest one.
    """
    if name not in known:
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise FilterError(f"no run has a knob or metric {name!r}{hint}")


def matching(runs: Iterable[ComparedRun], terms: Sequence[Term]) -> tuple[ComparedRun, ...]:
    """Return the runs for which every condition holds."""
    return tuple(run for run in runs if all(_holds(run, term) for term in terms))


def _words(text: str) -> list[str]:
    """Return the conditions as they are typed, with no spaces around their signs; what is quoted may hold spaces."""
    parts = text.split('"')
    parts[::2] = [_AROUND_SIGN.sub(r"\1", part) for part in parts[::2]]
    return _WORD.findall('"'.join(parts))


def known_fields(runs: Sequence[ComparedRun]) -> list[str]:
    """Return all that can be asked for of these runs: fields, knobs, metrics with and without their split."""
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
    values = list(values_of(run, term.field))
    if term.sign == "!=":
        return not any(_same(value, term) for value in values)
    return any(_fits(value, term) for value in values)


def values_of(run: ComparedRun, name: str) -> Iterable[object]:
    """Yield what a run has for a field: several tags, one knob, the best value of a metric, or nothing."""
    info = run.record.info
    fixed: dict[str, Iterable[object]] = {
        "name": (run.record.name,), "status": (_status(run),), "id": (run.record.id,), "tag": run.labels.tags,
        "device": (info.device,) if info else (), "sweep": (info.sweep,) if info else (),
        "experiment": (info.experiment,) if info else (), "note": (run.labels.notes,),
        "duration": (run.duration_s,) if run.duration_s is not None else (),
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


def _status(run: ComparedRun) -> str:
    """Return the status as lists show it: that of a log without a record is no lack."""
    return "log" if run.record.status == "unknown" else run.record.status


def _fits(value: object, term: Term) -> bool:
    if term.sign == "~":
        return term.text.lower() in str(value).lower()
    if term.sign in ("=", "=="):
        return _same(value, term)
    wanted, have = _wanted(term.field, term.text), number_of(value)
    if wanted is None or have is None:
        return False
    if _near(have, wanted):
        return term.sign in (">=", "<=")
    return _ORDERS[term.sign](have, wanted)


def _same(value: object, term: Term) -> bool:
    wanted, have = _wanted(term.field, term.text), number_of(value)
    if wanted is not None and have is not None:
        return _near(have, wanted) or f"{have:.4g}" == term.text or (have != have and wanted != wanted)
    return str(value).lower() == term.text.lower()


def _near(have: float, wanted: float) -> bool:
    """Return whether two numbers are the same but for float32's rounding: metrics are logged so."""
    return math.isclose(have, wanted, rel_tol=1e-6)


def _wanted(field: str, text: str) -> float | None:
    """Return a number as it is typed; of a duration in seconds."""
    number = number_of(text)
    if number is None and field == "duration":
        found = re.fullmatch(r"([\d.]+)([a-z]+)", text)
        factor = _SECONDS.get(found[2]) if found else None
        number = number_of(found[1]) if found and factor else None
        return number * factor if number is not None and factor is not None else None
    return number


def number_of(value: object) -> float | None:
    """Return a value as a number; None where it is none, as a bool."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
