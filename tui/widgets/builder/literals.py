"""What is typed for an argument: read by the kind of its parameter, and refused with words where it is wrong."""

from __future__ import annotations

import ast
import keyword
import re

from tui.protocol.building import Parameter

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "True or False",
    "str": "a text",
    "size": "a whole number, or several: 3, (3, 5), 3x5",
    "other": "a Python expression",
}
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_BY = re.compile(r"\d+(\s*x\s*\d+)+")
MOST_CHARACTERS = 400


def read_value(parameter: Parameter, typed: str) -> str:
    """Return the Python text of a value; empty where it is left open or takes its default.

    Raises:
        ValueError: it is none that the parameter can have; says what it can.
    """
    text = typed.strip()
    if not text or text == parameter.default:
        return ""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{parameter.name}: longer than {MOST_CHARACTERS} characters")
    for choice in parameter.choices:
        if text.lower() in (choice.lower(), _bare(choice).lower()):
            value = as_literal(choice)
            return "" if value == as_literal(parameter.default) else value
    if parameter.kind == "choice":
        raise ValueError(f"{parameter.name}: one of {', '.join(map(_bare, parameter.choices))}")
    if text == "None" and parameter.default == "None":
        return ""
    read = {
        "int": _int, "float": _float, "bool": _bool, "str": _str, "size": _size, "other": _other,
    }[parameter.kind]  # fmt: skip
    value = read(parameter, text)
    return "" if value == parameter.default else value


def as_literal(choice: str) -> str:
    """Return a choice as Python text: quoted where it is a text."""
    if not choice:
        return ""
    try:
        ast.literal_eval(choice)
    except (ValueError, SyntaxError):
        return repr(choice)
    return choice


def _bare(choice: str) -> str:
    return choice.strip("'\"")


def _wrong(parameter: Parameter, text: str) -> ValueError:
    wanted = _KINDS[parameter.kind]
    if parameter.minimum is not None:
        wanted += f" of {parameter.minimum:g} or more"
    return ValueError(f"{parameter.name}: {wanted}, not {text[:40]}")


def _literal(parameter: Parameter, text: str) -> object:
    try:
        value: object = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise _wrong(parameter, text) from None
    return value


def _int(parameter: Parameter, text: str) -> str:
    value = _literal(parameter, text.replace(",", "_") if re.fullmatch(r"\d{1,3}(,\d{3})+", text) else text)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(parameter, text)
    if parameter.minimum is not None and value < parameter.minimum:
        raise _wrong(parameter, text)
    return str(value)


def _float(parameter: Parameter, text: str) -> str:
    value = _literal(parameter, text)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(parameter, text)
    if value != value or (parameter.minimum is not None and value < parameter.minimum):
        raise _wrong(parameter, text)
    return repr(value)


def _bool(parameter: Parameter, text: str) -> str:
    if text.lower() in _TRUE:
        return "True"
    if text.lower() in _FALSE:
        return "False"
    raise _wrong(parameter, text)


def _str(parameter: Parameter, text: str) -> str:
    if text[:1] in "'\"":
        value = _literal(parameter, text)
        if not isinstance(value, str):
            raise _wrong(parameter, text)
        return repr(value)
    return repr(text)


def _size(parameter: Parameter, text: str) -> str:
    plain = text
    if _BY.fullmatch(text):
        plain = text.replace("x", ",")
    if parameter.name == "padding" and _bare(text) in ("same", "valid"):
        return repr(_bare(text))
    value = _literal(parameter, plain)
    if parameter.name == "scale_factor" and isinstance(value, float):
        return repr(value)
    numbers = value if isinstance(value, tuple | list) else (value,)
    for number in numbers:
        if number is None and isinstance(value, tuple | list):
            continue
        if not isinstance(number, int) or isinstance(number, bool):
            raise _wrong(parameter, text)
        if parameter.minimum is not None and number < parameter.minimum:
            raise _wrong(parameter, text)
    return repr(tuple(value)) if isinstance(value, tuple | list) else str(value)


def _other(parameter: Parameter, text: str) -> str:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise _wrong(parameter, text) from None
    return text


def name_problem(name: str) -> str:
    """Return what is wrong with the name of a block or a value; empty: nothing."""
    if not name:
        return ""
    if not name.isascii() or not name.isidentifier():
        return f"{name[:40]!r} is no name: letters, digits and _ only, no digit first"
    if keyword.iskeyword(name) or name in ("self", "super"):
        return f"{name!r} is a word of Python itself"
    return ""
