"""Runs a design on real tensors by the meaning of its blocks, apart from the interpreter and from generated code."""

from __future__ import annotations

import ast
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tui.protocol.building import Block, Design

Values = dict[str, Any]


class Reference(nn.Module):
    """A model made of a design: builds each layer when its first input comes, in the order of the design."""

    def __init__(self, design: Design, namespace: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.design = design
        self.layers = nn.ModuleList()
        self._namespace = namespace or {}
        self._next = 0

    def forward(self, *inputs: Tensor) -> Any:
        self._next = 0
        values = {spec.name: value for spec, value in zip(self.design.inputs, inputs, strict=True)}
        return self._line(self.design.body, inputs[0], values)

    def _line(self, blocks: tuple[Block, ...], x: Any, values: Values) -> Any:
        for block in blocks:
            x = self._block(block, x, values)
        return x

    def _block(self, block: Block, x: Any, values: Values) -> Any:
        given = {"torch": torch, "F": F, **values, "x": x}
        inputs = [eval(text, {}, given) for text in block.inputs] or [x]
        y = self._output(block, inputs, values, given)
        if block.output:
            values[block.output] = y
        return eval(f"y{block.take}", {}, {"y": y})

    def _output(self, block: Block, inputs: list[Any], values: Values, given: Values) -> Any:
        x = inputs[0]
        if block.kind == "layer":
            return self._layer(block, inputs)(*inputs)
        if block.kind == "expression":
            return eval(block.layer, {}, {**given, "x": x})
        if block.kind == "sequence":
            return self._line(block.children, x, values)
        if block.kind == "repeat":
            for _ in range(block.times):
                x = self._line(block.children, x, dict(values))
            return x
        if block.kind == "parallel":
            ends = [self._block(child, x, values) for child in block.children]
            return sum(ends[1:], ends[0]) if block.join == "add" else torch.cat(ends, dim=block.dim)
        y = self._line(block.children, x, values)
        if y.shape == x.shape:
            return x + y
        return self._made(lambda: _projection(x, y))(x) + y

    def _layer(self, block: Block, inputs: list[Any]) -> nn.Module:
        def make() -> nn.Module:
            arguments = {argument.name: ast.literal_eval(argument.text) for argument in block.arguments}
            cls = (
                getattr(nn, block.layer[3:])
                if block.layer.startswith("nn.")
                else self._namespace[block.layer]
            )
            for name, dim in _OPEN.get(block.layer, {}).items():
                arguments.setdefault(name, inputs[0].shape[dim])
            return cls(**arguments)  # type: ignore[no-any-return]

        return self._made(make)

    def _made(self, make: Any) -> nn.Module:
        if self._next == len(self.layers):
            self.layers.append(make().train(self.training))
        self._next += 1
        return self.layers[self._next - 1]


_OPEN: dict[str, dict[str, int]] = {
    "nn.Linear": {"in_features": -1},
    "nn.LayerNorm": {"normalized_shape": -1},
    "nn.MultiheadAttention": {"embed_dim": -1},
    "nn.TransformerEncoderLayer": {"d_model": -1},
    "nn.GroupNorm": {"num_channels": 1},
    **{f"nn.{kind}": {"input_size": -1} for kind in ("RNN", "GRU", "LSTM")},
    **{f"nn.Conv{n}d": {"in_channels": 1} for n in (1, 2, 3)},
    **{f"nn.ConvTranspose{n}d": {"in_channels": 1} for n in (1, 2, 3)},
    **{f"nn.BatchNorm{n}d": {"num_features": 1} for n in (1, 2, 3)},
}


def _projection(x: Tensor, y: Tensor) -> nn.Module:
    if x.dim() == 2:
        return nn.Linear(x.shape[1], y.shape[1])
    stride = -(-x.shape[-1] // y.shape[-1])
    return {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}[x.dim()](x.shape[1], y.shape[1], 1, stride=stride)
