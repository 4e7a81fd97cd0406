"""Python text that fits on lines: constructors that are wrapped like a formatter's, each line with its block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

WIDTH: Final = 88
_STEP: Final = "    "


@dataclass(frozen=True)
class Line:
    """A line of code."""

    text: str
    block: int | None = None
    """Id of the innermost block that it is of; None: of none."""

    def deeper(self) -> Line:
        """Return it one step further in; empty ones stay empty."""
        return Line(f"{_STEP}{self.text}" if self.text else "", self.block)


@dataclass(frozen=True)
class Raw:
    """A text that stands as it is."""

    text: str
    block: int | None = None


@dataclass(frozen=True)
class Call:
    """A constructor with arguments that are texts."""

    callee: str
    arguments: tuple[str, ...] = ()
    block: int | None = None


@dataclass(frozen=True)
class Items:
    """A constructor with constructors inside, one on each line."""

    opening: str
    """E.g. ``nn.Sequential(``."""
    items: tuple[Item, ...]
    closing: str = ")"
    block: int | None = None
    compact: bool = False
    """Whether it stands on one line where it fits and nothing inside is against it."""


@dataclass(frozen=True)
class Many:
    """So many of a constructor, as an argument: ``*[Block(64) for _ in range(6)]``."""

    node: Node
    count: int
    opening: str = "*["
    block: int | None = None


Node = Raw | Call | Items | Many


@dataclass(frozen=True)
class Item:
    """What stands on lines of its own inside a constructor."""

    node: Node
    comma: str = ","
    """Behind it where it is on lines of its own."""


@dataclass
class Writer:
    """Lines, at a depth of indentation."""

    lines: list[Line] = field(default_factory=list)

    def add(self, text: str, block: int | None = None) -> None:
        """Add a line."""
        self.lines.append(Line(text, block))

    def assign(self, target: str, node: Node, depth: int = 2) -> None:
        """Add ``target = node``, wrapped where it does not fit behind the indentation that is to come."""
        self.lines += rendered(node, f"{target} = ", "", WIDTH - depth * len(_STEP))


def flat(node: Node) -> str:
    """Return a constructor on one line."""
    if isinstance(node, Call):
        return f"{node.callee}({', '.join(node.arguments)})"
    if isinstance(node, Many):
        return f"{node.opening}{flat(node.node)} for _ in range({node.count})]"
    if isinstance(node, Raw):
        return node.text
    return node.opening + ", ".join(flat(item.node) for item in node.items) + node.closing


def rendered(node: Node, prefix: str, suffix: str, width: int) -> list[Line]:
    """Return a constructor on as few lines as read well."""
    line = prefix + flat(node) + suffix
    if isinstance(node, Raw) or (len(line) <= width and not _wants_lines(node)):
        return [Line(line, node.block)]
    if isinstance(node, Call):
        return _wrapped_call(node, prefix, suffix, width)
    inner = [line.deeper() for line in _inside(node, width - len(_STEP))]
    closing = "]" if isinstance(node, Many) else node.closing
    return [Line(prefix + node.opening, node.block), *inner, Line(closing + suffix, node.block)]


def _inside(node: Items | Many, width: int) -> list[Line]:
    if isinstance(node, Many):
        return [*rendered(node.node, "", "", width), Line(f"for _ in range({node.count})", node.block)]
    return [line for item in node.items for line in rendered(item.node, "", item.comma, width)]


def _wants_lines(node: Node) -> bool:
    """Whether a reader would put what is inside on lines of its own even where it fits on one."""
    if isinstance(node, Items):
        return (len(node.items) > 1 and not node.compact) or any(
            _wants_lines(item.node) for item in node.items
        )
    return isinstance(node, Many) and _wants_lines(node.node)


def _wrapped_call(node: Call, prefix: str, suffix: str, width: int) -> list[Line]:
    if not node.arguments:
        return [Line(f"{prefix}{node.callee}(){suffix}", node.block)]
    together = _STEP + ", ".join(node.arguments)
    inside = [together] if len(together) <= width else [f"{_STEP}{text}," for text in node.arguments]
    return [Line(line, node.block) for line in (f"{prefix}{node.callee}(", *inside, f"){suffix}")]


def joined(lines: Sequence[Line]) -> str:
    """Return the lines as a text that ends with a line break."""
    return "\n".join(line.text for line in lines) + "\n"
