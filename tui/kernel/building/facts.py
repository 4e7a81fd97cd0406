"""What the table shows of each block, and the totals of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import torch

from tui.kernel.building import layers
from tui.kernel.building.costs import Weights
from tui.kernel.building.labels import Labels, written
from tui.kernel.building.layers import Outcome
from tui.kernel.building.parts import Interpreted, Part
from tui.kernel.building.values import first_spec
from tui.protocol.building import Argument, BlockFacts, Totals

_STATES: Final = {"SGD": 0, "SGD momentum": 1, "Adam": 2}
"""Values that an optimizer keeps for each parameter that it trains."""


@dataclass
class Sums:
    """What a block with all below it costs."""

    trainable: int = 0
    frozen: int = 0
    buffers: int = 0
    macs: int = 0
    activation_bytes: int = 0
    parameter_bytes: int = 0
    trainable_bytes: int = 0
    buffer_bytes: int = 0

    def add(self, other: Sums, times: int = 1) -> None:
        """Add those of another block, so many times."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + times * getattr(other, field.name))


class Facts:
    """Makes the rows of one design."""

    def __init__(self, interpreted: Interpreted, batch: int, namespace: Mapping[str, object]) -> None:
        """`batch`: samples that the user has chosen."""
        self._interpreted = interpreted
        self._samples = batch
        self._labels = Labels(namespace)
        self._sums: dict[int, Sums] = {}

    def rows(self, names: Mapping[int, str], problems: Mapping[int, str]) -> tuple[BlockFacts, ...]:
        """Return a row for each block.

        Args:
            names: attributes by blocks.
            problems: what is wrong with the names that were given, by blocks.
        """
        return tuple(self._row(part, names, problems) for part in self._interpreted.walk())

    def totals(self, optimizer: str) -> Totals:
        """Return what the model costs."""
        sums = Sums()
        for part in self._interpreted.parts:
            sums.add(self._of(part))
        states = _STATES.get(optimizer, 2) * sums.trainable_bytes
        held = sums.parameter_bytes + sums.buffer_bytes + sums.trainable_bytes + states
        return Totals(
            trainable=sums.trainable,
            frozen=sums.frozen,
            buffers=sums.buffers,
            macs=sums.macs,
            activation_bytes=sums.activation_bytes,
            training_bytes=held + sums.activation_bytes,
            device_bytes=device_bytes(),
        )

    # -- rows -------------------------------------------------------------------------------------

    def _row(self, part: Part, names: Mapping[int, str], problems: Mapping[int, str]) -> BlockFacts:
        batch, block = self._interpreted.batch, part.block
        sums = self._of(part)
        reached = part.status != "not reached"
        misnamed = problems.get(block.id, "")
        made = part.goes_out.value if part.goes_out is not None else None
        spec = first_spec(made)
        shown = part.goes_out is not None
        return BlockFacts(
            id=block.id,
            status="failed" if misnamed else part.status,
            label=self._labels.label(part),
            name=names.get(block.id, block.name),
            input_shapes=", ".join(map(batch.text, part.comes_in)) if reached else "",
            output_shapes=batch.text(made) if shown else "",
            dtype=str(spec.dtype).removeprefix("torch.") if spec is not None else "",
            filled=self._filled(part),
            trainable=sums.trainable,
            frozen=sums.frozen,
            buffers=sums.buffers,
            tied=part.outcome is not None and part.outcome.weights.tied,
            macs=sums.macs if part.status == "ok" else None,
            activation_bytes=sums.activation_bytes,
            receptive_field=_field(part),
            error=" ".join(filter(None, (misnamed, part.error))),
            note=part.note,
            fixes=tuple(remedy.on(block) for remedy in part.remedies),
        )

    def _filled(self, part: Part) -> tuple[Argument, ...]:
        if part.projection is not None:
            one = part.projection
            return (Argument("projection", written(one.layer, one.arguments)),)
        return part.outcome.filled if part.outcome is not None else ()

    # -- sums -------------------------------------------------------------------------------------

    def _of(self, part: Part) -> Sums:
        known = self._sums.get(id(part))
        if known is None:
            known = self._sums[id(part)] = self._summed(part)
        return known

    def _summed(self, part: Part) -> Sums:
        sums = Sums()
        if part.outcome is not None:
            sums.add(self._of_layer(part.outcome, part.frozen))
        if part.block.kind == "repeat":
            for round_ in part.rounds:
                for inner in round_.parts if part.status != "not reached" else ():
                    sums.add(self._of(inner), round_.count)
            return sums
        for child in part.children:
            sums.add(self._of(child))
        if part.projection is not None:
            sums.add(self._of_layer(part.projection, part.frozen))
        if part.block.kind in ("residual", "parallel") and part.goes_out is not None:
            sums.activation_bytes += self._interpreted.batch.size_bytes(part.goes_out.value, self._samples)
        return sums

    def _of_layer(self, outcome: Outcome, frozen: bool) -> Sums:
        weights: Weights = outcome.weights
        trains = not frozen
        return Sums(
            trainable=weights.trainable if trains else 0,
            frozen=weights.frozen if trains else weights.frozen + weights.trainable,
            buffers=weights.buffers,
            macs=round(outcome.macs / self._interpreted.batch.size),
            activation_bytes=layers.outputs_bytes(outcome, self._interpreted.batch, self._samples),
            parameter_bytes=weights.parameter_bytes,
            trainable_bytes=weights.trainable_bytes if trains else 0,
            buffer_bytes=weights.buffer_bytes,
        )


def _field(part: Part) -> int | None:
    """Return the receptive field, where a kernel has widened it."""
    field = part.goes_out.field if part.goes_out is not None else None
    return max(field.sizes) if field is not None and max(field.sizes) > 1 else None


def device_bytes() -> int | None:
    """Return the memory of the GPU that a run would take, else of this machine; None where it is not known."""
    if torch.cuda.is_available():
        try:
            return int(torch.cuda.get_device_properties(0).total_memory)
        except RuntimeError:
            return None
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemTotal:"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError):  # not Linux
        pass
    return None
