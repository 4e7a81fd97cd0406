"""A trained model as a file that others read: a state dict, a `torch.export` program, ONNX.

NOTE [Exporting from a run in progress]
The training thread hands out what is wanted between two steps: of a state dict a copy, which is written by the thread
that asked while the training goes on. A program is traced by the training thread itself, on a copy of the model:
tracing puts torch's random stream back, and beside a training that draws from it that would repeat numbers. Training
waits for those seconds.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch
from torch import nn

from tui.kernel.explain import explain
from tui.kernel.training.batches import is_pair, mover
from tui.kernel.training.copying import copy_of_model
from tui.kernel.training.keep.checkpoint import CheckpointError, copied
from tui.kernel.training.keep.randomness import preserved_randomness, seed_everything
from tui.kernel.training.keep.rundir import RunDirError, read_record
from tui.kernel.training.parts import experiment as parts
from tui.kernel.training.parts.chosen import ChoiceError
from tui.kernel.training.parts.preset_module import ExperimentModule, read_source
from tui.kernel.training.quiet import quiet
from tui.kernel.training.steer.live import LiveRun
from tui.kernel.training.trouble.refusals import SettingsError
from tui.protocol.preset import PresetError
from tui.protocol.run import BEST_CHECKPOINT, CHECKPOINTS, LAST_CHECKPOINT, SOURCE_FILE, RunInfo
from tui.protocol.training import Exported, ExportModel

Format = Literal["state_dict", "torch_export", "onnx"]

_CPU: Final = torch.device("cpu")
_ONNX: Final = ("onnx", "onnxscript")
_POLL_S: Final = 0.2


class ExportError(ValueError):
    """A model that cannot be written so; the message is for the user."""


@dataclass(frozen=True)
class Example:
    """What a model was called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def export_run(request: ExportModel, live: LiveRun, has_ended: Callable[[], bool]) -> Exported | None:
    """Write the model of the run in progress as it is now; None where the run has ended before that could be done.

    Raises:
        ExportError: it cannot be written so, or there.
    """
    path = _checked(request)
    if request.format == "state_dict":
        state = _between_steps(live, has_ended, lambda: copied(live.model.state_dict()))
        if state is None:
            return None
        return _write(
            path, request, lambda to: torch.save(state, to), _told(state, f"step {live.progress.step}")
        )

    def trace() -> tuple[Any, str]:
        device = next((p.device for p in live.model.parameters()), _CPU)
        with preserved_randomness(device):
            model = _copy(live.model)
            return _program(request.format, model, _example(live.experiment, live.batch(), model))

    done = _between_steps(live, has_ended, trace)
    if done is None:
        return None
    save, detail = done
    return _write(path, request, save, f"{detail}, of step {live.progress.step}")


def export_folder(request: ExportModel, folder: Path) -> Exported:
    """Write the model of a run directory, of its last or best checkpoint; but for a state dict its source is run.

    Touches the random streams and puts them back: not to be called beside a run in progress, but for a state dict.

    Raises:
        ExportError: it cannot be written so, or there; or the run directory lacks what is needed.
    """
    path = _checked(request)
    name = BEST_CHECKPOINT if request.checkpoint == "best" else LAST_CHECKPOINT
    content = _content(folder / CHECKPOINTS / name)
    state, of = content["model"], f"{name}, step {content.get('step', '?')}"
    if request.format == "state_dict":
        return _write(path, request, lambda to: torch.save(state, to), _told(state, of))
    try:
        info = read_record(folder)
        with (
            quiet(str(folder)),
            preserved_randomness(_CPU),
            _rebuilt(info, folder, request.preset, state) as (model, example),
        ):
            save, detail = _program(request.format, model, example)
            return _write(path, request, save, f"{detail}, of {of}")
    except (RunDirError, CheckpointError) as error:
        raise ExportError(str(error.strerror or error)) from None
    except (PresetError, ChoiceError, SettingsError) as error:
        raise ExportError(str(error)) from None


# -- where to ----------------------------------------------------------------------------------------


def _checked(request: ExportModel) -> Path:
    """Return where to write, before anything takes time; raises ExportError."""
    path = Path(request.path)
    if not path.is_absolute():
        raise ExportError(f"{request.path} is no absolute path")
    if path.is_dir():
        raise ExportError(f"{path} is a folder: add a name to it")
    if not path.parent.is_dir():
        raise ExportError(f"there is no folder {path.parent}")
    if path.exists() and not request.overwrite:
        raise ExportError(f"{path} is there already")
    missing = [name for name in _ONNX if importlib.util.find_spec(name) is None]
    if request.format == "onnx" and missing:
        names = " and ".join(missing)
        raise ExportError(
            f"ONNX needs {names}, which this Python does not have: pip install {' '.join(missing)}"
        )
    return path


def _write(path: Path, request: ExportModel, save: Callable[[Path], object], detail: str) -> Exported:
    """Write under a temporary name beside it and rename, so that `path` is always whole."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        save(temporary)
        if path.exists() and not request.overwrite:
            raise ExportError(f"{path} is there already")
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch tells of a full disk with a RuntimeError
        cause = error if isinstance(error, OSError) else error.__context__
        reason = (
            cause.strerror if isinstance(cause, OSError) and cause.strerror else str(error).split("\n")[0]
        )
        raise ExportError(f"cannot write {path}: {reason}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    return Exported(str(path), path.stat().st_size, detail)


def _told(state: dict[str, Any], of: str) -> str:
    count = sum(isinstance(value, torch.Tensor) for value in state.values())
    return f"{count} tensors, of {of}; model.load_state_dict(torch.load(…)) takes it"


# -- from a run in progress --------------------------------------------------------------------------


def _between_steps(live: LiveRun, has_ended: Callable[[], bool], action: Callable[[], Any]) -> Any:
    """Return what an action gives that the training thread does between two steps; None where the run ended first."""
    done = threading.Event()
    result: list[Any] = []
    failure: list[BaseException] = []

    def act() -> None:
        try:
            result.append(action())
        except BaseException as error:  # noqa: BLE001 - it must not end the run
            failure.append(error)
        finally:
            done.set()

    live.control.at_step(act, inside=True)
    while not done.wait(_POLL_S):
        if has_ended() and not done.is_set():
            return None
    if failure:
        raise _refused(failure[0]) from None
    return result[0]


def _refused(error: BaseException) -> ExportError:
    return error if isinstance(error, ExportError) else ExportError(_shortened(explain(error)))


def _shortened(words: str) -> str:
    return words if len(words) <= 300 else words[:299] + "…"


# -- from a run directory ----------------------------------------------------------------------------


def _content(path: Path) -> dict[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        kept = "no best checkpoint: it keeps one where it has a validation set"
        raise ExportError(
            f"{path.parent.parent.name} has {kept if 'best' in path.name else 'no checkpoint'}"
        ) from None
    except Exception:  # noqa: BLE001 - damaged in any way
        raise ExportError(f"the checkpoint {path} is damaged") from None
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise ExportError(f"{path} is no checkpoint of a run")
    return content


@contextlib.contextmanager
def _rebuilt(
    info: RunInfo, folder: Path, preset: str, state: dict[str, Any]
) -> Iterator[tuple[nn.Module, Example]]:
    """Make the model of a run anew, with a state, and something to call it with."""
    if info.settings.model:
        raise ExportError(
            f"the run trained {info.settings.model} of a namespace, which its source does not make: only a state dict"
            " can be written"
        )
    source = read_source(folder / SOURCE_FILE, info.knobs)
    module = ExperimentModule(source, Path(preset) if preset else None)
    try:
        seed_everything(info.seed)
        module.run()
        made = parts.build_experiment(module, _CPU)
        made.model.load_state_dict(state)
        batch = next(iter(made.train), None)
        yield made.model.eval(), _example(made, batch, made.model)
    except (ExportError, PresetError, ChoiceError, SettingsError):
        raise
    except Exception as error:  # noqa: BLE001 - the preset's code
        raise ExportError(_shortened(explain(error))) from None
    finally:
        module.forget()


# -- programs ----------------------------------------------------------------------------------------


def _copy(model: nn.Module) -> nn.Module:
    try:
        return copy_of_model(model).eval()
    except Exception as error:  # noqa: BLE001 - what the model holds may refuse it
        raise ExportError(f"the model cannot be copied: {_shortened(str(error))}") from None


def _example(made: parts.Experiment | None, batch: Any, model: nn.Module) -> Example:
    """Return what the model is called with for a batch, on the CPU."""
    if batch is None:
        raise ExportError("there is no batch yet to call the model with: let the run take a step first")
    model.eval()
    device = next((p.device for p in model.parameters()), _CPU)
    if made is None or made.step is None:
        if not is_pair(batch):
            raise ExportError("the batch is no (input, target), so it is not known what the model takes")
        return Example((mover(device)(batch[0]),), {})
    seen: list[Example] = []

    def keep(_model: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append(Example(args, kwargs))

    hook = model.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        with torch.no_grad():
            made.step(model, mover(device)(batch), made.loss)
    finally:
        hook.remove()
    if not seen:
        raise ExportError("step() never calls the model, so it is not known what it takes")
    return seen[0]


def _program(kind: Format, model: nn.Module, example: Example) -> tuple[Callable[[Path], object], str]:
    """Trace a model; return what writes it, and what it is."""
    program, free = _traced(model, example)
    size = "any batch size" if free else "the batch size of the run alone"
    if kind == "torch_export":
        return (lambda to: torch.export.save(program, str(to))), f"for {size}; torch.export.load(…) reads it"
    made = torch.onnx.export(program, dynamo=True)
    if made is None:
        raise ExportError("this version of torch makes no ONNX program of the model")
    return (lambda to: made.save(str(to))), f"for {size}"


def _traced(model: nn.Module, example: Example) -> tuple[torch.export.ExportedProgram, bool]:
    """Return the program and whether its batch size is free."""
    if not example.kwargs:
        with contextlib.suppress(Exception):  # the batch size is perhaps built into the model
            program = torch.export.export(model, example.args, dynamic_shapes=_free_batch(example.args))
            return program, bool(program.range_constraints)
    try:
        return torch.export.export(model, example.args, example.kwargs), False
    except Exception as error:  # noqa: BLE001 - whatever the tracer cannot follow
        raise ExportError(f"torch.export cannot follow the model: {_shortened(explain(error))}") from None


def _free_batch(value: Any) -> Any:
    """Return which dimensions are free in a value of that structure: the first of each tensor."""
    if isinstance(value, torch.Tensor):
        return {0: torch.export.Dim.AUTO} if value.dim() else None
    if type(value) in (list, tuple):
        return type(value)(map(_free_batch, value))
    if type(value) is dict:
        return {key: _free_batch(item) for key, item in value.items()}
    return None
