"""The line at the bottom: session, kernel, torch, device, memory, run."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.protocol.messages import KernelStatus
from tui.widgets.foreign import clean
from tui.widgets.words import size

DOTS = {"starting": "◌", "idle": "●", "busy": "◉", "dead": "✗"}


def status_fields(
    session: str, state: str, status: KernelStatus | None, *, with_step: bool = True
) -> list[tuple[str, int]]:
    """Return what the bar says, in order, each with its importance: 0 is never left out.

    `with_step`: how far a run in progress is too, which is a little behind what its own screen tells.
    """
    run = status.run if status is not None and state != "dead" else None  # a dead kernel's run died with it
    in_progress = run is not None and run.status in ("running", "paused")
    # beside a run, "idle" needs to say of whom
    fields = [(f"{DOTS.get(state, ' ')} {state}" + (" (REPL)" if in_progress else ""), 0)]
    if status is None:
        return [*fields, (session, 2)] if session else fields
    if run is not None and in_progress:
        fields += [(f"run {run.status}", 0), *([(f"step {run.step:,}", 2)] if with_step else [])]
    if status.torch_state == "importing":
        fields.append(("importing torch…", 0))
    elif status.torch_state == "failed":
        fields.append(("torch: import failed", 0))
    else:
        fields.append((f"torch {status.torch}", 2))
        fields.append((" ".join(part for part in (status.device, status.device_name) if part), 1))
    if status.cuda is not None:
        fields.append((f"GPU {size(status.cuda.allocated_bytes)} allocated", 2))
        fields.append(
            (f"{size(status.cuda.reserved_bytes)} reserved, {size(status.cuda.free_bytes)} free", 4)
        )
    fields.append((f"{size(_steady(status.rss_bytes))} RAM", 3))
    if run is not None and not in_progress:
        fields.append((f"run {run.status}", 1))
    if session:
        fields.append((f"session {session}", 2))
    return fields


def _steady(size_bytes: int) -> int:
    """Round to 10 MB, so that an idle kernel's memory does not flicker (and cost bytes)."""
    return round(size_bytes / 1e7) * 10_000_000


def fit_fields(fields: list[tuple[str, int]], width: int) -> list[str]:
    """Leave out the least important fields until the rest fits `width` cells."""
    kept = list(fields)
    while len(kept) > 1 and sum(cell_len(text) + 3 for text, _ in kept) > width:
        worst = max(importance for _, importance in kept)
        if worst == 0:
            break
        kept.remove(next(field for field in reversed(kept) if field[1] == worst))
    return [text for text, _ in kept]


class StatusBar(Widget):
    """One line, repainted only when what it says has changed."""

    DEFAULT_CSS = """
    StatusBar { height: 1; background: $panel; color: $text-muted; }
    StatusBar > .status-bar--idle { color: $success; }
    StatusBar > .status-bar--busy { color: $warning; }
    StatusBar > .status-bar--starting { color: $accent; }
    StatusBar > .status-bar--dead { color: $error; text-style: bold; }
    """
    COMPONENT_CLASSES = {f"status-bar--{state}" for state in DOTS}

    fields: reactive[tuple[tuple[str, int], ...]] = reactive((), repaint=True)
    state: reactive[str] = reactive("starting", repaint=True)

    def show(self, session: str, state: str, status: KernelStatus | None) -> None:
        """Show how the session is."""
        self.state = state
        shows_runs = getattr(self.screen, "MODE", "") == "training"
        self.fields = tuple(status_fields(session, state, status, with_step=not shows_runs))

    def render_line(self, y: int) -> Strip:
        """Draw the only line."""
        plain = self.rich_style
        segments = [Segment(" ", plain)]
        fields = [(clean(text), importance) for text, importance in self.fields]
        for number, text in enumerate(fit_fields(fields, self.size.width - 1)):
            if number:
                segments.append(Segment(" │ ", plain + Style(dim=True)))
                segments.append(Segment(text, plain))
            elif self.state in DOTS:
                segments.append(
                    Segment(
                        text, plain + self.get_component_rich_style(f"status-bar--{self.state}", partial=True)
                    )
                )
        return Strip(segments).adjust_cell_length(self.size.width, plain)
