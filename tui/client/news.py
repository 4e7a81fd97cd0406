"""What a kernel session tells its listeners: past facts, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tui.protocol.messages import Event, KernelStatus

KernelState = Literal["starting", "idle", "busy", "dead"]


@dataclass(frozen=True)
class StateChanged:
    """The kernel went from one state to another."""

    state: KernelState


@dataclass(frozen=True)
class StatusRead:
    """A fresh `KernelStatus` came."""

    status: KernelStatus


@dataclass(frozen=True)
class KernelEnded:
    """The kernel's process is gone."""

    reason: str
    """One sentence: exit code or signal, and what usually causes it."""
    log_tail: tuple[str, ...]
    """The last lines of its stderr."""
    expected: bool
    """Whether we asked it to end."""


@dataclass(frozen=True)
class EventHeard:
    """The kernel told news."""

    event: Event


@dataclass(frozen=True)
class CellStarted:
    """A cell began to run."""

    cell: str
    """Id of the cell: that of its execute request."""
    code: str
    count: int
    """The number in ``In [n]``."""
    ours: bool
    """False: another terminal of this session typed it."""


@dataclass(frozen=True)
class CellPrinted:
    """A cell wrote to stdout or stderr."""

    cell: str
    stream: Literal["stdout", "stderr"]
    text: str


@dataclass(frozen=True)
class CellShowed:
    """A cell displayed an object, or its last expression has a value."""

    cell: str
    data: dict[str, str]
    """MIME type to text (base64 for pictures)."""
    count: int | None = None
    """The number in ``Out[n]``; None for `display()`."""


@dataclass(frozen=True)
class CellFailed:
    """A cell raised."""

    cell: str
    kind: str
    message: str
    traceback: tuple[str, ...]
    """Lines with ANSI colours, as IPython made them."""


@dataclass(frozen=True)
class CellEnded:
    """A cell is through."""

    cell: str
    status: Literal["ok", "error", "aborted"]
    pages: tuple[str, ...] = field(default=())
    """Texts for a pager: the answer to ``name?``."""
    next_input: str = ""
    """Code that the cell wants in the input: what ``%load`` read."""


@dataclass(frozen=True)
class InputWanted:
    """A cell waits in `input()`."""

    cell: str
    prompt: str
    password: bool


@dataclass(frozen=True)
class OutputCleared:
    """A cell asked for its output to be cleared (progress bars do)."""

    cell: str
    wait: bool
    """Whether to clear only when the next output comes."""


News = (
    StateChanged | StatusRead | KernelEnded | EventHeard | CellStarted | CellPrinted | CellShowed
    | CellFailed | CellEnded | InputWanted | OutputCleared
)  # fmt: skip
