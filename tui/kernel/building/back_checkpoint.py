"""A file of weights beside a model: which keys are missing, unexpected, or of another shape or dtype."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import torch
from torch import Tensor, nn

from tui.kernel import torch_private
from tui.kernel.building.back_named import named_module
from tui.kernel.building.back_weights import MOST_KEYS, Entry, Weights, read_weights
from tui.kernel.building.errors import BuildingError
from tui.kernel.module_walk import buffers_of, children_of, parameters_of
from tui.kernel.safe_objects import instance_attributes
from tui.protocol.models import CheckpointCompared, CompareCheckpoint, KeyRow

_WRAPPED: Final = ("_orig_mod.", "module.", "model.", "net.", "_forward_module.")
"""What wrappers and trainers put in front of every key."""
_ORDER: Final = {"shape": 0, "missing": 1, "unexpected": 2, "dtype": 3, "match": 4}
_USUAL: Final = (
    "['model']",
    "['state_dict']",
    "['model_state_dict']",
    "['net']",
    "['weights']",
    "['module']",
)


def compare_checkpoint(namespace: Mapping[str, object], request: CompareCheckpoint) -> CheckpointCompared:
    """Return how a file of weights fits a model; without a model the file's keys alone.

    Raises:
        BuildingError: the file cannot be read, or there is no such model.
    """
    if not request.path.strip():
        raise BuildingError("bad request", "Name a file of weights: .pt, .pth or .safetensors.")
    found = read_weights(request.path).found
    if not request.expression.strip():
        where = _usual_place(found)
        keys = found[where]
        rows = tuple(KeyRow(key, "unexpected", theirs=str(entry)) for key, entry in keys.items())
        return CheckpointCompared(rows=rows, summary=_contents(keys) + _place(where), prefix="")
    ours, tied = model_keys(named_module(namespace, request.expression))
    where = max(found, key=lambda place: (_fitting(ours, found[place]), place == _usual_place(found)))
    theirs = found[where]
    file_prefix, model_prefix = _prefixes(ours, theirs)
    rows = _rows(ours, _without(theirs, file_prefix), tied, model_prefix)
    return CheckpointCompared(
        rows=rows, summary=_summary(rows, model_prefix) + _place(where), prefix=file_prefix
    )


def model_keys(model: nn.Module) -> tuple[Weights, dict[str, str]]:
    """Return the keys of the model's state dict, without asking it, and for a tied tensor's key the first one's."""
    keys: Weights = {}
    tied: dict[str, str] = {}
    first: dict[int, str] = {}
    waiting: list[tuple[str, nn.Module, tuple[int, ...]]] = [("", model, ())]
    with torch_private.without_overrides():
        while waiting and len(keys) <= MOST_KEYS:
            prefix, module, above = waiting.pop()
            if id(module) in above or len(above) > 1000:
                continue  # inside itself
            left_out = instance_attributes(module).get("_non_persistent_buffers_set", ())
            for name, tensor in (*parameters_of(module), *buffers_of(module)):
                if isinstance(left_out, set) and name in left_out:
                    continue
                keys[prefix + name] = _entry(tensor)
                earlier = first.setdefault(id(tensor), prefix + name)
                if earlier != prefix + name:
                    tied[prefix + name] = earlier
            waiting += [
                (f"{prefix}{name}.", child, (*above, id(module)))
                for name, child in reversed(children_of(module))
            ]
    return keys, tied


def _entry(tensor: Tensor) -> Entry:
    dtype = str(torch.Tensor.dtype.__get__(tensor)).removeprefix("torch.")  # type: ignore[attr-defined]
    if torch_private.is_lazy(tensor):
        return Entry(None, dtype)
    try:
        return Entry(tuple(torch.Tensor.size(tensor)), dtype)
    except RuntimeError:
        return Entry(None, dtype)


# -- what to compare ----------------------------------------------------------------------------------


def _usual_place(found: Mapping[str, Weights]) -> str:
    """Return where a file keeps a model's weights, as far as names tell; else its largest dictionary."""
    largest = max(found, key=lambda place: len(found[place]))
    if not largest:
        return ""
    return next((place for place in _USUAL if place in found), largest)


def _fitting(ours: Weights, theirs: Weights) -> int:
    """Return how many keys both have, however the file's are prefixed."""
    file_prefix, model_prefix = _prefixes(ours, theirs)
    return _common(_without(ours, model_prefix), _without(theirs, file_prefix))


def _common(ours: Iterable[str], theirs: Weights) -> int:
    return sum(key in theirs for key in ours)


def _prefixes(ours: Weights, theirs: Weights) -> tuple[str, str]:
    """Return what to leave out of the file's keys and of the model's so that most of them meet."""
    best, score = ("", ""), _common(ours, theirs)
    for file_prefix in ("", *_possible(theirs)):
        stripped = _without(theirs, file_prefix)
        for model_prefix in ("", *_possible(ours)):
            if file_prefix and model_prefix:
                continue
            common = _common(_without(ours, model_prefix), stripped)
            if common > score:
                best, score = (file_prefix, model_prefix), common
    return best


def _possible(keys: Weights) -> list[str]:
    """Return what all keys begin with, up to each of their dots, and what wrappers usually put there."""
    if not keys:
        return []
    names = list(keys)
    shared = names[0].split(".")[:-1]
    for name in names:
        parts = name.split(".")
        same = next(
            (n for n, part in enumerate(shared) if n >= len(parts) - 1 or part != parts[n]), len(shared)
        )
        shared = shared[:same]
        if not shared:
            break
    prefixes = [".".join(shared[: n + 1]) + "." for n in range(min(len(shared), 8))]
    most = len(names) / 2
    prefixes += [
        prefix
        for prefix in _WRAPPED
        if prefix not in prefixes and sum(name.startswith(prefix) for name in names) > most
    ]
    return prefixes


def _without(keys: Weights, prefix: str) -> Weights:
    return {key.removeprefix(prefix): entry for key, entry in keys.items()} if prefix else keys


# -- rows ---------------------------------------------------------------------------------------------


def _rows(ours: Weights, theirs: Weights, tied: Mapping[str, str], prefix: str) -> tuple[KeyRow, ...]:
    """Return a row for each key, problems first, else in the order of the model."""
    rows = []
    own = _without(ours, prefix)
    for (full, entry), key in zip(ours.items(), own, strict=False):
        text = f"{entry}, tied with {tied[full]}" if full in tied else str(entry)
        other = theirs.get(key)
        if other is None:
            rows.append(KeyRow(full, "missing", ours=text))
        elif entry.shape is not None and other.shape is not None and entry.shape != other.shape:
            rows.append(KeyRow(full, "shape", ours=text, theirs=str(other)))
        elif entry.dtype != other.dtype:
            rows.append(KeyRow(full, "dtype", ours=text, theirs=str(other)))
        else:
            rows.append(KeyRow(full, "match", ours=text, theirs=str(other)))
    rows += [KeyRow(key, "unexpected", theirs=str(entry)) for key, entry in theirs.items() if key not in own]
    return tuple(sorted(rows, key=lambda row: _ORDER[row.status]))


def _summary(rows: tuple[KeyRow, ...], model_prefix: str) -> str:
    """Return e.g. ``7 of 10 keys fit: 1 of another shape, 2 missing``."""
    words = {
        "shape": "of another shape",
        "missing": "missing in the file",
        "unexpected": "that the model has not",
        "dtype": "of another dtype (load_state_dict converts)",
    }
    counts = {status: sum(row.status == status for row in rows) for status in _ORDER}
    problems = [f"{counts[status]:,} {text}" for status, text in words.items() if counts[status]]
    total = len(rows)
    if not total:
        text = "Neither the model nor the file has any keys"
    elif not problems:
        text = f"All {total:,} keys fit" if total > 1 else "The one key fits"
    else:
        text = f"{counts['match']:,} of {total:,} keys fit: {', '.join(problems)}"
    return text + (f"; the model's own keys begin with {model_prefix}" if model_prefix else "")


def _contents(keys: Weights) -> str:
    count = 0
    for entry in keys.values():
        size = 1
        for length in entry.shape or ():
            size *= length
        count += size
    return f"{len(keys):,} tensor{'' if len(keys) == 1 else 's'}, {count:,} values"


def _place(where: str) -> str:
    return f" (in {where} of the file)" if where else ""
