"""What the UI asks of the kernel, what the kernel answers, and what it says unasked.

Every request is a frozen dataclass that names its reply: ``Request[Reply]``. It crosses as a Jupyter
message of type `REQUEST`, addressed to a subshell of the kernel so that it is answered while a cell runs
and while a run trains. Unasked news (`Event`) crosses on the iopub channel as `EVENT`.
Errors of the user's code are data in a reply, never exceptions across the pipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar, get_args

from tui.protocol.run import RunSpec, RunStatus

VERSION: Final = 1
"""Raised when a change breaks the talk between an older UI and a newer kernel."""

REQUEST: Final = "torchtui_request"
REPLY: Final = "torchtui_reply"
EVENT: Final = "torchtui_event"
CELL_METADATA: Final = "torchtui"
"""In the metadata of an execute request: true where its results are to be described for drawing."""

R = TypeVar("R")

Lane = Literal["steer", "inspect", "view", "compute"]
"""Requests of one lane are answered one after the other, those of different lanes side by side: short ones that
steer · tables · what the tensor viewer shows · computations that may take seconds and can be cancelled."""


class Request(Generic[R]):
    """A question to the kernel, answered by an `R`."""

    lane: ClassVar[Lane] = "steer"

    @classmethod
    def reply_type(cls) -> type[R]:
        """Return the dataclass that answers this request."""
        reply: type[R] = get_args(cls.__orig_bases__[0])[0]  # type: ignore[attr-defined]
        return reply


@dataclass(frozen=True)
class Refusal:
    """The kernel's answer to a request that it could not carry out."""

    kind: str
    """Class of the exception, or a short word such as ``busy``."""
    message: str
    """For the user, one or two sentences."""
    traceback: str = ""
    """Python's traceback, empty where the refusal is no accident."""


# -- the kernel itself ------------------------------------------------------------------------------

TorchState = Literal["importing", "ready", "failed"]


@dataclass(frozen=True)
class CudaMemory:
    """Memory of one CUDA device."""

    allocated_bytes: int
    """Held by tensors."""
    reserved_bytes: int
    """Held by PyTorch's allocator, tensors included."""
    free_bytes: int
    """Free on the device for everybody."""
    total_bytes: int


@dataclass(frozen=True)
class KernelStatus:
    """How the kernel is, right now."""

    protocol: int
    pid: int
    python: str
    """Version of its Python, e.g. ``3.11.7``."""
    executable: str
    cwd: str
    torch_state: TorchState
    torch: str | None = None
    """Version of torch; None until it is imported."""
    torch_error: str = ""
    """Why torch could not be imported."""
    device: str = "cpu"
    """Where a run with device ``auto`` would train."""
    device_name: str = ""
    host: str = ""
    """Name of the machine that it runs on."""
    rss_bytes: int = 0
    """Resident memory of the kernel's process."""
    cuda: CudaMemory | None = None
    """None without CUDA, or before CUDA is used: asking must not create a context."""
    cell_running: bool = False
    execution_count: int = 0
    run: RunState | None = None
    """The run of this kernel, the last one where it has ended; None before the first."""


@dataclass(frozen=True)
class GetStatus(Request[KernelStatus]):
    """Ask how the kernel is."""


# -- the namespace ----------------------------------------------------------------------------------

GradState = Literal["", "requires_grad", "leaf", "leaf+grad", "graph"]
"""Empty: no gradient tracked · `leaf`: a leaf that requires grad, `.grad` is None · `leaf+grad`: it has one ·
`graph`: a result with a grad_fn · `requires_grad`: of a module, some parameter requires grad."""


@dataclass(frozen=True)
class Variable:
    """One name of the user's namespace."""

    name: str
    kind: str
    """``tensor``, ``parameter``, ``module``, ``optimizer``, ``array``, ``container``, ``function``, ``value``…"""
    type_name: str
    """The class, e.g. ``Tensor``, ``Linear``, ``list``."""
    shape: tuple[int, ...] | None = None
    """None for what has no shape."""
    dtype: str = ""
    """Short name, e.g. ``float32``."""
    device: str = ""
    grad: GradState = ""
    grad_fn: str = ""
    """Name of the operation that made it, e.g. ``AddmmBackward0``."""
    size_bytes: int | None = None
    """Memory of its storage; None where it has none. Names that share a storage share `storage`."""
    storage: str = ""
    """Identity of the storage, the same for views of one another; empty where there is none."""
    summary: str = ""
    """One line: statistics of a tensor, parameters of a module, a cut repr of a plain value."""
    changed: bool = False
    """Whether it is new or was rebound or changed in place since the cell before."""
    unfolds: bool = False
    """Whether there is something below it that `ListChildren` lists."""
    own_bytes: int | None = None
    """What a tensor's own elements take: less than `size_bytes` of a view of a part. None for what is no tensor."""
    shares_with: str = ""
    """Of what has all its memory in storages that names before it hold: the first of those; else empty."""
    same_as: str = ""
    """The first name of the very same object, where that is another one."""


@dataclass(frozen=True)
class VariableTable:
    """The user's namespace, without what IPython keeps there."""

    rows: tuple[Variable, ...]
    total_bytes: dict[str, int]
    """Memory of tensors and NumPy arrays per device, ``.grad`` too, shared storage counted once."""
    omitted: int = 0
    """Names left out because there were too many."""
    execution_count: int = 0
    """The cell after which this was taken."""
    shared_bytes: int = 0
    """Of `total_bytes`, the memory that several names hold."""


@dataclass(frozen=True)
class ListVariables(Request[VariableTable]):
    """Ask for the variables of the namespace."""

    lane: ClassVar[Lane] = "inspect"
    limit: int = 2000


# -- modules ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ModuleRow:
    """One module of a module tree."""

    path: str
    """How the user would type it, e.g. ``model.features.0``-like ``model.features[0]``."""
    class_name: str
    depth: int
    """0 for the variable itself."""
    settings: str
    """The module's own ``extra_repr``, e.g. ``in_features=64, out_features=10``."""
    parameters: tuple[str, ...]
    """Its own parameters with their shapes, e.g. ``weight (10, 64)``."""
    trainable: int
    """Parameters of it and what is below, that require grad; shared ones counted once."""
    frozen: int
    buffers: int
    """Elements of its buffers and those below."""
    tied: tuple[str, ...] = ()
    """Own parameters that are also another module's."""
    training: bool = True


@dataclass(frozen=True)
class ModuleTree:
    """Every module variable with what is below it, in order."""

    rows: tuple[ModuleRow, ...]
    omitted: int = 0


@dataclass(frozen=True)
class ListModules(Request[ModuleTree]):
    """Ask for the modules in the namespace."""

    lane: ClassVar[Lane] = "inspect"
    limit: int = 5000


# -- runs -------------------------------------------------------------------------------------------

RunAction = Literal["pause", "resume", "step", "phase", "stop", "stop_now", "checkpoint", "evaluate"]
"""`step`: train one batch, then pause · `phase`: go to the end of the next phase of a batch, then pause; both pause a
running run. From inside a batch `step` ends that batch; `stop` ends it as well, so that a whole state is kept.
`stop_now`: end without a checkpoint, the test set or anything else that takes time · `checkpoint`: keep the state at
the end of the step · `evaluate`: evaluate on the validation set (the test set where there is none) at that end;
both leave a paused run paused."""

RunPhase = Literal["", "forward", "loss", "backward", "step"]
"""What of a batch has just been done: ``forward``: the model has run · ``loss``: the loss is computed · ``backward``:
the gradients are there · ``step``: the parameters are updated. Empty: between two batches, not going by phases."""


@dataclass(frozen=True)
class RunState:
    """The run in a kernel, as its worker thread sees it."""

    id: str
    folder: str
    status: RunStatus
    epoch: int
    """Epochs completed."""
    step: int
    """Optimizer steps completed."""
    error: str = ""
    """Why it failed, one or two sentences; empty unless `status` is failed."""
    phase: RunPhase = ""
    """Of a paused run: after which phase of the batch it waits; empty where it waits between two batches."""
    batch: int = 0
    """The batch of the epoch in progress that is being trained on or was the last, from 1; 0 before the first."""


@dataclass(frozen=True)
class StartRun(Request[RunState]):
    """Train; refused while another run of this kernel has not ended."""

    spec: RunSpec


@dataclass(frozen=True)
class ControlRun(Request[RunState]):
    """Steer the run: the answer comes when the request is noted, the effect between two steps, or two phases."""

    action: RunAction


@dataclass(frozen=True)
class Shutdown(Request[KernelStatus]):
    """Stop the run in an orderly way (checkpoint, record), then end the kernel."""

    timeout_s: float = 30.0


# -- said unasked -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """News from the kernel; whoever needs the details asks for them."""

    kind: Literal["torch", "run", "namespace", "cell"]
    """`torch`: its import ended · `run`: its status changed · `namespace`: the variables may have changed ·
    `cell`: a cell started or ended."""
    detail: str = ""
    """`run`: the new status."""


def request_types() -> dict[str, type[Request[Any]]]:
    """Return every request by the name it travels under."""
    return {kind.__name__: kind for kind in Request.__subclasses__()}
