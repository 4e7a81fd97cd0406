"""The learning rate of every epoch, before anything is trained.

NOTE [Planning beside a run]
The preset's ``optimizer`` and ``scheduler`` are called with parameters of our own, never its ``data`` or ``model``. Its
top level runs as well, which might draw from a random stream or seed one; the streams are put back afterwards. Beside
a run in progress that would change the run, so then only a file is run that computes nothing at its top level.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from tui.kernel.explain import explain
from tui.kernel.training.keep.randomness import preserved_randomness
from tui.kernel.training.keep.rundir import RunDirError
from tui.kernel.training.parts.chosen import ChoiceError, check_optimizer, chosen_scheduler
from tui.kernel.training.parts.preset_module import ExperimentModule, Source
from tui.kernel.training.parts.wanted import wanted_by
from tui.kernel.training.quiet import quiet, silent
from tui.protocol.preset import PresetError
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.training import SchedulePlan

MOST_EPOCHS: Final = 1000
_HARMLESS: Final = frozenset({*dir(builtins), "Path", "pathlib", "os", "math"}) - {
    "exec",
    "eval",
    "__import__",
    "open",
}
_RANGE_TEST: Final = "a learning-rate range test raises the rate step by step, with no schedule"
_BY_METRIC: Final = "follows the validation loss: how the learning rate goes is known only while it trains"


class _NeedsData(Exception):
    """The schedule asked for the data or the model."""


def plan_schedule(spec: RunSpec, *, run_in_progress: bool = False) -> SchedulePlan:
    """Return the learning rate of each epoch; never raises, whatever the preset does.

    Args:
        spec: what would be trained.
        run_in_progress: whether random streams and settings must not be touched: see NOTE [Planning beside a run].
    """
    try:
        wanted = wanted_by(spec)
        source, settings = wanted.source, wanted.settings
        if settings.kind == "lr_range":
            return SchedulePlan(problem=_RANGE_TEST)
        epochs = source.knobs.get("epochs", 1)
        if not isinstance(epochs, int) or epochs < 1:
            return SchedulePlan(problem=f"epochs must be a whole number of at least 1, got {epochs}")
        with (
            _left_alone(run_in_progress),
            torch.enable_grad(),
            _Parts(source, settings, run_in_progress) as parts,
        ):
            optimizer = parts.optimizer()
            return _planned(optimizer, parts.scheduler(optimizer), min(epochs, MOST_EPOCHS))
    except RunDirError as error:
        return SchedulePlan(problem=str(error.strerror or error))
    except (PresetError, ChoiceError) as error:
        return SchedulePlan(problem=str(error))
    except _NeedsData:
        return SchedulePlan(
            problem="its schedule asks for the data or the model, which are not made for a plan"
        )
    except Exception as error:  # noqa: BLE001 - the user's functions may raise anything
        return SchedulePlan(problem=explain(error))


def _planned(optimizer: torch.optim.Optimizer, scheduler: Any, epochs: int) -> SchedulePlan:
    if isinstance(scheduler, ReduceLROnPlateau):
        return SchedulePlan(problem=f"ReduceLROnPlateau {_BY_METRIC}")
    lrs: list[float] = []
    for epoch in range(epochs):
        lrs.append(float(optimizer.param_groups[0]["lr"]))
        if scheduler is None:
            continue
        # without gradients nothing is updated; schedules count the calls, and warn where there is none
        optimizer.step(_no_loss)
        try:
            scheduler.step()
        except Exception as error:  # noqa: BLE001 - OneCycleLR has an end, and a schedule may be the user's
            words = f"the schedule fails after epoch {epoch + 1} of {epochs}: {explain(error)}"
            return SchedulePlan(tuple(lrs), words)
    return SchedulePlan(tuple(lrs))


def _no_loss() -> Any:
    return torch.zeros(())


@contextmanager
def _left_alone(run_in_progress: bool) -> Iterator[None]:
    """Drop what is printed, and put everything else back: see NOTE [Planning beside a run]."""
    if run_in_progress:
        with silent():
            yield
    else:
        with quiet(), preserved_randomness(torch.device("cpu")):
            yield


class _Parts:
    """Makes optimizer and schedule, of the settings or of the preset, whose file is run only if that is needed."""

    def __init__(self, source: Source, settings: RunSettings, run_in_progress: bool) -> None:
        self._source = source
        self._settings = settings
        self._beside_run = run_in_progress
        self._module: ExperimentModule | None = None

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        if self._module is not None:
            self._module.forget()

    def optimizer(self) -> torch.optim.Optimizer:
        """Return the optimizer, of parameters of ours."""
        if self._settings.optimizer:
            return check_optimizer(self._settings.optimizer)
        try:
            made = self._call("optimizer", _parameters())
        except Exception:
            made = self._of_matrices()
            if made is None:
                raise
        if not isinstance(made, torch.optim.Optimizer):
            raise ChoiceError(f"optimizer(parameters) gave a {type(made).__name__}, no optimizer")
        return made

    def _of_matrices(self) -> Any:
        """Return what the preset makes of matrices alone, which is all that some take (Muon); None where it fails."""
        try:
            return self._call("optimizer", iter([nn.Parameter(torch.zeros(2, 2))]))
        except Exception:  # noqa: BLE001 - the first error is the one to tell of
            return None

    def scheduler(self, optimizer: torch.optim.Optimizer) -> LRScheduler | Any | None:
        """Return the schedule; None where there is none."""
        if self._settings.scheduler:
            return chosen_scheduler(self._settings.scheduler, optimizer)
        if self._settings.optimizer or "scheduler" not in self._source.info.functions:
            return None
        return self._call("scheduler", optimizer)

    def _call(self, name: str, argument: object) -> Any:
        if self._module is None:
            if self._beside_run and _computes(self._source.text):
                raise ChoiceError(
                    "a run is in progress, and this file computes at its top level, which might disturb the run"
                )
            self._module = ExperimentModule(self._source)
            self._module.run()
            for missing in ("data", "model"):
                setattr(self._module.module, missing, _refused)
        function = self._module.function(name)
        return function(argument) if function is not None else None


def _refused(*_: object, **__: object) -> None:
    raise _NeedsData


def _parameters() -> Iterator[nn.Parameter]:
    """Yield parameters of one, two and four dimensions: some optimizers take them apart by that."""
    return (nn.Parameter(torch.zeros(shape)) for shape in ((2, 2), (2,), (2, 2, 2, 2)))


def _computes(text: str) -> bool:
    """Return whether the top level of a file does more than to import, define and name plain values."""
    definitions = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    for node in ast.parse(text).body:
        if isinstance(node, definitions):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Assign | ast.AnnAssign) and all(map(_is_harmless, ast.walk(node))):
            continue
        return True
    return False


def _is_harmless(node: ast.AST) -> bool:
    """Return whether it is no call, or one of what draws no random numbers, such as ``Path(__file__)``."""
    if not isinstance(node, ast.Call):
        return True
    root: ast.expr = node
    while isinstance(root, ast.Call | ast.Attribute | ast.Subscript | ast.BinOp):
        root = (
            root.func
            if isinstance(root, ast.Call)
            else root.left
            if isinstance(root, ast.BinOp)
            else root.value
        )
    return isinstance(root, ast.Name) and root.id in _HARMLESS
