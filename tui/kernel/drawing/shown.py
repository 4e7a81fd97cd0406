"""What the UI gets to draw of a displayed value: a tensor, an array, or what holds some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tui.kernel import torch_private
from tui.kernel.drawing.arrays import array_facts, as_tensor, is_array
from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.drawing.picture import picture_of
from tui.kernel.drawing.plain_values import plain_class
from tui.kernel.drawing.tree import tree_of
from tui.kernel.safe_objects import is_a
from tui.kernel.tensor_stats import TABLE_LIMIT, tensor_stats
from tui.protocol.values import Shown

if TYPE_CHECKING:
    from tui.kernel.drawing.arrays import Array


def shown_of(value: object) -> Shown | None:
    """Return how a value is drawn; None where its text says it as well: it is neither a tensor nor holds one.

    Of a tensor two transfers to the host, one of statistics and one of the picture; a further one of statistics
    where values are not finite.
    """
    if is_a(value, Tensor):
        with torch.inference_mode(), torch_private.without_overrides():
            stats = tensor_stats(plain_class(value), limit=TABLE_LIMIT)
        return Shown(tensor_facts(value, stats), picture_of(value))
    if is_array(value):
        return _shown_array(value)
    tree, omitted = tree_of(value)
    return Shown(tree=tree, tree_omitted=omitted) if tree else None


def _shown_array(array: Array) -> Shown | None:
    with torch.inference_mode(), torch_private.without_overrides():
        tensor = as_tensor(array)
    if tensor is None:
        return None
    stats = tensor_stats(tensor, limit=TABLE_LIMIT)
    return Shown(array_facts(array, tensor, stats), picture_of(tensor, stats))
