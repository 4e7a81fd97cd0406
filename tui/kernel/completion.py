"""Answers what could stand at the cursor, and what the call around it takes.

Names, attributes and arguments are found here, without running any code of the user's; magics, paths, keys,
imports, and expressions that can only be known by evaluating them are IPython's, whose guarded evaluation runs
what is known to be harmless. A name carries its details, for the first ones and for as long as there is time.
"""

from __future__ import annotations

import builtins
import keyword
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tui.kernel import completion_imports as imports
from tui.kernel import completion_members as members
from tui.kernel.completion_details import detailed
from tui.kernel.known_classes import Unknown
from tui.kernel.name_lookup import look_up
from tui.kernel.safe_objects import copy_of
from tui.kernel.signatures import Signature, first_sentence, signatures_of
from tui.protocol.completing import (
    CompletionItem,
    CompletionList,
    ListCompletions,
    ReadSignature,
    SignatureTip,
)
from tui.protocol.python_text import Call, Outline, call_at_end, expression_start, outline, word_before

DETAILS_S: Final = 0.04
"""How long details are looked up; names that come after have none."""
MOST: Final = 5_000
_KINDS_OF_IPYTHON: Final = {
    "magic": "magic", "path": "path", "dict key": "key", "param": "argument", "attribute": "name",
}  # fmt: skip
_OTHER_SYNTAX: Final = re.compile(
    r"\s*(?!%{1,2}(?:time|timeit|prun|capture|memit|pinfo2?|pdoc|pdef|psource)\s)[%!?]"
)
"""Lines that only IPython understands, but for magics that take code."""
_DEFINED: Final = re.compile(
    r"(?:\bdef|\bclass|\bas|\bfor)[ \t]+([^\W\d]\w*)|^[ \t]*([^\W\d]\w*)[ \t]*(?::[^=\n]+)?=(?!=)", re.M
)
_ASSIGNED_DEPTH: Final = 5

Names = dict[str, object]


def list_completions(shell: Any, request: ListCompletions) -> CompletionList:
    """Return what could stand at the cursor; `shell` is IPython's, whose namespace is the user's."""
    started_s = time.monotonic()
    code, cursor = request.code, min(max(request.cursor, 0), len(request.code))
    before = code[:cursor]
    seen = outline(before)
    if seen.comment:
        return CompletionList(cursor, cursor)
    line = before.rpartition("\n")[2]
    if seen.string is None and (imported := imports.completed(line)) is not None:
        typed, modules = imported
        return _list(
            cursor - len(typed), cursor, _fitting(modules, typed), request.detailed, started_s + DETAILS_S
        )
    if seen.string is None and not _OTHER_SYNTAX.match(line):
        found = _names(code, before, seen, shell.user_ns)
        if found is not None:
            start, names = found
            return _list(start, cursor, names, request.detailed, started_s + DETAILS_S)
    return _of_ipython(shell, code, cursor, within_string=seen.string is not None)


def _list(start: int, end: int, names: Names, most: int, deadline_s: float) -> CompletionList:
    """Give the first names their details."""
    order = list(names)[:MOST]
    items: list[CompletionItem] = []
    for name in order[:most]:
        if time.monotonic() > deadline_s:
            break
        items.append(detailed(name, names[name]))
    return CompletionList(start, end, tuple(items), tuple(order[len(items) :]))


def _names(
    code: str, before: str, seen: Outline, namespace: Mapping[str, object]
) -> tuple[int, Names] | None:
    """Return where the name at the cursor begins and what it could be; None where that cannot be told here."""
    typed = word_before(before, len(before))
    start = len(before) - len(typed)
    if before[:start].rstrip(" ").endswith("."):
        dot = before.rindex(".", 0, start)
        end = len(before[:dot].rstrip())
        expression = before[expression_start(before, end, seen) : end]
        if not expression:
            return (start, {}) if before[:dot][-1:].isdigit() else None
        try:
            names = members.attributes(resolve(expression, before, namespace))
        except Unknown:
            return None
        return start, _fitting(names, typed)
    if not typed and not seen.unclosed:
        return start, {}
    if before[:start][-1:].isdigit():
        return start, {}
    call = call_at_end(before, seen)
    arguments = _arguments(call, before, namespace) if call is not None else {}
    return start, _fitting({**arguments, **_known_names(code, start, namespace)}, typed)


def _known_names(code: str, start: int, namespace: Mapping[str, object]) -> Names:
    """Return the user's names, those that the code itself defines, Python's keywords and builtins, in this order."""
    own = {name: value for name, value in copy_of(namespace).items() if type(name) is str}
    defined: Names = {}
    for match in _DEFINED.finditer(code[:100_000]):
        name = match.group(1) or match.group(2)
        if name not in own and not match.start() <= start <= match.end():
            defined[name] = members.UNSEEN
    words: Names = dict.fromkeys(keyword.kwlist, members.KEYWORD)
    public = sorted(name for name in own if not name.startswith("_"))
    hidden = sorted(name for name in own if name.startswith("_"))
    return {
        **defined, **{name: own[name] for name in public}, **words,
        **{name: value for name, value in vars(builtins).items() if name not in own},
        **{name: own[name] for name in hidden},
    }  # fmt: skip


def _arguments(call: Call, before: str, namespace: Mapping[str, object]) -> Names:
    """Return the keyword arguments that the call may still be given, each with ``=``."""
    if call.keyword:
        return {}
    try:
        forms = signatures_of(resolve(call.callee, before, namespace))
    except Unknown:
        return {}
    names: Names = {}
    for form in forms:
        for parameter in form.parameters[: form.parameters.index("/")] if "/" in form.parameters else ():
            names.pop(parameter, None)
        for parameter in form.parameters[call.position if len(forms) == 1 else 0 :]:
            name, _, default = parameter.partition("=")
            if name.isidentifier() and name not in call.keywords and name != "self":
                names[f"{name}="] = members.Argument(default)
    return names


def resolve(expression: str, before: str, namespace: Mapping[str, object], depth: int = 0) -> object:
    """Return what an expression stands for; a name that is not there yet may be assigned in the code itself.

    Raises:
        Unknown: it cannot be told.
    """
    root = re.match(r"[^\W\d]\w*", expression.strip())
    if root is not None and depth < _ASSIGNED_DEPTH:
        assigned = re.compile(rf"^[ \t]*{root.group()}[ \t]*(?::[^=\n]+)?=(?!=)([^\n]+)$", re.M).findall(
            before
        )
        if assigned:
            try:
                value = resolve(assigned[-1], before[: before.rindex(assigned[-1])], namespace, depth + 1)
                return look_up(expression, {**copy_of(namespace), root.group(): value})
            except Unknown:
                pass
    return look_up(expression, namespace)


def _fitting(names: Names, typed: str) -> Names:
    """Return the names that begin with what is typed, private ones last."""
    fitting = [name for name in names if name.startswith(typed)]
    if not fitting and len(typed) > 1:
        small = typed.lower()
        fitting = [name for name in names if name.lower().startswith(small)]
    fitting.sort(key=lambda name: 2 if name.startswith("__") else int(name.startswith("_")))
    return {name: names[name] for name in fitting}


# -- IPython --------------------------------------------------------------------------------------


def _of_ipython(shell: Any, code: str, cursor: int, *, within_string: bool) -> CompletionList:
    from IPython.core.completer import provisionalcompleter, rectify_completions

    try:
        with provisionalcompleter():
            found = list(rectify_completions(code, shell.Completer.completions(code, cursor)))
    except Exception:  # noqa: BLE001 - a completer of the user's or of an extension may raise anything
        return CompletionList(cursor, cursor)
    if within_string:
        found = [item for item in found if item.type in ("path", "dict key")]
    if not found:
        return CompletionList(cursor, cursor)
    start, end = found[0].start, found[0].end
    texts = dict.fromkeys((item.text, item.type or "") for item in found if item.text)
    if all(text.startswith(".") for text, _ in texts):
        start, texts = start + 1, dict.fromkeys((text[1:], kind) for text, kind in texts)
    return CompletionList(start, end, tuple(_items_of_ipython(texts)))


def _items_of_ipython(texts: Iterable[tuple[str, str]]) -> Iterable[CompletionItem]:
    for text, kind in texts:
        told = _KINDS_OF_IPYTHON.get(kind, "magic" if text.startswith("%") else "name")
        yield CompletionItem(text, told)  # type: ignore[arg-type]


# -- the call around the cursor -------------------------------------------------------------------


def read_signature(shell: Any, request: ReadSignature) -> SignatureTip:
    """Return what the innermost call around the cursor takes; `shell` is IPython's."""
    before = request.code[: max(request.cursor, 0)]
    call = call_at_end(before)
    if call is None:
        return SignatureTip()
    try:
        callee = resolve(call.callee, before, shell.user_ns)
    except Unknown:
        return SignatureTip()
    forms = signatures_of(callee)
    if not forms:
        return SignatureTip()
    actives = [active_parameter(form, call) for form in forms]
    chosen = next(
        (i for i, active in enumerate(actives) if active is not None and _takes_all(forms[i], call)), 0
    )
    form = forms[chosen]
    return SignatureTip(
        _callee_name(call.callee), form.parameters, actives[chosen], form.returns, first_sentence(callee),
        chosen + 1, len(forms), call.bracket,
    )  # fmt: skip


def _callee_name(callee: str) -> str:
    return callee if len(callee) <= 40 else "…" + callee[-39:]


def _takes_all(form: Signature, call: Call) -> bool:
    """Whether the form has every keyword argument that is there already."""
    names = {parameter.partition("=")[0] for parameter in form.parameters}
    takes_any = any(parameter.startswith("**") for parameter in form.parameters)
    return takes_any or names.issuperset(call.keywords)


def active_parameter(form: Signature, call: Call) -> int | None:
    """Return the index of the parameter that the argument at the end of the code goes to."""
    positional = 0
    for index, parameter in enumerate(form.parameters):
        if parameter == "/":
            continue
        name = parameter.partition("=")[0]
        if call.keyword:
            if name == call.keyword or parameter.startswith("**"):
                return index
        elif parameter.startswith("**") or parameter == "*":
            break
        elif parameter.startswith("*") or positional == call.position:
            return index
        positional += 1
    return None
