"""Designs to begin with."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Final

from tui.protocol.building import (
    Argument,
    Block,
    BlockKind,
    Design,
    InputSpec,
)
from tui.widgets.builder.edit import renumbered


def _layer(layer: str, take: str = "", inputs: tuple[str, ...] = (), **arguments: object) -> Block:
    given = tuple(Argument(name, repr(value)) for name, value in arguments.items())
    return Block(0, "layer", layer=f"nn.{layer}", arguments=given, take=take, inputs=inputs)


def _expression(text: str) -> Block:
    return Block(0, "expression", layer=text)


def _group(kind: BlockKind, *children: Block, name: str = "", times: int = 1) -> Block:
    return Block(0, kind, name=name, children=children, times=times)


def _mlp() -> Design:
    hidden = [
        _layer("Linear", out_features=128),
        _layer("ReLU"),
        _layer("Linear", out_features=64),
        _layer("ReLU"),
    ]
    body = (_layer("Flatten"), *hidden, _layer("Linear", out_features=10))
    return Design("MLP", (InputSpec(),), body)


def _lenet() -> Design:
    body = (
        _layer("Conv2d", out_channels=6, kernel_size=5, padding=2),
        _layer("Tanh"),
        _layer("AvgPool2d", kernel_size=2),
        _layer("Conv2d", out_channels=16, kernel_size=5),
        _layer("Tanh"),
        _layer("AvgPool2d", kernel_size=2),
        _layer("Flatten"),
        _layer("Linear", out_features=120),
        _layer("Tanh"),
        _layer("Linear", out_features=84),
        _layer("Tanh"),
        _layer("Linear", out_features=10),
    )
    return Design("LeNet", (InputSpec(),), body)


def _residual() -> Design:
    inside = (
        _layer("Conv2d", out_channels=64, kernel_size=3, padding=1),
        _layer("BatchNorm2d"),
        _layer("ReLU"),
        _layer("Conv2d", out_channels=64, kernel_size=3, padding=1),
        _layer("BatchNorm2d"),
    )
    return Design(
        "ResidualBlock", (InputSpec("x", (32, 28, 28)),), (_group("residual", *inside), _layer("ReLU"))
    )


def _encoder() -> Design:
    attention = _layer("MultiheadAttention", "[0]", ("x", "x", "x"), num_heads=4, batch_first=True)
    feed_forward = (_layer("Linear", out_features=256), _layer("GELU"), _layer("Linear", out_features=64))
    block = (
        _group("residual", _layer("LayerNorm"), attention, _layer("Dropout", p=0.1), name="attention"),
        _group("residual", _layer("LayerNorm"), *feed_forward, _layer("Dropout", p=0.1), name="feed_forward"),
    )
    body = (_group("repeat", *block, name="blocks", times=4), _layer("LayerNorm"))
    return Design("TransformerEncoder", (InputSpec("x", (16, 64)),), body)


def _lstm() -> Design:
    body = (
        _layer("Embedding", num_embeddings=10_000, embedding_dim=64),
        _layer("LSTM", "[0]", hidden_size=128, batch_first=True),
        _expression("x[:, -1]"),
        _layer("Dropout", p=0.2),
        _layer("Linear", out_features=2),
    )
    return Design("LSTMClassifier", (InputSpec("x", (100,), "int64"),), body)


TEMPLATES: Final[dict[str, tuple[str, Callable[[], Design]]]] = {
    "MLP": ("two hidden layers for images of 28x28", _mlp),
    "LeNet": ("convolutions, pooling and three linear layers for images of 28x28", _lenet),
    "residual block": ("two convolutions around which the input goes; projected to 64 channels", _residual),
    "transformer encoder": ("four blocks of self-attention and feed-forward, for 16 tokens of 64", _encoder),
    "LSTM classifier": ("an embedding of 10,000 words, an LSTM, its last output classified", _lstm),
}
"""What each is, and what makes it."""


def template(name: str) -> Design:
    """Return a template with ids from 1 on; raises KeyError where there is none of that name."""
    design = TEMPLATES[name][1]()
    return Design(design.name, design.inputs, renumbered(design.body, count(1)))
