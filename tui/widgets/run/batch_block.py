"""What the batch has done at which a run waits: data, forward, loss, backward, step, each with what came of it."""

from __future__ import annotations

from typing import Final

from tui.protocol.messages import RunPhase
from tui.protocol.training import BatchLook, DryValue
from tui.widgets.foreign import one_line
from tui.widgets.live_lines import LiveLines, Span

Lines = list[list[Span]]
ORDER: Final = ("data", "forward", "loss", "backward", "step")
_MOST: Final = 3
"""Tensors or parameters named on a line."""
HINT: Final = {
    "": "N next batch, phase by phase · n batch · p go on · < > lr · F3 gradients",
    "forward": "N compute the loss · n finish the batch · p go on · F2 output, batch",
    "loss": "N backward · n finish the batch · p go on · F3 graph of the loss",
    "backward": "N let the optimizer step · n finish the batch · p go on · F3 gradients",
    "step": "N next batch, forward · n next batch · p go on · < > lr · F3 changes",
}


def batch_lines(look: BatchLook, width: int) -> Lines:
    """Return six lines: five phases, the one just done marked, and the keys that go on."""
    done = ORDER.index(look.phase) if look.phase else len(ORDER) - 1
    told = {
        "data": _tensors([value for value in look.values if not _is_output(value)]),
        "forward": _tensors([value for value in look.values if _is_output(value)]),
        "loss": "" if look.loss is None else f"{look.loss:.5g}",
        "backward": _gradients(look),
        "step": _change(look),
    }
    lines: Lines = []
    for at, name in enumerate(ORDER):
        now = at == done and look.phase != ""
        mark = "▶ " if now else "✔ " if at <= done else "· "
        style = "now" if now else "" if at <= done else "muted"
        text = (told[name] or "done") if at <= done else _COMING[name]
        lines.append([(mark + f"{name:<9}", style), (one_line(text, max(8, width - 11)), style)])
    lines.append([(one_line(HINT[look.phase], width), "muted")])
    return lines


def newest_line(look: BatchLook, width: int) -> list[Span]:
    """Return the line of the phase that was just done; between two batches that of the loss."""
    return batch_lines(look, width)[ORDER.index(look.phase or "loss")]


_COMING: Final = {
    "loss": "output against target, as one number",
    "backward": "a gradient for every parameter; they were cleared when the batch began",
    "step": "the optimizer changes the parameters by their gradients",
}


def _is_output(value: DryValue) -> bool:
    return value.name.startswith("output")


def _tensors(values: list[DryValue]) -> str:
    parts = []
    for value in values[:_MOST]:
        shape = ", ".join(map(str, value.shape)) + ("," if len(value.shape) == 1 else "")
        note = f" {value.note}" if value.note else ""
        parts.append(f"{value.name} {value.dtype} ({shape}){note}")
    return " · ".join([*parts, "…"] if len(values) > _MOST else parts)


def _gradients(look: BatchLook) -> str:
    if look.grad_norm is None:
        return "no gradients"
    named = [
        f"{one.name} {one.grad_norm:.3g}" for one in look.parameters[:_MOST] if one.grad_norm is not None
    ]
    most = f"largest of {look.with_gradient:,}: " if look.with_gradient > len(named) else ""
    return f"gradient norm {look.grad_norm:.3g} · {most}{' · '.join(named)}"


def _change(look: BatchLook) -> str:
    if look.change is None:
        return "done; n or N from here shows by how much the parameters change"
    named = [
        f"{one.name} {_percent(one.change)}" for one in look.parameters[:_MOST] if one.change is not None
    ]
    return " · ".join([f"parameters changed by {_percent(look.change)}", *named])


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.2g} %"


class BatchBlock(LiveLines):
    """Six lines in the place of the log, while a run of this kernel is paused."""

    DEFAULT_CSS = """
    BatchBlock { height: 7; background: $background; border-top: solid $panel; padding: 0 1; }
    BatchBlock > .batchblock--now { color: $warning; background: $background; text-style: bold; }
    BatchBlock > .batchblock--muted { color: $text-muted; background: $background; }
    """
    STYLES = ("now", "muted")
    COMPONENT_CLASSES = {f"batchblock--{style}" for style in STYLES}

    def __init__(self) -> None:
        super().__init__()
        self._look: BatchLook | None = None

    @property
    def phase(self) -> RunPhase:
        """The phase that is shown as just done."""
        return self._look.phase if self._look is not None else ""

    def show_batch(self, look: BatchLook) -> None:
        """Show what the batch has done."""
        self._look = look
        self.show_lines()

    def lay_out(self, width: int, height: int) -> Lines:
        """Return the lines; none before there is a batch; where there is no room, the one that matters and the keys."""
        if self._look is None:
            return []
        lines = batch_lines(self._look, width)
        return lines if height >= len(lines) else [newest_line(self._look, width), lines[-1]][:height]
