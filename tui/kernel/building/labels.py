"""How layers are written: which of their arguments by place and which by name, in labels and in code."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from collections.abc import Mapping

from tui.kernel.building.code_classes import arguments_of
from tui.kernel.building.parameters import Constructor, constructor_of
from tui.kernel.building.parts import Part
from tui.kernel.building.resolve import class_of
from tui.kernel.building.words import Unfit
from tui.protocol.building import Argument

OPEN = "..."
"""Stands for a size that is not known yet."""


class Labels:
    """Writes the layers of a design."""

    def __init__(self, namespace: Mapping[str, object]) -> None:
        self._namespace = namespace
        self._constructors: dict[str, Constructor] = {}

    def label(self, part: Part) -> str:
        """Return a block as it stands in the table, e.g. ``Conv2d(1, 32, 3)`` or ``Residual``."""
        block = part.block
        if block.kind == "layer":
            texts = [text if not name else f"{name}={text}" for name, _, text in self.arguments(part)]
            return f"{block.layer.removeprefix('nn.')}({', '.join(texts)})"
        if block.kind == "expression":
            return block.layer.strip()
        if block.kind == "parallel":
            return "Add" if block.join == "add" else f"Concatenate(dim={block.dim})"
        if block.kind == "repeat":
            return f"Repeat × {block.times}"
        if block.kind == "residual" and part.projection is not None:
            return f"Residual + {written(part.projection.layer, part.projection.arguments)}"
        return block.kind.capitalize()

    def arguments(self, part: Part) -> list[tuple[str, str, str]]:
        """Return for each argument of a layer the name before it (empty: by place), its own name, and its text."""
        given = {argument.name: argument.text for argument in arguments_of(part)}
        return by_place(self._constructor(part.block.layer), given)

    def _constructor(self, layer: str) -> Constructor:
        if layer not in self._constructors:
            try:
                self._constructors[layer] = constructor_of(class_of(layer, self._namespace))
            except Unfit:
                self._constructors[layer] = Constructor((), any_name=True)
        return self._constructors[layer]


def by_place(constructor: Constructor, given: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return arguments in the order of the signature: the required ones by place, others by name."""
    found: list[tuple[str, str, str]] = []
    placed = True
    for index, formal in enumerate(constructor.formals):
        text = given.get(formal.name)
        if text is None and formal.required:
            text = OPEN
        if text is None:
            placed = False
            continue
        leads = formal.required or (index == 0 and formal.kind != "bool" and formal.name != "dim")
        placed = placed and leads and not formal.keyword_only
        found.append(("" if placed else formal.name, formal.name, tidy(text)))
    known = {formal.name for formal in constructor.formals}
    found += [(name, name, tidy(text)) for name, text in given.items() if name not in known]
    return found


def written(layer: str, arguments: tuple[Argument, ...]) -> str:
    """Return one of torch's own layers as in a label."""
    constructor = constructor_of(class_of(layer, {}))
    given = {argument.name: argument.text for argument in arguments}
    texts = [text if not name else f"{name}={text}" for name, _, text in by_place(constructor, given)]
    return f"{layer.removeprefix('nn.')}({', '.join(texts)})"


@functools.lru_cache(maxsize=4096)
def tidy(text: str) -> str:
    """Return an expression as a formatter writes it; what is none as it is, on one line."""
    if text == OPEN:
        return text
    try:
        plain = ast.unparse(ast.parse(text.strip(), mode="eval"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return " ".join(text.split())
    return quoted(plain)


def quoted(code: str) -> str:
    """Return code with double quotes around its strings, where nothing in them is against it."""
    if "'" not in code:
        return code
    lines = code.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(code).readline))):
        text = token.string
        plain = token.type == tokenize.STRING and text.startswith("'") and not text.startswith("'''")
        if plain and '"' not in text and "\\" not in text and token.start[0] == token.end[0]:
            row = token.start[0] - 1
            line = lines[row]
            lines[row] = f'{line[: token.start[1]]}"{text[1:-1]}"{line[token.end[1] :]}'
    return "".join(lines)
