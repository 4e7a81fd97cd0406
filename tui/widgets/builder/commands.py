"""One line that places blocks: ``conv 32 3 padding=1 | relu | pool 2``, ``Conv2d(1, 32, 3)``, ``= x.mean(1)``."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tui.protocol.building import (
    Argument,
    Block,
    Catalogue,
    Parameter,
)
from tui.widgets.builder.literals import read_value
from tui.widgets.builder.search import Offer, leading_words, search

_CALL: Final = re.compile(r"\s*(?P<name>[A-Za-z_][\w.]*)\s*\((?P<arguments>.*)\)\s*$", re.DOTALL)
_PAIR: Final = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)$", re.DOTALL)
_OPENING, _CLOSING = "([{", ")]}"

PLACED_WITH: Final[dict[str, Block]] = {
    "nn.MultiheadAttention": Block(
        0, "layer", arguments=(Argument("batch_first", "True"),), inputs=("x", "x", "x"), take="[0]"
    ),
    "nn.LSTM": Block(0, "layer", arguments=(Argument("batch_first", "True"),), take="[0]"),
    "nn.GRU": Block(0, "layer", arguments=(Argument("batch_first", "True"),), take="[0]"),
    "nn.RNN": Block(0, "layer", arguments=(Argument("batch_first", "True"),), take="[0]"),
    "nn.TransformerEncoderLayer": Block(0, "layer", arguments=(Argument("batch_first", "True"),)),
    "nn.TransformerDecoderLayer": Block(0, "layer", arguments=(Argument("batch_first", "True"),)),
}
"""What layers with several inputs or outputs, or with another idea of a batch, are placed with."""
_FIRST_MEANT: Final = {"nn.Upsample": "scale_factor"}
"""The argument that is meant by the first value, where it is not the first of the signature: ``up 2``."""


@dataclass(frozen=True)
class Placement:
    """What a line places."""

    block: Block
    missing: tuple[str, ...] = ()
    """Arguments that still have to be given."""
    problem: str = ""
    """What is wrong with an argument; empty: nothing."""


def parts_of(line: str) -> list[str]:
    """Return the parts of a line, which ``|`` separates; those in brackets or quotes do not."""
    return split(line, "|")


def split(text: str, separators: str) -> list[str]:
    """Split text at separators outside of brackets and quotes; keeps empty parts."""
    parts, depth, quote, current = [], 0, "", ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth = max(0, depth - 1)
        elif depth == 0 and character in separators:
            parts.append(current)
            current = ""
            continue
        current += character
    parts.append(current)
    return parts


@dataclass(frozen=True)
class Typed:
    """One part of a line, taken apart."""

    words: tuple[str, ...]
    """To search for."""
    arguments: tuple[str, ...]
    as_call: bool = False
    """Whether it was written as Python would call it, where every argument counts."""
    expression: str = ""


def read_part(part: str) -> Typed:
    """Take one part of a line apart."""
    text = part.strip()
    if text.startswith("="):
        return Typed(("=",), (), expression=text[1:].strip())
    call = _CALL.match(text)
    if call:
        arguments = [one.strip() for one in split(call["arguments"], ",")]
        return Typed((call["name"],), tuple(filter(None, arguments)), as_call=True)
    tokens = [token for token in split(text, " ,\t") if token]
    words = leading_words(tokens)
    return Typed(tuple(words), tuple(tokens[len(words) :]))


def offers_for(
    catalogue: Catalogue, part: str, *, dimensions: int | None = None, recent: Sequence[str] = ()
) -> list[Offer]:
    """Return what a part may mean, the best first."""
    typed = read_part(part)
    found = search(catalogue, typed.words, dimensions=dimensions, recent=recent)
    words = typed.words
    while not found and len(words) > 1:  # the last of the words are arguments: `upsample nearest`
        words = words[:-1]
        found = search(catalogue, words, dimensions=dimensions)
    return found


def place(offer: Offer, part: str) -> Placement:
    """Return the block that a part of a line places, of what was chosen from the offers for it."""
    typed = read_part(part)
    if offer.kind == "expression":
        return _expression(typed)
    if offer.kind != "layer" or offer.entry is None:
        return _structure(offer, typed)
    arguments = [*_after_name(offer, typed), *typed.arguments]
    block = replace(PLACED_WITH.get(offer.layer, Block(0, "layer")), id=0, kind="layer", layer=offer.layer)
    given = {one.name: one.text for one in block.arguments}
    known = {parameter.name for parameter in offer.entry.parameters}
    given = {name: text for name, text in given.items() if name in known}
    try:
        parameters: Sequence[Parameter] = offer.entry.parameters
        if not typed.as_call and (first := _FIRST_MEANT.get(offer.layer)):
            parameters = sorted(parameters, key=lambda one: one.name != first)
        given |= _read_either(parameters, arguments, offer.entry.parameters, every=typed.as_call)
    except ValueError as error:
        return Placement(block, problem=str(error))
    missing = tuple(
        one.name for one in offer.entry.parameters if not one.default and not one.inferred and one.name not in given
    )  # fmt: skip
    order = [one.name for one in offer.entry.parameters]
    named = sorted(given.items(), key=lambda pair: order.index(pair[0]))
    return Placement(replace(block, arguments=tuple(Argument(*pair) for pair in named if pair[1])), missing)


def _read_either(
    parameters: Sequence[Parameter], texts: Sequence[str], whole: Sequence[Parameter], *, every: bool
) -> dict[str, str]:
    """Return the value of each parameter; where they do not fit without those that fill themselves, with them.

    ``linear 784 128`` is meant as it would be called.
    """
    try:
        return _read_arguments(parameters, texts, every=every)
    except ValueError:
        if every or any(map(_PAIR.match, texts)):
            raise
        try:
            return _read_arguments(whole, texts, every=True)
        except ValueError:
            pass
        raise


def _after_name(offer: Offer, typed: Typed) -> tuple[str, ...]:
    """Return the words that were taken for words to search but are arguments, once it is known what was meant."""
    for count in range(1, len(typed.words)):
        text = f"{offer.title} {offer.group} {offer.summary}".lower()
        if typed.words[count].lower() not in text:
            return typed.words[count:]
    return ()


def _read_arguments(parameters: Sequence[Parameter], texts: Sequence[str], *, every: bool) -> dict[str, str]:
    """Return the value of each parameter; without `every`, those that fill themselves are passed over."""
    by_name = {one.name: one for one in parameters}
    places = [one for one in parameters if every or not one.inferred]
    given: dict[str, str] = {}
    for text in texts:
        pair = _PAIR.match(text)
        if pair is not None:
            parameter = by_name.get(pair["name"]) or _starting_with(pair["name"], parameters)
            value = pair["value"]
        elif places:
            parameter, value = places[0], text
        else:
            raise ValueError(f"{text[:40]}: there are no more arguments")
        if parameter in places:
            places.remove(parameter)
        if parameter.name in given:
            raise ValueError(f"{parameter.name} is given twice")
        given[parameter.name] = read_value(parameter, value)
    return given


def _starting_with(name: str, parameters: Sequence[Parameter]) -> Parameter:
    found = [one for one in parameters if one.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    which = " or ".join(one.name for one in found) or ", ".join(one.name for one in parameters) or "none"
    raise ValueError(f"no argument {name[:40]}: {which}")


def _expression(typed: Typed) -> Placement:
    text = typed.expression or " ".join(typed.arguments)
    block = Block(0, "expression", layer=text)
    problem = expression_problem(text)
    return Placement(block, () if text else ("an expression of x",), problem if text else "")


def expression_problem(text: str) -> str:
    """Return what is wrong with an expression; empty: nothing."""
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        return f"{text[:40]}: {reason}"
    return ""


def _structure(offer: Offer, typed: Typed) -> Placement:
    """Return a block that holds others: ``repeat 6``, ``concatenate 1``, ``sequence features``."""
    block = Block(0, offer.kind)
    words = (*_after_name(offer, typed), *typed.arguments)
    if offer.kind == "repeat":
        block = replace(block, times=2)
    if offer.title == "Concatenate":
        block = replace(block, join="concatenate")
    for word in words:
        name, _, value = word.rpartition("=")
        number = int(value) if re.fullmatch(r"-?\d{1,4}", value) else None
        if number is not None and offer.kind == "repeat" and name in ("", "times"):
            if number < 1:
                return Placement(block, problem="times: 1 or more")
            block = replace(block, times=number)
        elif number is not None and offer.kind == "parallel" and name in ("", "dim"):
            block = replace(block, dim=number)
        elif value.isidentifier() and name in ("", "name"):
            block = replace(block, name=value)
        else:
            return Placement(block, problem=f"{word[:40]}: no argument of {offer.title}")
    return Placement(block)
