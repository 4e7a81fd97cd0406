"""Following a run directory, or any TensorBoard log, as it grows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from tui.protocol.run import LOG_FILE, RECORD_FILE
from tui.runs.decode import Batch
from tui.runs.events import Damage, EventFile
from tui.runs.index import event_files
from tui.runs.logtail import LogTail
from tui.runs.record import RunRecord, checked, read_record
from tui.runs.series import Series

POLL_BYTES: Final = 1 << 20
"""What one poll reads of event files unless told otherwise: about 20,000 scalars."""


@dataclass(frozen=True, slots=True)
class RunChanges:
    """What is new since the poll before."""

    tags: frozenset[str] = frozenset()
    """Tags whose series changed."""
    record: bool = False
    """Whether the record differs, its status included."""
    log: bool = False
    """Whether ``log.txt`` grew."""
    more: bool = False
    """Whether event files hold more that this poll left, having read as much as it may."""

    def __bool__(self) -> bool:
        return bool(self.tags) or self.record or self.log


class RunReader:
    """The record, the series and the log of one folder.

    ``poll`` may run in a worker thread while another thread draws the series. Event files in subfolders (one
    for each writer, or each version of a Lightning run) have the subfolder's name before their tags:
    ``version_0/loss``.
    """

    def __init__(self, folder: Path, max_log_lines: int = 1000) -> None:
        self.folder = folder
        self.series: dict[str, Series] = {}
        """By tag. Replaced, not changed, when a tag appears: whoever iterates over it may go on."""
        self.log = LogTail(folder / LOG_FILE, max_log_lines)
        self.record: RunRecord = read_record(folder)
        self.events = 0
        """Events read so far, scalars or not."""
        self._record_stamp = _stamp(folder / RECORD_FILE)
        self._files: dict[Path, EventFile] = {}
        self._prefixes: dict[str, str] = {}

    def poll(self, max_bytes: int = POLL_BYTES) -> RunChanges:
        """Read what is new, at most ``max_bytes`` of event files (or one record, if that is longer)."""
        tags, more = self._poll_events(max_bytes)
        return RunChanges(frozenset(tags), self._poll_record(), self.log.poll(), more)

    @property
    def damage(self) -> dict[Path, Damage]:
        """The event files that could not be read whole, and what is lost of each."""
        return {path: file.damage for path, file in self._files.items() if file.damage}

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read, in plain words, a sentence for each file; empty where all is well."""
        live = self.record.live
        described = (_described(path.name, file.damage, live) for path, file in self._files.items())
        return tuple(text for text in described if text)

    def _poll_record(self) -> bool:
        stamp = _stamp(self.folder / RECORD_FILE)
        before = self.record
        if stamp == self._record_stamp:
            self.record = checked(before)
        else:
            self.record, self._record_stamp = read_record(self.folder), stamp
        return self.record != before

    def _poll_events(self, max_bytes: int) -> tuple[set[str], bool]:
        tags: set[str] = set()
        more = False
        for subfolder, found in groupby(event_files(self.folder), key=lambda each: each[0]):
            batch = Batch()
            for _, path in found:
                if max_bytes <= 0:
                    more = True
                    break
                file = self._files.setdefault(path, EventFile(path))
                before = batch.read_bytes
                left = file.poll(batch, max_bytes)
                max_bytes -= batch.read_bytes - before
                if left:  # a later file of this folder may purge: first finish this one
                    more, max_bytes = True, 0
                    break
            tags |= self._apply(batch, f"{subfolder}/" if subfolder else "")
        return tags, more

    def _apply(self, batch: Batch, prefix: str) -> set[str]:
        """Bring a subfolder's batch into its series; return the tags that changed."""
        self.events += batch.events
        changed: set[str] = set()
        if batch.purge_from is not None:
            own = [tag for tag in self.series if self._prefixes[tag] == prefix]
            changed = {tag for tag in own if self.series[tag].purge_from(batch.purge_from)}
        fresh: dict[str, Series] = {}
        for name, points in batch.points.items():
            if not points.steps:
                continue
            tag = prefix + name
            series = self.series.get(tag)
            if series is None:
                series = fresh[tag] = Series()
                self._prefixes[tag] = prefix
            series.append(points.steps, points.wall_times, points.values)
            changed.add(tag)
        if fresh:
            self.series = {**self.series, **fresh}
        return changed


def _described(name: str, damage: Damage, live: bool) -> str:
    parts = []
    if damage.records:
        parts.append(f"{damage.records} damaged record{'s' if damage.records > 1 else ''} left out")
    if damage.unreadable_from is not None:
        parts.append(f"unreadable from byte {damage.unreadable_from:,} on")
    if damage.waiting_bytes and not live:
        parts.append(f"the last {damage.waiting_bytes:,} bytes are cut off")
    return f"{name}: {', '.join(parts)}" if parts else ""


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None where there is none."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
