"""What the Training screen asks of the kernel beyond start, pause and stop: choices, a dry run, changes, sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tui.protocol.messages import Lane, Request, RunPhase
from tui.protocol.run import KnobValue, RunSpec

# -- what can be chosen in place of the preset's own ------------------------------------------------

ChoiceKind = Literal["loss", "optimizer", "scheduler", "model"]


@dataclass(frozen=True)
class ChoiceArgument:
    """An argument of a constructor."""

    name: str
    default: str
    """As Python writes it; empty: it must be given."""
    annotation: str = ""
    """As the signature writes it; empty where it has none."""


@dataclass(frozen=True)
class Choice:
    """A loss, an optimizer or a schedule of torch's, or a model of the namespace."""

    kind: ChoiceKind
    name: str
    """As `RunSettings` takes it: ``HuberLoss``, ``SGD``, ``CosineAnnealingLR``; of a model the variable's name."""
    arguments: tuple[ChoiceArgument, ...] = ()
    """Without what the trainer gives itself (the parameters, the optimizer)."""
    about: str = ""
    """The first line of its docstring; of a model its class and number of parameters."""


@dataclass(frozen=True)
class Choices:
    """All there is to choose, each kind by name."""

    items: tuple[Choice, ...]


@dataclass(frozen=True)
class ListChoices(Request[Choices]):
    """Ask what losses, optimizers and schedules torch has, and what models the namespace."""

    lane: ClassVar[Lane] = "inspect"


# -- before a run ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DryValue:
    """A tensor of the batch, or the model's output."""

    name: str
    """``input``, ``target``, ``output``; with a path into it where it is nested: ``input['tokens']``."""
    shape: tuple[int, ...]
    dtype: str
    device: str
    note: str = ""
    """What is worth knowing, e.g. ``class ids 0 to 9``, ``not normalized: 0 to 255``; mostly empty."""


@dataclass(frozen=True)
class DryStep:
    """One thing that was tried, in the order tried."""

    name: Literal["data", "model", "optimizer", "scheduler", "forward", "loss", "backward", "step", "metrics"]
    ok: bool
    took_ms: float | None = None
    detail: str = ""
    """What came of it in a few words, or why it failed, in plain words with what would be right."""


@dataclass(frozen=True)
class DryReport:
    """What one batch through everything has shown; nothing was kept."""

    steps: tuple[DryStep, ...]
    """Up to the one that failed."""
    values: tuple[DryValue, ...] = ()
    loss: float | None = None
    expected_loss: float | None = None
    """What a blind guess would have, ln(classes) of a cross-entropy; None where that is not known."""
    parameters: int | None = None
    """Trainable ones, each counted once."""
    steps_per_epoch: int | None = None
    step_ms: float | None = None
    """What one more, warm step took."""
    epoch_s: float | None = None
    """What an epoch may take by that, without evaluation."""
    memory: tuple[tuple[str, int], ...] = ()
    """What, and bytes: parameters, gradients, optimizer state, activations (saved for backward), free on the device."""
    warnings: tuple[str, ...] = ()
    """What runs but is hardly meant: silent broadcasting, a softmax before cross-entropy, layers with no gradient."""
    problem: str = ""
    """Why it would not train, one or two sentences; empty where it would."""

    @property
    def ok(self) -> bool:
        """Whether it would train."""
        return not self.problem


@dataclass(frozen=True)
class DryRun(Request[DryReport]):
    """Try one batch with everything a run would use; refused while a run trains. Leaves no run, no file, no state."""

    lane: ClassVar[Lane] = "compute"
    spec: RunSpec


@dataclass(frozen=True)
class SchedulePlan:
    """The learning rate as it will be."""

    lrs: tuple[float, ...] = ()
    """Of the first parameter group: of each epoch, at its start."""
    problem: str = ""
    """Why it cannot be told; empty where it can."""


@dataclass(frozen=True)
class PlanSchedule(Request[SchedulePlan]):
    """Ask for the learning rate of every epoch (at most 1,000 of them), without data or model."""

    lane: ClassVar[Lane] = "inspect"
    spec: RunSpec


# -- while it runs -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TuneField:
    """Something that can be changed while it runs."""

    name: str
    """``lr``, ``weight_decay``, ``betas``, ``momentum``, ``clip_norm``, …"""
    text: str
    """Its value as Python writes it."""
    group: int | None = None
    """The parameter group of the optimizer; None for a setting of the loop."""


@dataclass(frozen=True)
class TuneLayer:
    """A module with parameters of its own."""

    path: str
    """In the model: ``features.0``; empty for the model itself."""
    class_name: str
    parameters: int
    frozen: bool
    """Whether none of its own parameters requires grad."""


@dataclass(frozen=True)
class TuneTable:
    """What can be changed of the run, as it is now."""

    fields: tuple[TuneField, ...] = ()
    layers: tuple[TuneLayer, ...] = ()


@dataclass(frozen=True)
class ReadTuning(Request[TuneTable]):
    """Ask what can be changed; refused without a run in progress."""

    lane: ClassVar[Lane] = "inspect"


@dataclass(frozen=True)
class Tune(Request[TuneTable]):
    """Change a field from the next step on. The answer comes when it is noted, and shows it already changed.

    Refused, in plain words, where the value is none that the field can have.
    """

    name: str
    text: str
    """A Python literal."""
    group: int | None = None
    """None: every group that has the field, or a setting of the loop."""


@dataclass(frozen=True)
class Freeze(Request[TuneTable]):
    """Freeze or thaw a layer from the next step on: its own parameters' ``requires_grad``."""

    path: str
    frozen: bool


@dataclass(frozen=True)
class ParameterLook:
    """A parameter at a pause."""

    name: str
    grad_norm: float | None
    """Euclidean norm of its gradient; None without one, or where it is sparse."""
    change: float | None = None
    """|update| over |value before it|, of the step just taken; None where that is not known."""


@dataclass(frozen=True)
class BatchLook:
    """What a batch has done up to the pause at which a run waits; as it was when the pause began."""

    phase: RunPhase = ""
    """The last that was done; empty where the run was paused between two batches."""
    step: int = 0
    """Optimizer steps completed."""
    values: tuple[DryValue, ...] = ()
    """The tensors of the batch and the output."""
    loss: float | None = None
    """None where it is not computed yet."""
    grad_norm: float | None = None
    """Of all gradients together; None where there are none."""
    change: float | None = None
    """|update| over |value before it|, of all parameters together; None where no step was taken, or it is not known."""
    parameters: tuple[ParameterLook, ...] = ()
    """Those with a gradient, the largest first, at most eight."""
    with_gradient: int = 0
    """How many have one."""


@dataclass(frozen=True)
class ReadBatch(Request[BatchLook]):
    """Ask what the last batch has done; refused unless a run is paused."""

    lane: ClassVar[Lane] = "inspect"


# -- one run after the other -------------------------------------------------------------------------


@dataclass(frozen=True)
class QueuedRun:
    """A run that waits for its turn, or has had it."""

    number: int
    """From 1, in the order they are run."""
    knobs: dict[str, KnobValue]
    """Those in which the runs of the sweep differ."""
    status: Literal["waiting", "running", "finished", "stopped", "failed", "refused"]
    folder: str = ""
    """Of its run; empty while it waits."""
    error: str = ""


@dataclass(frozen=True)
class SweepState:
    """A sweep of the kernel; without runs where there is none."""

    name: str = ""
    runs: tuple[QueuedRun, ...] = ()


@dataclass(frozen=True)
class SweepRecord:
    """A sweep as a file beside its runs, replaced atomically: it tells what never began once the kernel is gone."""

    name: str
    runs: tuple[QueuedRun, ...]
    specs: tuple[RunSpec, ...]
    """Of each run, in the same order."""
    pid: int
    """The kernel that trains them."""
    host: str
    started_at: str
    """ISO 8601, UTC."""
    pid_started_at: float | None = None
    """When the process started, in seconds since 1970."""
    ended: bool = False
    """Whether none of the waiting runs will begin any more: all had their turn, or the user ended it."""
    schema: int = 1


@dataclass(frozen=True)
class StartSweep(Request[SweepState]):
    """Train one run after the other in the kernel, whoever watches; refused while a run or a sweep is in progress."""

    name: str
    specs: tuple[RunSpec, ...]


@dataclass(frozen=True)
class ReadSweep(Request[SweepState]):
    """Ask how the sweep is."""

    lane: ClassVar[Lane] = "inspect"


@dataclass(frozen=True)
class EndSweep(Request[SweepState]):
    """Start none of the runs that wait; the one in progress goes on."""


# -- afterwards --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exported:
    """A file that was written."""

    path: str
    size_bytes: int
    detail: str = ""


@dataclass(frozen=True)
class ExportModel(Request[Exported]):
    """Write the model of the run in progress, paused or ended in this kernel; or of a run's folder with its source."""

    lane: ClassVar[Lane] = "compute"
    format: Literal["state_dict", "torch_export", "onnx"]
    path: str
    """Absolute; refused where a file is there and `overwrite` is false."""
    folder: str = ""
    """A run directory; empty: the run of this kernel."""
    checkpoint: Literal["now", "last", "best"] = "now"
    overwrite: bool = False
    preset: str = ""
    """With `folder`, the absolute path of the file that the run was made from, as the presets find their data beside
    it; empty: it is gone."""
