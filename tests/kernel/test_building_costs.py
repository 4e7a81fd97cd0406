from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torchinfo
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tests.kernel.building_designs import conv, designs, layer, linear, model, own, pool, relu, repeat
from tests.kernel.test_building_code import built, example
from tui.kernel.building.check import check_design
from tui.protocol.building import (
    Block,
    CheckDesign,
    Design,
    DesignChecked,
)

ALL = designs()
NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def check(design: Design, namespace: dict[str, Any] | None = None, **asked: Any) -> DesignChecked:
    return check_design(namespace or {}, CheckDesign(design, **asked))


def products(run: nn.Module, inputs: list[torch.Tensor]) -> int:
    """Multiply-adds that torch counts as a model runs, with the elements that its normalizations scale."""
    with torch.no_grad():
        run.eval()(*inputs)  # lazy layers get their weights
    scaled: list[int] = []
    for part in run.modules():
        if isinstance(part, NORMS) and part.weight is not None:
            part.register_forward_hook(lambda _module, _args, output: scaled.append(output.numel()))
    # in training and without values: what a CPU has fused kernels for is not counted there
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        run.train().to("meta")(*(value.to("meta") for value in inputs))
    return int(flops.get_total_flops()) // 2 + sum(scaled)


@pytest.mark.parametrize("name", ALL)
def test_multiply_adds_are_those_that_torch_counts(name: str) -> None:
    design = ALL[name]
    checked = check(design)
    assert checked.totals.macs is not None
    inputs = example(design)
    counted = products(built(checked.code, design.name), inputs)
    assert checked.totals.macs == counted / len(inputs[0])


def test_multiply_adds_of_a_transformer_layer() -> None:
    time, width, inner = 12, 32, 64
    block = layer("TransformerEncoderLayer", nhead=4, dim_feedforward=inner, batch_first=True)
    attention = 4 * time * width**2 + 2 * time**2 * width
    expected = attention + 2 * time * width * inner + 2 * time * width
    assert check(model("M", (time, width), block)).totals.macs == expected


@pytest.mark.parametrize(
    "name", sorted(set(ALL) - {"two_inputs", "frozen_and_initialized", "initialized_residuals"})
)
def test_parameters_are_those_of_torchinfo(name: str) -> None:
    design = ALL[name]
    checked = check(design)
    told = torchinfo.summary(built(checked.code, design.name), input_data=example(design), verbose=0)
    assert (checked.totals.trainable, checked.totals.frozen) == (told.trainable_params, 0)


@pytest.mark.parametrize(
    "body",
    [
        (layer("Conv2d", out_channels=6, kernel_size=3, stride=2, groups=3, dilation=2, bias=False),),
        (layer("Conv2d", out_channels=6, kernel_size=(1, 5), bias=False), relu(), pool()),
        (layer("Flatten"), linear(7, bias=False)),
    ],
)
def test_multiply_adds_are_those_of_torchinfo_where_there_are_no_biases(body: tuple[Block, ...]) -> None:
    design = model("Plain", (3, 12, 12), *body)
    checked = check(design)
    told = torchinfo.summary(built(checked.code, "Plain"), input_size=(1, 3, 12, 12), verbose=0)
    assert checked.totals.macs == told.total_mult_adds


def test_products_of_the_users_own_class_are_counted() -> None:
    class Product(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ x.mT

    checked = check(model("M", (4, 8), own("Product")), {"Product": Product})
    assert checked.totals.macs == 4 * 8 * 4


def test_tied_parameters_of_a_class_count_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one = nn.Linear(8, 8, bias=False)
            self.other = nn.Linear(8, 8, bias=False)
            self.other.weight = self.one.weight

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.other(self.one(x))
            return out

    (row,) = check(model("M", (8,), own("Tied")), {"Tied": Tied}).blocks
    assert (row.trainable, row.tied, row.macs) == (64, True, 128)


def test_activations_are_for_the_chosen_batch_and_views_take_nothing() -> None:
    design = model("M", (3, 8, 8), conv(4), relu(), layer("Flatten"), linear(2))
    for batch in (1, 32):
        rows = check(design, batch=batch).blocks
        assert [row.activation_bytes for row in rows] == [4 * batch * n for n in (256, 256, 0, 2)]


def test_layers_in_place_take_nothing() -> None:
    rows = check(model("M", (8,), linear(4), layer("ReLU", inplace=True)), batch=2).blocks
    assert [row.activation_bytes for row in rows] == [32, 0]


@pytest.mark.parametrize(("optimizer", "states"), [("SGD", 0), ("SGD momentum", 1), ("Adam", 2)])
def test_memory_to_train(optimizer: str, states: int) -> None:
    design = model("M", (8,), layer("Linear", out_features=4, _frozen=True), layer("BatchNorm1d"))
    totals = check(design, batch=2, optimizer=optimizer).totals
    assert (totals.trainable, totals.frozen, totals.buffers) == (8, 36, 9)
    parameters, buffers = 4 * (8 + 36), 4 * 8 + 8  # num_batches_tracked is an int64
    gradients, activations = 4 * 8, 2 * 4 * (4 + 4)
    assert totals.training_bytes == parameters + buffers + gradients + states * 4 * 8 + activations
    assert totals.device_bytes is None or totals.device_bytes > 1 << 20


def test_a_repeat_counts_every_round() -> None:
    rounds = check(model("M", (8,), repeat(5, linear(8)))).blocks
    assert [row.trainable for row in rounds] == [5 * 72, 72]
    assert [row.macs for row in rounds] == [5 * 64, 64]


def test_receptive_field_is_where_gradients_come_from() -> None:
    body = (conv(2, 3), pool(), conv(2, 3, dilation=2, padding=0), conv(2, 3, stride=2), layer("LeakyReLU"))
    design = model("M", (1, 40, 40), *body)
    checked = check(design)
    run = built(checked.code, "M")
    for parameter in run.parameters():
        nn.init.uniform_(parameter, 0.1, 1.0)  # nothing cancels
    x = torch.rand(1, 1, 40, 40, requires_grad=True)
    output = run(x)
    output[0, 0, output.shape[2] // 2, output.shape[3] // 2].backward()
    assert x.grad is not None
    seen = x.grad[0, 0].abs().sum(dim=1).nonzero().flatten()
    # a pooling passes on the largest alone, so that what reaches is at most what could
    largest = checked.blocks[-1].receptive_field
    assert largest is not None
    assert largest - 2 <= int(seen.max() - seen.min()) + 1 <= largest
    assert [row.receptive_field for row in checked.blocks] == [3, 4, 12, 16, 16]


def test_a_receptive_field_means_nothing_for_features() -> None:
    assert [row.receptive_field for row in check(ALL["mlp"]).blocks] == [None] * 6


def test_nothing_is_allocated_for_a_terabyte() -> None:
    rows = check(model("M", (1000,), linear(500_000_000), linear(10))).blocks
    assert [row.status for row in rows] == ["ok", "ok"]
    assert rows[0].trainable == 1000 * 500_000_000 + 500_000_000
    assert math.isclose(rows[0].trainable * 4, 2e12, rel_tol=0.01)
