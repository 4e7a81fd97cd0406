"""One run after the other, in the kernel: a sweep goes on whoever watches, and whether anybody does."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from tui.kernel.training.keep.rundir import process_started_at
from tui.protocol.codec import encode
from tui.protocol.messages import RunState
from tui.protocol.run import SWEEPS, KnobValue, RunSpec
from tui.protocol.training import QueuedRun, SweepRecord, SweepState

MOST_RECORDS: Final = 50
"""Files of sweeps that are kept beside the runs."""


class Runs(Protocol):
    """What a sweep needs of the trainer."""

    def state(self) -> RunState | None:
        """Return how the run is, the last one where it has ended."""

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the run to end."""


class Sweep:
    """Starts the runs of a list, each when the one before has ended, however it ended.

    A run that the user stops is over, and the next one begins; `end` lets none begin any more.
    """

    def __init__(
        self,
        name: str,
        specs: Sequence[RunSpec],
        start: Callable[[RunSpec], RunState],
        runs: Runs,
        on_change: Callable[[], None],
    ) -> None:
        """Args:
        start: starts a run; raises with words for the user where it is refused.
        on_change: called in the sweep's thread whenever a run of it has begun or ended.
        """
        self._name = name
        self._specs = [replace(spec, sweep=name) for spec in specs]
        self._start, self._runs, self._on_change = start, runs, on_change
        self._ended = False
        self._lock = threading.Lock()
        differing = _differing(specs)
        self._queue = [
            QueuedRun(number, {name: spec.knobs[name] for name in differing if name in spec.knobs}, "waiting")
            for number, spec in enumerate(specs, 1)
        ]
        self._file = SweepFile(name, self._specs)
        self._thread = threading.Thread(target=self._main, name=f"sweep {name}", daemon=True)

    def begin(self) -> None:
        """Begin with the first run, in a thread of its own."""
        self._keep()
        self._thread.start()

    @property
    def in_progress(self) -> bool:
        """Whether a run of it trains or waits for its turn."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Let none of the waiting runs begin; the one in progress goes on."""
        with self._lock:
            self._ended = True
            self._queue = [
                replace(run, status="stopped") if run.status == "waiting" else run for run in self._queue
            ]
        self._keep()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for its end; return whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def state(self) -> SweepState:
        """Return how it is; any thread may ask."""
        with self._lock:
            return SweepState(self._name, tuple(self._queue))

    def _main(self) -> None:
        self._train_all()
        with self._lock:
            self._ended = True
        self._keep()

    def _train_all(self) -> None:
        for index, spec in enumerate(self._specs):
            with self._lock:
                if self._ended:
                    return
                self._queue[index] = replace(self._queue[index], status="running")
            try:
                state = self._start(spec)
            except Exception as error:  # noqa: BLE001 - a run that cannot begin must not keep the others from it
                self._note(index, QueuedRun(index + 1, self._queue[index].knobs, "refused", error=str(error)))
                continue
            self._note(index, replace(self._queue[index], folder=state.folder))
            self._runs.join()
            ended = self._runs.state()
            if ended is not None and ended.id == state.id:
                state = ended
            status = state.status if state.status in ("finished", "stopped", "failed") else "failed"
            self._note(index, replace(self._queue[index], status=status, error=state.error))

    def _note(self, index: int, run: QueuedRun) -> None:
        with self._lock:
            self._queue[index] = run
        self._keep()
        self._on_change()

    def _keep(self) -> None:
        with self._lock:
            self._file.write(self._queue, ended=self._ended)


class SweepFile:
    """The record of a sweep beside its runs. What cannot be written is not told: the sweep goes on without it."""

    def __init__(self, name: str, specs: Sequence[RunSpec]) -> None:
        self._specs = tuple(specs)
        now = datetime.now(UTC)
        self._record = SweepRecord(
            name, (), self._specs, os.getpid(), socket.gethostname(), now.isoformat(timespec="seconds"),
            process_started_at(),
        )  # fmt: skip
        folder = Path(specs[0].runs_dir) / SWEEPS
        self._path = folder / f"{now:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(2)}.json"

    def write(self, runs: Sequence[QueuedRun], *, ended: bool) -> None:
        """Replace the file atomically."""
        text = json.dumps(encode(replace(self._record, runs=tuple(runs), ended=ended)))
        fresh = self._path.with_suffix(".tmp")
        with contextlib.suppress(OSError):
            if not self._path.exists():
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                for old in sorted(self._path.parent.glob("*.json"))[: 1 - MOST_RECORDS]:
                    old.unlink(missing_ok=True)
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self._path)


def _differing(specs: Sequence[RunSpec]) -> list[str]:
    """Return the knobs in which some specs differ, in order."""
    names = dict.fromkeys(name for spec in specs for name in spec.knobs)
    absent: KnobValue = "\0absent"
    return [name for name in names if len({repr(spec.knobs.get(name, absent)) for spec in specs}) > 1]
