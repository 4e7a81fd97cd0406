"""What could stand at the cursor: pure functions of code, cursor and matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

MAX_MATCHES = 2_000


class CompletionsLike(Protocol):
    """Answer of a completer."""

    @property
    def matches(self) -> Sequence[str]:
        """Texts that may replace the part from `start` to `end`."""

    @property
    def start(self) -> int:
        """Index into the code where a match begins."""

    @property
    def end(self) -> int:
        """Index into the code up to which a match replaces it."""


@dataclass(frozen=True)
class Completions:
    """What could stand at the cursor."""

    matches: tuple[str, ...]
    start: int
    """Index into the code where a match begins."""
    end: int
    """Index into the code up to which a match replaces it."""


def usable(matches: Sequence[str]) -> tuple[str, ...]:
    """Return the matches that can be inserted: one printable line each, private names last."""
    kept = dict.fromkeys(match for match in matches[:MAX_MATCHES] if match and match.isprintable())
    return tuple(sorted(kept, key=_is_private))


def _is_private(match: str) -> int:
    """Return 0, 1 or 2 for ``name``, ``_name`` and ``__name__``."""
    last = match.rpartition(".")[2]
    return 2 if last.startswith("__") else int(last.startswith("_"))


def common_prefix(matches: Sequence[str]) -> str:
    """Return the longest text that all matches begin with."""
    first, last = min(matches, default=""), max(matches, default="")
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]


def narrowed(matches: Sequence[str], typed: str) -> tuple[str, ...]:
    """Return the matches that begin with what is typed by now."""
    return tuple(match for match in matches if match.startswith(typed))


def labels(matches: Sequence[str]) -> list[str]:
    """Return what to show for each: the part after the dots that all share."""
    cut = common_prefix(matches).rfind(".") + 1 if len(matches) > 1 else 0
    return [match[cut:] for match in matches]
