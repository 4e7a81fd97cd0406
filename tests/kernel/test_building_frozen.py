"""Freezing and initialization reach the layers of blocks that get a class of their own."""

from __future__ import annotations

import torch

from tui.kernel.building.check import check_design
from tui.protocol.building import (
    Argument,
    Block,
    CheckDesign,
    Design,
    InputSpec,
)


def residual(first: int) -> Block:
    wide = (Argument("out_features", "8"),)
    linear = Block(first + 1, "layer", layer="nn.Linear", arguments=wide, frozen=True, init="ones_")
    return Block(first, "residual", children=(linear, Block(first + 2, "layer", layer="nn.ReLU")))


def test_layers_inside_a_class_of_their_own_are_frozen_and_initialized() -> None:
    head = Block(20, "layer", layer="nn.Linear", arguments=(Argument("out_features", "2"),))
    design = Design(inputs=(InputSpec(shape=(8,)),), body=(residual(1), residual(10), head))
    checked = check_design({}, CheckDesign(design))
    assert "class ResidualBlock" in checked.code
    namespace: dict[str, type[torch.nn.Module]] = {}
    exec(checked.code, namespace)
    model = namespace["Model"]()
    frozen = [parameter for parameter in model.parameters() if not parameter.requires_grad]
    assert sum(parameter.numel() for parameter in frozen) == checked.totals.frozen == 144
    assert all(bool((parameter == 1).all()) for parameter in frozen if parameter.dim() == 2)
