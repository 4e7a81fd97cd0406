"""Models that exist: as a design, from a file or a run, module by module, beside a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tui.protocol.building import Design
from tui.protocol.messages import Lane, Request


@dataclass(frozen=True)
class Imported:
    """A model as a design."""

    design: Design
    opaque: tuple[str, ...] = ()
    """Paths of modules whose `forward` could not be read: they stand as they are, by name."""


@dataclass(frozen=True)
class ImportModel(Request[Imported]):
    """Ask for a model of the namespace as blocks that can be edited; refused with words where it cannot be."""

    lane: ClassVar[Lane] = "compute"
    expression: str


@dataclass(frozen=True)
class FileClass:
    """A class of a file that seems to be a module's."""

    name: str
    parameters: str = ""
    """Of its constructor as they stand there, without ``self``: ``width, depth=2``."""
    needs: bool = False
    """Whether one of them has to be given."""
    summary: str = ""
    """First line of its documentation."""


@dataclass(frozen=True)
class ClassesFound:
    """The classes of a file, in its order."""

    classes: tuple[FileClass, ...]


@dataclass(frozen=True)
class ListClasses(Request[ClassesFound]):
    """Ask for the module classes of a Python file, which is read and not run; refused where it is no Python."""

    lane: ClassVar[Lane] = "compute"
    path: str


@dataclass(frozen=True)
class RunOpened:
    """A run's model, with its weights."""

    name: str
    """Under which it is in the namespace."""
    words: str
    """Which weights it has, e.g. ``best.pt, epoch 8``."""


@dataclass(frozen=True)
class OpenRun(Request[RunOpened]):
    """Ask for the model of a run, put into the namespace; runs the run's ``experiment.py`` and loads its weights with
    weights_only.
    """

    lane: ClassVar[Lane] = "compute"
    folder: str
    """Of the run."""


@dataclass(frozen=True)
class ModelRow:
    """One module of a model that was run once."""

    path: str
    class_name: str
    depth: int
    settings: str
    input_shapes: str = ""
    output_shapes: str = ""
    trainable: int = 0
    frozen: int = 0
    buffers: int = 0
    tied: tuple[str, ...] = ()
    hooks: int = 0
    """Of the user's own."""
    calls: int = 0
    forward_ms: float | None = None
    """Time of its own and what is below, on its device; None where it was not measured."""
    own_ms: float | None = None
    """The part of it that no module below took."""
    statistics: str = ""
    """Of its output, where it ran on real values."""
    error: str = ""
    """Of the first module that failed: what went wrong, in plain words."""


@dataclass(frozen=True)
class ModelRead:
    """A model taken apart."""

    rows: tuple[ModelRow, ...]
    output_shapes: str
    total_ms: float | None = None
    omitted: int = 0


@dataclass(frozen=True)
class ReadModel(Request[ModelRead]):
    """Ask for a model's modules, run once where an input is given; its mode, hooks and buffers are as before."""

    lane: ClassVar[Lane] = "compute"
    expression: str
    input: str = ""
    """An expression for its arguments, e.g. ``x`` or ``batch[0], mask``; or shapes such as ``(32, 1, 28, 28)`` for a
    run on the meta device; empty: it is not run."""


@dataclass(frozen=True)
class KeyRow:
    """One key of a checkpoint beside the model's."""

    key: str
    status: Literal["match", "missing", "unexpected", "shape", "dtype"]
    ours: str = ""
    """Shape and dtype in the model."""
    theirs: str = ""
    """Shape and dtype in the file."""


@dataclass(frozen=True)
class CheckpointCompared:
    """A checkpoint beside a model."""

    rows: tuple[KeyRow, ...]
    summary: str
    """One line."""
    prefix: str = ""
    """What all its keys begin with and the model's do not, e.g. ``module.``; it was left out to compare."""


@dataclass(frozen=True)
class CompareCheckpoint(Request[CheckpointCompared]):
    """Ask how a file of weights (.pt, .pth loaded with weights_only; .safetensors) fits a model."""

    lane: ClassVar[Lane] = "compute"
    path: str
    expression: str
    """The model; empty: the file's keys alone."""
