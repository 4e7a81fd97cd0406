"""The run directory: the names of its files, the fields of ``run.json``, the tags of its event log.

runs/<UTC time>-<name>-<4 hex>/
    run.json                the record, replaced atomically
    events.out.tfevents.*   TensorBoard's event format, append-only, one per writer and resumption
    checkpoints/            last.pt, best.pt
    experiment.py           the source that ran
    log.txt                 what it printed
    views/                  pictures of the model at work, one JSON file for each, replaced atomically
    labels.json             tags and notes, written by whoever looks at the run
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

SCHEMA: Final = 1
RECORD_FILE: Final = "run.json"
SOURCE_FILE: Final = "experiment.py"
LOG_FILE: Final = "log.txt"
CHECKPOINTS: Final = "checkpoints"
LAST_CHECKPOINT: Final = "last.pt"
BEST_CHECKPOINT: Final = "best.pt"
EVENTS_PREFIX: Final = "events.out.tfevents."
VIEWS: Final = "views"
LABELS_FILE: Final = "labels.json"
SWEEPS: Final = ".sweeps"
"""A folder beside the runs: a JSON file for each sweep (`tui.protocol.training.SweepRecord`), the newest by name."""

RunStatus = Literal["running", "paused", "finished", "stopped", "failed", "lost"]
"""`lost`: the record says running or paused, and the process that wrote it is gone."""

KnobValue = bool | int | float | str

LOSS: Final = "train/loss"
LR: Final = "lr"
GRAD_NORM: Final = "grad_norm"
SAMPLES_PER_S: Final = "samples_per_s"
ALLOCATED_BYTES: Final = "memory/allocated_bytes"
DETAILS: Final = (
    "time/", "memory/", "machine/", "gpu/", "grad_norm/", "update_ratio/",
    "activation_mean/", "activation_std/", "zero_fraction/", "dead_fraction/",
)  # fmt: skip
"""Beginnings of tags that are no results: they have views of their own, and there are many of them."""
PHASES: Final = ("data", "forward", "backward", "optimizer")
"""The parts of a step, in the order they run; their tags are ``time/<phase>_ms``."""
STEP_MS: Final = "time/step_ms"
"""The mean time of a step, all of it, in milliseconds; logged at the same steps as `SAMPLES_PER_S`."""


def phase_tag(phase: str) -> str:
    """Return the tag of a phase's time, in milliseconds."""
    return f"time/{phase}_ms"


def told_epoch(status: str, completed: int, epochs: int | None) -> int:
    """Return the epoch that a run is told to be in: of one under way the one in progress, else those completed.

    Args:
        status: as a `RunStatus`.
        completed: how many epochs are.
        epochs: how many there will be; None where that is not known.
    """
    epoch = completed + (status in ("running", "paused"))
    return min(epoch, max(completed, epochs)) if epochs is not None else epoch


@dataclass(frozen=True)
class RunError:
    """Why a run failed."""

    kind: str
    """The exception's class, e.g. ``ZeroDivisionError``; ``NotFinite`` for a loss that is NaN or Inf."""
    message: str
    """One or two sentences in plain words."""
    where: str = ""
    """``file.py:12 in model`` where known, else empty."""
    traceback: str = ""
    """The whole traceback as Python prints it; empty where there was no exception."""


@dataclass(frozen=True)
class GitState:
    """The commit of the working directory that the run was started in."""

    commit: str
    """The full hash."""
    dirty: bool
    """Whether tracked files differed from that commit."""


Precision = Literal["float32", "bfloat16", "float16"]
"""What forward and loss are computed in: as written · under autocast · under autocast with a gradient scaler."""
RunKind = Literal["train", "overfit_batch", "lr_range"]
"""Training · on the first batch alone, again and again: a model that cannot learn that has a mistake in it · with a
learning rate that grows exponentially step by step, until the loss explodes: where it falls fastest is a good rate."""


@dataclass(frozen=True)
class RunSettings:
    """How a run trains, beyond what its preset says; the defaults change nothing."""

    precision: Precision = "float32"
    compile: bool = False
    """Whether the model goes through ``torch.compile``."""
    clip_norm: float | None = None
    """Gradients are scaled down to this norm, all together; None: as they are."""
    accumulate: int = 1
    """Batches whose gradients are averaged into one optimizer step."""
    loader_workers: int | None = None
    """Processes that load batches; None: as the preset has it."""
    max_steps: int | None = None
    """End after so many optimizer steps; None: after the epochs."""
    max_minutes: float | None = None
    """End after so many minutes of training; None: after the epochs."""
    eval_every: int | None = None
    """Evaluate on the validation set every so many optimizer steps as well; None: after each epoch alone."""
    best_by: str = ""
    """The validation metric that ``best.pt`` goes by, e.g. ``accuracy``; empty: chosen by name."""
    model: str = ""
    """An expression of the namespace whose ``nn.Module`` is trained, as it is; empty: the preset's."""
    loss: str = ""
    """In place of the preset's: ``HuberLoss(delta=0.5)``, of ``torch.nn``; empty: the preset's."""
    optimizer: str = ""
    """In place of the preset's: ``SGD(lr=0.1, momentum=0.9)``, of ``torch.optim``; empty: the preset's."""
    scheduler: str = ""
    """In place of the preset's: ``StepLR(step_size=5)``, of ``torch.optim.lr_scheduler``; ``none``: no schedule; empty:
    the preset's, or none where the optimizer is not the preset's."""
    kind: RunKind = "train"
    watch_layers: bool = True
    """Whether activations are sampled: costs under 1 % of the time."""


@dataclass(frozen=True)
class RunChange:
    """Something that was changed while the run was in progress."""

    step: int
    """The first step that ran with it."""
    at: str
    """ISO 8601, UTC."""
    name: str
    """``lr``, ``weight_decay``, ``clip_norm``, ``frozen features.0``, ``resumed``; with ``[1]`` after it for the second
    parameter group alone."""
    before: str
    after: str
    """As Python writes them."""


@dataclass(frozen=True)
class RunInfo:
    """The content of ``run.json``."""

    id: str
    """The folder's name: ``<UTC time>-<name>-<4 hex>``."""
    name: str
    """What the user called it; else the experiment's name."""
    status: RunStatus
    experiment: str
    """Name of the preset, or path of the file."""
    knobs: dict[str, KnobValue]
    """Every knob with the value it ran with."""
    device: str
    """``cpu``, ``cuda:0``, ``mps``."""
    seed: int
    started_at: str
    """ISO 8601, UTC, with seconds and ``+00:00``."""
    pid: int
    """The process that trains it."""
    host: str
    schema: int = SCHEMA
    ended_at: str | None = None
    """None while it has not ended."""
    device_name: str = ""
    """``NVIDIA H200``; empty on the CPU."""
    torch: str = ""
    python: str = ""
    command: tuple[str, ...] = ()
    """The command line that started it; empty where a screen did."""
    git: GitState | None = None
    """None outside a git checkout."""
    error: RunError | None = None
    """None unless it failed."""
    epochs: int | None = None
    """Epochs it was asked for; None where it has no such knob."""
    steps_per_epoch: int | None = None
    """Batches in the training loader; None where the loader does not tell."""
    epoch: int = 0
    """Epochs completed, as of the last replacement of the record."""
    step: int = 0
    """Optimizer steps completed, as of the last replacement of the record."""
    parameters: int | None = None
    """Trainable parameters, each counted once; None before the model is built."""
    pid_started_at: float | None = None
    """When the process started, in seconds since 1970, which tells it from a later one of the same pid."""
    train_s: float | None = None
    """Seconds spent training (not paused), as of the last replacement of the record."""
    session: str | None = None
    """The session whose kernel trains it."""
    warnings: tuple[str, ...] = field(default=())
    """Things worth knowing that did not stop it, in plain words."""
    settings: RunSettings = field(default=RunSettings())
    changes: tuple[RunChange, ...] = field(default=())
    """In the order they took effect; the newest 1,000."""
    verdict: str = ""
    """What a run of another kind than ``train`` has found, one or two sentences; empty: nothing yet."""
    suggested_lr: float | None = None
    """The learning rate that a run of kind ``lr_range`` suggests; None where it suggests none."""
    sweep: str = ""
    """The name of the sweep it belongs to; empty: none."""


@dataclass(frozen=True)
class RunLabels:
    """The content of ``labels.json``: a file of its own, since the record is the trainer's to replace."""

    tags: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True)
class RunSpec:
    """What the trainer is asked to do."""

    preset: str
    """Absolute path of the preset's file."""
    runs_dir: str
    """Absolute path of the folder that holds run directories."""
    experiment: str = ""
    """What ``run.json`` calls it: the preset's name, or the path as the user gave it."""
    name: str = ""
    """The user's name for the run; empty: the experiment's."""
    knobs: dict[str, KnobValue] = field(default_factory=dict)
    """Values that replace the file's own, by name, already of the knob's type."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    seed: int | None = None
    """None: the preset's ``seed`` knob, else 0."""
    resume: str | None = None
    """Absolute path of a run directory to go on with; None: a new run."""
    command: tuple[str, ...] = ()
    session: str | None = None
    start_paused: bool = False
    """Whether to stop before the first step and wait for resume or step."""
    settings: RunSettings = field(default=RunSettings())
    sweep: str = ""
    """The name of the sweep it belongs to; empty: none."""
