"""Why a layer failed, in plain words, with the edits that would mend it; and what runs, but hardly as it was meant.

The rules know the layer, its arguments and what came in. What none of them knows is told in PyTorch's own words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import Any, Final

from torch import nn

from tui.kernel.building import fixes_attention, fixes_features, fixes_images
from tui.kernel.building.failed import Failed, Rule, name_of
from tui.kernel.building.resolve import Resolved, tuple_words
from tui.kernel.building.values import Batch, Spec, Value, specs_in
from tui.kernel.building.words import Remedy, Unfit, expression_first, flatten_first, set_to
from tui.kernel.explain import explain
from tui.protocol.building import Argument

__all__ = ["Failed", "diagnose", "expression_failed", "name_of", "needs_more_than_one", "remarks"]

_NEEDS_VALUES: Final = (
    "meta tensor",
    "Meta tensor",
    "'Meta' backend",
    "_local_scalar_dense",
    "backend 'Meta'",
    "meta device",
    "data-dependent",
    "register_meta function",
)
_SEQUENTIAL: Final = (nn.RNN, nn.GRU, nn.LSTM, nn.MultiheadAttention, nn.TransformerEncoderLayer)


def diagnose(failed: Failed) -> Unfit:
    """Return the words of the first rule that knows the failure, with PyTorch's own behind."""
    for rule in _RULES:
        found = rule(failed)
        if found is not None:
            own = f" PyTorch: {failed.message}" if failed.message != "no message" else ""
            return Unfit(found.words + own, found.remedies)
    return Unfit(f"{failed.name} failed: {_plain(failed.error, failed.batch)}")


def refuse(failed: Failed) -> None:
    """Raise `Unfit` for what runs on the meta device, and fails, or takes the batch for channels, in a real run."""
    for rule in _REFUSALS:
        found = rule(failed)
        if found is not None:
            raise found


def expression_failed(text: str, error: BaseException, batch: Batch, shapes: str) -> Unfit:
    """Return the words for an expression that raised."""
    if isinstance(error, Unfit):
        return error
    if _needs_values(error):
        words = (
            f"{text} depends on the values of a tensor, or on how many there are: a design knows shapes only."
        )
        return Unfit(words)
    return Unfit(f"{text} failed: {_plain(error, batch)}" + (f" ({shapes})" if shapes else ""))


def _plain(error: BaseException, batch: Batch) -> str:
    if isinstance(error, SystemExit):
        return "it called sys.exit."
    kind = (
        "" if isinstance(error, RuntimeError | ValueError | AssertionError) else f"{type(error).__name__}: "
    )
    words = batch.words(explain(error)).removeprefix("Input Error: ")
    return kind + (words if words.endswith((".", "!", "?", "…")) else f"{words}.")


def _needs_values(error: BaseException) -> bool:
    return any(phrase in str(error) for phrase in _NEEDS_VALUES)


# -- rules for any layer ----------------------------------------------------------------------------


def _tuple_came_in(failed: Failed) -> Unfit | None:
    value = failed.inputs[0] if failed.inputs else None
    return Unfit(*tuple_words(failed.name, value, failed.batch)) if isinstance(value, tuple | list) else None


def _no_tensor_came_in(failed: Failed) -> Unfit | None:
    if not failed.of_torch or not failed.inputs or failed.first is not None:
        return None
    return Unfit(f"{failed.name} takes a tensor, and its input is {failed.shape_text}.")


def _missing_inputs(failed: Failed) -> Unfit | None:
    found = re.search(r"forward\(\) missing \d+ required positional arguments?: (.*)", str(failed.error))
    if found is None:
        return None
    missing = re.findall(r"'(\w+)'", found[1])
    words = (
        f"{failed.name} takes more than one input; name the values for {', '.join(missing)} in its inputs."
    )
    if failed.kind.startswith("MaxUnpool"):
        words += (
            " The indices come from a MaxPool with return_indices=True whose output has a name: x, pool[1]."
        )
    return Unfit(words)


def _too_many_inputs(failed: Failed) -> Unfit | None:
    found = re.search(
        r"forward\(\) takes (?:from \d+ to )?(\d+) positional arguments? but (\d+)", str(failed.error)
    )
    if found is None:
        return None
    takes = int(found[1]) - 1
    words = f"{failed.name} takes {takes} input{'' if takes == 1 else 's'}, and is called with {int(found[2]) - 1}."
    return Unfit(words, [Remedy("call it with x alone", inputs=("x",))] if takes == 1 else [])


def _values_needed(failed: Failed) -> Unfit | None:
    if not _needs_values(failed.error):
        return None
    what = "in its constructor" if failed.module is None else "of its input"
    words = f"{failed.name} needs values {what}, and a design knows shapes only: what it gives shows in a real run."
    return Unfit(words)


_RULES: Final[tuple[Rule, ...]] = (
    _tuple_came_in,
    *fixes_attention.RULES,
    _missing_inputs,
    _too_many_inputs,
    _no_tensor_came_in,
    *fixes_images.RULES,
    *fixes_features.RULES,
    _values_needed,
)


_REFUSALS: Final[tuple[Rule, ...]] = (
    fixes_images.takes_batch_for_channels,
    fixes_images.dimensions,
    fixes_features.dtype,
    fixes_features.no_such_dim,
)


# -- what runs, but hardly as it was meant ----------------------------------------------------------


def remarks(
    resolved: Resolved, inputs: Sequence[Value], output: Value, batch: Batch
) -> tuple[str, tuple[Remedy, ...]]:
    """Return a note on a layer that runs, with the edits it suggests; empty where there is nothing to say."""
    first = inputs[0] if inputs else None
    if not isinstance(first, Spec):
        return "", ()
    cls, name, rank = resolved.cls, name_of(resolved), len(first.shape)
    if cls is nn.Linear and rank >= 4:
        features = prod(first.shape[1:])
        note = (
            f"It works on the last dimension alone, {first.shape[-1]} features at each place of"
            f" {batch.text(first)}; behind a Flatten it would take all {features:,}."
        )
        return note, (
            flatten_first(f"insert Flatten, in_features {features}", Argument("in_features", str(features))),
        )
    if (
        cls in _SEQUENTIAL
        and not resolved.values.get("batch_first")
        and rank == 3
        and first.shape[0] == batch.size
    ):
        note = f"Without batch_first {name} takes dimension 0 for time, and that is the batch: {batch.text(first)}."
        return note, (set_to("batch_first", None, True),)
    if cls in (nn.RNN, nn.GRU, nn.LSTM) and rank == 2:
        note = f"{name} takes {batch.text(first)} for one sequence: its time is the batch."
        return note, (expression_first("x.unsqueeze(1)", "one step of time each"),)
    if cls is nn.SyncBatchNorm and rank > 1:
        layer = f"nn.BatchNorm{min(3, max(1, rank - 2))}d"
        note = "It runs on GPUs alone: place BatchNorm here, and convert the model where it is trained."
        remedy = Remedy(f"{layer.removeprefix('nn.')} in its place", layer=layer, dropped=("process_group",))
        return note, (remedy,)
    if cls in (nn.Softmax, nn.LogSoftmax, nn.Softmin) and resolved.values.get("dim") is None:
        return f"{name} guesses the dimension where none is given, and warns.", (set_to("dim", None, 1),)
    return batch_lost(first, output, batch), ()


def batch_lost(comes_in: Value, output: Value, batch: Batch) -> str:
    """Return a note where the batch is in what comes in and no more in what goes out."""
    before, after = list(specs_in(comes_in)), list(specs_in(output))
    if not after or not any(_has_batch(spec, batch) for spec in before):
        return ""
    if any(_has_batch(spec, batch) for spec in after):
        return ""
    return f"The batch is lost here: {batch.text(comes_in)} → {batch.text(output)}."


def _has_batch(spec: Spec, batch: Batch) -> bool:
    return any(size and size % batch.size == 0 for size in spec.shape)


ONE_VALUE: Final = (
    "{} normalizes over the batch in training, and a batch of one with one value for each channel has no spread: take"
    " a larger batch."
)


def needs_more_than_one(module: nn.Module, inputs: Sequence[Value], batch: Batch) -> bool:
    """Whether it fails in training where the batch is a single sample."""
    first = inputs[0] if inputs else None
    if not isinstance(module, nn.modules.batchnorm._BatchNorm) or not isinstance(first, Spec):
        return False
    track: Any = module.track_running_stats
    return first.shape[0] == batch.size and prod(first.shape[2:]) == 1 and (module.training or not track)
