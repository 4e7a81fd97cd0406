"""Architectures as designs, for tests of the Builder: each by its name, with the shapes that it is built for."""

from __future__ import annotations

import itertools
from typing import Any, Literal

from tui.protocol.building import (
    Argument,
    Block,
    Design,
    InputSpec,
)

_ids = itertools.count(1)
_FIELDS = ("inputs", "take", "output", "name", "frozen", "init")


def layer(kind: str, /, **arguments: Any) -> Block:
    """A layer of `torch.nn`; fields of the block itself are given with an underscore before."""
    fields = {name: arguments.pop(f"_{name}") for name in _FIELDS if f"_{name}" in arguments}
    texts = tuple(Argument(name, repr(value)) for name, value in arguments.items())
    return Block(next(_ids), "layer", layer=kind if "." in kind else f"nn.{kind}", arguments=texts, **fields)


def own(kind: str, /, **arguments: Any) -> Block:
    """A layer of a class of the namespace."""
    made = layer(f"nn.{kind}", **arguments)
    return Block(**{**made.__dict__, "layer": kind})


def sequence(*children: Block, **fields: Any) -> Block:
    return Block(next(_ids), "sequence", children=children, **fields)


def residual(*children: Block, **fields: Any) -> Block:
    return Block(next(_ids), "residual", children=children, **fields)


def parallel(*children: Block, join: Literal["add", "concatenate"] = "concatenate", **fields: Any) -> Block:
    return Block(next(_ids), "parallel", children=children, join=join, **fields)


def repeat(times: int, *children: Block, **fields: Any) -> Block:
    return Block(next(_ids), "repeat", children=children, times=times, **fields)


def expression(text: str, **fields: Any) -> Block:
    return Block(next(_ids), "expression", layer=text, **fields)


def conv(channels: int, kernel: int = 3, /, **arguments: Any) -> Block:
    return layer("Conv2d", out_channels=channels, kernel_size=kernel, **{"padding": kernel // 2, **arguments})


def linear(features: int, /, **arguments: Any) -> Block:
    return layer("Linear", out_features=features, **arguments)


def relu() -> Block:
    return layer("ReLU")


def pool(size: int = 2) -> Block:
    return layer("MaxPool2d", kernel_size=size)


def flatten() -> Block:
    return layer("Flatten")


def model(name: str, shape: tuple[int, ...], *body: Block, dtype: str = "float32") -> Design:
    """A design with one input, its shape without the batch."""
    return Design(name, (InputSpec("x", shape, dtype),), body)


def lenet() -> Design:
    return model(
        "LeNet", (1, 28, 28),
        conv(6, 5), relu(), pool(), conv(16, 5, padding=0), relu(), pool(), flatten(),
        linear(120), relu(), linear(84), relu(), linear(10),
    )  # fmt: skip


def basic_block(channels: int, stride: int = 1) -> Block:
    return residual(
        conv(channels, stride=stride, bias=False), layer("BatchNorm2d"), relu(),
        conv(channels, bias=False), layer("BatchNorm2d"),
    )  # fmt: skip


def resnet18() -> Design:
    blocks = [
        part
        for channels, stride in ((64, 1), (128, 2), (256, 2), (512, 2))
        for part in (basic_block(channels, stride), relu(), basic_block(channels), relu())
    ]
    return model(
        "ResNet18", (3, 32, 32),
        conv(64, 7, stride=2, bias=False), layer("BatchNorm2d"), relu(),
        layer("MaxPool2d", kernel_size=3, stride=2, padding=1), *blocks,
        layer("AdaptiveAvgPool2d", output_size=1), flatten(), linear(10),
    )  # fmt: skip


def double_conv(channels: int, **fields: Any) -> Block:
    return sequence(conv(channels), relu(), conv(channels), relu(), **fields)


def unet() -> Design:
    return model(
        "UNet", (1, 32, 32),
        double_conv(8, name="down1", output="skip1"), pool(),
        double_conv(16, name="down2", output="skip2"), pool(),
        double_conv(32, name="bottom"),
        layer("ConvTranspose2d", out_channels=16, kernel_size=2, stride=2),
        expression("torch.cat((x, skip2), dim=1)"), double_conv(16, name="up2"),
        layer("ConvTranspose2d", out_channels=8, kernel_size=2, stride=2),
        expression("torch.cat((x, skip1), dim=1)"), double_conv(8, name="up1"),
        conv(2, 1),
    )  # fmt: skip


def attention(heads: int = 4) -> Block:
    return layer(
        "MultiheadAttention", num_heads=heads, batch_first=True, _inputs=("x", "x", "x"), _take="[0]"
    )


def encoder_block(features: int) -> tuple[Block, Block]:
    return (
        residual(layer("LayerNorm"), attention()),
        residual(layer("LayerNorm"), linear(4 * features), layer("GELU"), linear(features)),
    )


def transformer() -> Design:
    return model(
        "Encoder", (12,),
        layer("Embedding", num_embeddings=50, embedding_dim=32), repeat(3, *encoder_block(32), name="blocks"),
        layer("LayerNorm"), expression("x.mean(dim=1)"), linear(4), dtype="int64",
    )  # fmt: skip


def vit() -> Design:
    return model(
        "ViT", (3, 32, 32),
        layer("Conv2d", out_channels=32, kernel_size=8, stride=8, _name="patches"),
        expression("x.flatten(2).transpose(1, 2)"),
        repeat(2, layer("TransformerEncoderLayer", nhead=4, dim_feedforward=64, dropout=0.0, batch_first=True)),
        expression("x.mean(dim=1)"), linear(10),
    )  # fmt: skip


def inception() -> Design:
    def module(a: int, b: int, c: int) -> Block:
        return parallel(
            conv(a, 1), sequence(conv(b, 1), relu(), conv(b)), sequence(conv(c, 1), conv(c, 5)),
            sequence(layer("MaxPool2d", kernel_size=3, stride=1, padding=1), conv(8, 1)),
        )  # fmt: skip

    return model(
        "Inception", (3, 24, 24),
        conv(16), module(8, 12, 4), relu(), pool(), module(16, 16, 8), relu(),
        expression("x.mean(dim=(2, 3))"), linear(5),
    )  # fmt: skip


def mobilenet() -> Design:
    def separable(channels: int, before: int, stride: int = 1) -> tuple[Block, ...]:
        return (
            layer("Conv2d", out_channels=before, kernel_size=3, padding=1, stride=stride, groups=before, bias=False),
            layer("BatchNorm2d"), layer("ReLU6"), conv(channels, 1, bias=False), layer("BatchNorm2d"), layer("ReLU6"),
        )  # fmt: skip

    return model(
        "MobileNet", (3, 32, 32),
        conv(16, stride=2), *separable(32, 16), *separable(64, 32, 2), *separable(64, 64),
        layer("AdaptiveAvgPool2d", output_size=(1, 1)), flatten(), layer("Dropout", p=0.2), linear(10),
    )  # fmt: skip


def densenet() -> Design:
    def dense() -> Block:
        return parallel(sequence(), sequence(layer("BatchNorm2d"), relu(), conv(8)))

    return model(
        "DenseNet", (3, 16, 16), conv(16), dense(), dense(), repeat(2, dense()), flatten(), linear(3)
    )


def siamese() -> Design:
    tower = [(conv(8), relu(), pool(), flatten(), linear(16)) for _ in range(2)]
    return Design(
        "Siamese",
        (InputSpec("left", (1, 12, 12)), InputSpec("right", (1, 12, 12))),
        (
            parallel(sequence(*tower[0], inputs=("left",)), sequence(*tower[1], inputs=("right",))),
            relu(),
            linear(1),
            expression("torch.sigmoid(x).squeeze(1)"),
        ),
    )


def two_inputs() -> Design:
    return Design(
        "ImageAndNumbers",
        (InputSpec("image", (3, 16, 16)), InputSpec("numbers", (5,)), InputSpec("word", (), "int64")),
        (
            conv(8), relu(), expression("x.mean(dim=(2, 3))", output="seen"),
            layer("Linear", out_features=8, _inputs=("numbers",), _output="known"),
            layer("Embedding", num_embeddings=11, embedding_dim=4, _inputs=("word",)),
            expression("torch.cat((x, seen, known), dim=1)"), linear(6),
        ),
    )  # fmt: skip


def seq2seq() -> Design:
    decoder = layer(
        "TransformerDecoderLayer", d_model=16, nhead=2, dim_feedforward=32, dropout=0.0, batch_first=True,
        _inputs=("x", "memory"),
    )  # fmt: skip
    return Design(
        "Decoder",
        (InputSpec("target", (7,), "int64"), InputSpec("memory", (9, 16))),
        (layer("Embedding", num_embeddings=20, embedding_dim=16), repeat(2, decoder), linear(20)),
    )


def unpooling() -> Design:
    return model(
        "Unpool", (1, 8, 8),
        conv(4), layer("MaxPool2d", kernel_size=2, return_indices=True, _output="pooled", _take="[0]"), relu(),
        layer("MaxUnpool2d", kernel_size=2, _inputs=("x", "pooled[1]")), conv(1),
    )  # fmt: skip


def squeeze_excite() -> Design:
    gate = sequence(
        layer("AdaptiveAvgPool2d", output_size=1), conv(4, 1), relu(), conv(16, 1), layer("Sigmoid"),
        name="gate", output="scale", inputs=("features",),
    )  # fmt: skip
    return model(
        "SqueezeExcite", (3, 10, 10), conv(16), layer("ReLU", _output="features"), gate,
        expression("features * scale"), expression("x.mean(dim=(-2, -1))"), linear(2),
    )  # fmt: skip


def mixer() -> Design:
    def block() -> tuple[Block, Block]:
        return (
            residual(
                layer("LayerNorm"), expression("x.transpose(1, 2)"), linear(24), layer("GELU"), linear(16),
                expression("x.transpose(1, 2)"),
            ),
            residual(layer("LayerNorm"), linear(64), layer("GELU"), linear(32)),
        )  # fmt: skip

    return model("Mixer", (16, 32), repeat(2, *block()), expression("x.mean(dim=1)"), linear(3))


def bottleneck() -> Design:
    def block(width: int, out: int, stride: int = 1) -> Block:
        return sequence(
            residual(conv(width, 1), relu(), conv(width, stride=stride), relu(), conv(out, 1)), relu()
        )

    return model(
        "Bottleneck", (3, 16, 16),
        conv(8), block(4, 16), block(4, 16), block(8, 32, 2), block(8, 32), flatten(), linear(2),
    )  # fmt: skip


def growing() -> Design:
    return model("Growing", (20,), repeat(4, linear(32), layer("Tanh"), name="hidden"), linear(1))


def frozen_and_initialized() -> Design:
    return model(
        "Careful", (1, 8, 8),
        sequence(conv(4, _name="first"), relu(), conv(4), name="features", frozen=True),
        flatten(), linear(16, _init="xavier_uniform_"), relu(),
        repeat(2, layer("Linear", out_features=16, _init="normal_(std=0.02)"), relu()),
        layer("Linear", out_features=2, _init="orthogonal_", _name="head"),
    )  # fmt: skip


def initialized_residuals() -> Design:
    """Whose initialization reaches the projections too; one of them is frozen with its projection."""

    def block(width: int, **fields: Any) -> Block:
        return residual(
            conv(width), layer("BatchNorm2d"), relu(), conv(width), init="kaiming_normal_", **fields
        )

    return model(
        "Projected", (3, 8, 8), block(8), relu(), block(8), relu(), block(16, frozen=True), flatten(), linear(2)
    )  # fmt: skip


def called_with_others() -> Design:
    """Whose expressions begin with a value that has a name, or with a part of one."""
    return model(
        "Other", (2, 8, 8), conv(4, _output="early"), relu(), conv(4, _output="late"),
        expression("x * x", inputs=("early + late",)), conv(4),
        expression("x.mean(dim=(2, 3))"), linear(2),
    )  # fmt: skip


def tagger() -> Design:
    return model(
        "Tagger", (9,),
        layer("Embedding", num_embeddings=30, embedding_dim=12),
        layer("LSTM", hidden_size=10, batch_first=True, bidirectional=True, _output="lstm", _take="[0]"),
        linear(5), expression('{"scores": x, "state": lstm[1][0]}'), dtype="int64",
    )  # fmt: skip


def recurrent(kind: str, **arguments: Any) -> Design:
    return model(
        f"{kind}Classifier", (9,),
        layer("Embedding", num_embeddings=30, embedding_dim=12),
        layer(kind, hidden_size=10, batch_first=True, _take="[0]", **arguments),
        expression("x[:, -1]"), linear(3), dtype="int64",
    )  # fmt: skip


def plain() -> dict[str, Design]:
    """Those that are one thing after the other."""
    return {
        "linear": model("Line", (13,), linear(1)),
        "mlp": model("MLP", (784,), linear(128), relu(), layer("Dropout", p=0.2), linear(64), relu(), linear(10)),
        "lenet": lenet(),
        "vgg": model(
            "VGG", (3, 32, 32), double_conv(16), pool(), double_conv(32), pool(), sequence(double_conv(64), pool()),
            flatten(), linear(64), relu(), linear(10),
        ),
        "autoencoder": model(
            "Autoencoder", (64,), sequence(linear(32), relu(), linear(8), name="encoder"),
            sequence(linear(32), relu(), linear(64), layer("Sigmoid"), name="decoder"),
        ),
        "conv_autoencoder": model(
            "ConvAutoencoder", (1, 16, 16), conv(8, stride=2), relu(), conv(16, stride=2), relu(),
            layer("ConvTranspose2d", out_channels=8, kernel_size=2, stride=2), relu(),
            layer("ConvTranspose2d", out_channels=1, kernel_size=2, stride=2), layer("Sigmoid"),
        ),
        "audio": model(
            "Audio", (1, 400), layer("Conv1d", out_channels=8, kernel_size=9, stride=4), layer("BatchNorm1d"), relu(),
            layer("MaxPool1d", kernel_size=4), layer("Conv1d", out_channels=16, kernel_size=3, dilation=2), relu(),
            layer("AdaptiveAvgPool1d", output_size=1), flatten(), linear(4),
        ),
        "video": model(
            "Video", (3, 8, 16, 16), layer("Conv3d", out_channels=8, kernel_size=3, padding=1), layer("BatchNorm3d"),
            relu(), layer("MaxPool3d", kernel_size=2), layer("Conv3d", out_channels=8, kernel_size=(1, 3, 3)), relu(),
            layer("AdaptiveAvgPool3d", output_size=1), flatten(), linear(4),
        ),
        "deep": model("Deep", (16,), repeat(6, linear(16), relu()), linear(2)),
        "one_layer_repeated": model("Again", (16,), repeat(3, linear(16)), linear(2)),
        "upsampling": model(
            "Generator", (8,), linear(64), layer("Unflatten", dim=1, unflattened_size=(4, 4, 4)),
            layer("Upsample", scale_factor=2, mode="bilinear"), conv(8), layer("GroupNorm", num_groups=4),
            layer("LeakyReLU", negative_slope=0.2), layer("PixelShuffle", upscale_factor=2), conv(1), layer("Tanh"),
        ),
        "lazy": model(
            "Lazy", (3, 8, 8), layer("LazyConv2d", out_channels=4, kernel_size=3), relu(), flatten(),
            layer("LazyLinear", out_features=2),
        ),
    }  # fmt: skip


def composed() -> dict[str, Design]:
    """Those with blocks of their own, several values or inputs."""
    return {
        "resnet18": resnet18(),
        "unet": unet(),
        "transformer": transformer(),
        "vit": vit(),
        "inception": inception(),
        "mobilenet": mobilenet(),
        "densenet": densenet(),
        "siamese": siamese(),
        "two_inputs": two_inputs(),
        "seq2seq": seq2seq(),
        "unpooling": unpooling(),
        "squeeze_excite": squeeze_excite(),
        "mixer": mixer(),
        "bottleneck": bottleneck(),
        "growing": growing(),
        "frozen_and_initialized": frozen_and_initialized(),
        "initialized_residuals": initialized_residuals(),
        "called_with_others": called_with_others(),
        "lstm": recurrent("LSTM"),
        "tagger": tagger(),
        "bidirectional_lstm": recurrent("LSTM", bidirectional=True, num_layers=2),
        "gru": recurrent("GRU"),
        "wide_and_deep": model(
            "WideAndDeep", (20,), parallel(linear(4), sequence(linear(32), relu(), linear(4)), join="add")
        ),
        "nested_residuals": model(
            "Nested", (24,),
            residual(linear(24), residual(layer("LayerNorm"), linear(24), expression("F.silu(x)")), relu()), linear(2),
        ),
    }  # fmt: skip


def designs() -> dict[str, Design]:
    """All of them."""
    return {**plain(), **composed()}
