"""What could stand at the cursor: pure functions of what the kernel found."""

from __future__ import annotations

from collections.abc import Sequence

from tui.protocol.completing import CompletionItem, CompletionList

MAX_MATCHES = 5_000
_SHORT_KINDS = {"name": "", "argument": "arg", "attribute": "attr", "parameter": "param", "keyword": ""}


def usable(found: CompletionList) -> tuple[CompletionItem, ...]:
    """Return the items that can be inserted: one printable line each, private names last."""
    items = (*found.items, *(CompletionItem(text) for text in found.more[:MAX_MATCHES]))
    kept = {item.text: item for item in reversed(items) if item.text and item.text.isprintable()}
    in_order = dict.fromkeys(item.text for item in items if item.text in kept)
    return tuple(kept[text] for text in sorted(in_order, key=_is_private))


def _is_private(text: str) -> int:
    """Return 0, 1 or 2 for ``name``, ``_name`` and ``__name__``."""
    last = text.rpartition(".")[2]
    return 2 if last.startswith("__") else int(last.startswith("_"))


def is_bare(item: CompletionItem) -> bool:
    """Whether nothing is known of an item but its text."""
    return item.kind == "name" and not item.detail


def common_prefix(texts: Sequence[str]) -> str:
    """Return the longest text that all begin with."""
    first, last = min(texts, default=""), max(texts, default="")
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]


def narrowed(items: Sequence[CompletionItem], typed: str) -> tuple[CompletionItem, ...]:
    """Return the items that begin with what is typed by now; where none does, whatever its case."""
    exact = tuple(item for item in items if item.text.startswith(typed))
    small = typed.lower()
    return exact or tuple(item for item in items if item.text.lower().startswith(small))


def labels(texts: Sequence[str]) -> list[str]:
    """Return what to show for each: the part after the dots that all share."""
    cut = common_prefix(texts).rfind(".") + 1 if len(texts) > 1 else 0
    return [text[cut:] for text in texts]


def kind_word(item: CompletionItem) -> str:
    """Return the kind as the list shows it."""
    return _SHORT_KINDS.get(item.kind, item.kind)
