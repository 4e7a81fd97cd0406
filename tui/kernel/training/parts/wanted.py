"""What a run would be made of, read from what it is asked to be: nothing is created, nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui.kernel.training.keep.rundir import read_record
from tui.kernel.training.parts.preset_module import Source, read_source
from tui.kernel.training.parts.settings import taken_on
from tui.protocol.run import RunSettings, RunSpec


@dataclass(frozen=True)
class Wanted:
    """A run that is not begun."""

    source: Source
    """The preset, with its knobs."""
    seed: int
    settings: RunSettings
    """Of a run that is resumed its own, unless it is given others."""


def wanted_by(spec: RunSpec) -> Wanted:
    """Return what a run would be made of.

    Raises:
        PresetError: the file breaks the contract, or has no such knob.
        RunDirError: the run that is to be resumed has no record.
    """
    earlier = read_record(Path(spec.resume)) if spec.resume is not None else None
    knobs = {**(earlier.knobs if earlier is not None else {}), **spec.knobs}
    source = read_source(Path(spec.preset), knobs)
    seed = spec.seed
    if seed is None and earlier is not None and "seed" not in spec.knobs:
        seed = earlier.seed
    knob = source.knobs.get("seed")
    if seed is None:
        seed = knob if isinstance(knob, int) else 0
    if type(knob) is int and knob != seed:
        source = read_source(Path(spec.preset), {**knobs, "seed": seed})
    return Wanted(source, seed, taken_on(spec.settings, earlier))
