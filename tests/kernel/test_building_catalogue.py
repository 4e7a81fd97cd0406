from __future__ import annotations

import ast
import inspect
import re
from typing import Any

import pytest
import torch
from torch import nn

from tui.kernel.building.catalogue import layer_classes, list_layers
from tui.kernel.building.check import check_design
from tui.protocol.building import (
    Argument,
    Block,
    BlockFacts,
    CheckDesign,
    Design,
    InputSpec,
    LayerKind,
)

LAYERS = {kind.layer: kind for kind in list_layers({}).layers}
SHAPES = ((8,), (4, 8), (4, 16, 16), (4, 8, 16, 16))
GIVEN = {
    "out_features": "8", "out_channels": "8", "kernel_size": "3", "hidden_size": "8", "num_heads": "4", "nhead": "4",
    "num_embeddings": "10", "embedding_dim": "6", "output_size": "2", "num_groups": "2", "padding": "1", "value": "0.5",
    "threshold": "0.1", "norm_type": "2", "upscale_factor": "2", "downscale_factor": "2", "groups": "2", "dim": "1",
    "unflattened_size": "(2, -1)", "size": "3", "num_layers": "2",
}  # fmt: skip
"""For the parameters that neither have a default nor follow from what comes in."""
SEVERAL = {
    "nn.Bilinear": ("x", "x"),
    "nn.CosineSimilarity": ("x", "x"),
    "nn.PairwiseDistance": ("x", "x"),
    "nn.MultiheadAttention": ("x", "x", "x"),
    "nn.Transformer": ("x", "x"),
    "nn.TransformerDecoderLayer": ("x", "x"),
}
NEED: dict[str, dict[str, str]] = {
    "nn.FractionalMaxPool2d": {"output_ratio": "0.5"},
    "nn.FractionalMaxPool3d": {"output_ratio": "0.5"},
    "nn.Upsample": {"scale_factor": "2"},
    "nn.UpsamplingBilinear2d": {"scale_factor": "2"},
    "nn.UpsamplingNearest2d": {"scale_factor": "2"},
    "nn.Transformer": {"d_model": "8", "nhead": "2", "batch_first": "True", "dim_feedforward": "16"},
    "nn.Fold": {"output_size": "(2, 8)", "kernel_size": "(2, 1)", "padding": "0"},
    "nn.LocalResponseNorm": {"size": "3"},
}
CANNOT = {
    "nn.TransformerEncoder": "place a TransformerEncoderLayer",
    "nn.TransformerDecoder": "place a TransformerDecoderLayer",
}


def run(kind: LayerKind, shape: tuple[int, ...], dtype: str = "float32", **more: Any) -> BlockFacts:
    needed = {p.name: GIVEN.get(p.name, "?") for p in kind.parameters if not p.default and not p.inferred}
    texts = {**needed, **NEED.get(kind.layer, {})}
    arguments = tuple(Argument(name, text) for name, text in texts.items())
    block = Block(
        1, "layer", layer=kind.layer, arguments=arguments, inputs=SEVERAL.get(kind.layer, ()), **more
    )
    design = Design("M", (InputSpec("x", shape, dtype),), (block,))
    return check_design({}, CheckDesign(design)).blocks[0]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_layer_propagates_or_says_what_it_needs(layer: str) -> None:
    kind = LAYERS[layer]
    dtype = "int64" if layer.startswith("nn.Embedding") else "float32"
    found = [run(kind, shape, dtype) for shape in SHAPES]
    for row in found:
        assert (row.status == "ok") == bool(row.output_shapes)
        assert row.status == "ok" or (row.error.endswith((".", "]", ")", "'")) or "PyTorch: " in row.error)
        assert "Error: " not in row.error
        assert "7919" not in row.error + row.output_shapes
    if layer in CANNOT:
        assert all(CANNOT[layer] in row.error for row in found)
    elif not layer.startswith("nn.MaxUnpool"):  # needs the indices of a pooling before it
        assert any(row.status == "ok" for row in found), found


@pytest.mark.parametrize("layer", [name for name in LAYERS if name not in SEVERAL])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_shapes_are_those_of_a_real_run(layer: str) -> None:
    kind = LAYERS[layer]
    dtype = "int64" if layer.startswith("nn.Embedding") else "float32"
    if layer == "nn.SyncBatchNorm":
        pytest.skip("runs on GPUs alone")
    for shape in SHAPES:
        row = run(kind, shape, dtype)
        if row.status != "ok" or "batch" in row.note:
            continue
        arguments = {name: ast.literal_eval(text) for name, text in _given(kind, row).items()}
        made = layer_classes()[layer[3:]](**arguments)
        x = torch.zeros(3, *shape, dtype=getattr(torch, dtype))
        output = made(x if dtype == "int64" else x + torch.rand(x.shape))
        first = output[0] if isinstance(output, tuple) else output
        shown = row.output_shapes.removeprefix("(") if isinstance(output, tuple) else row.output_shapes
        sizes = re.sub(r"(\d*)N", lambda found: str(3 * int(found[1] or 1)), shown)
        assert sizes.startswith(str(tuple(first.shape)))
        assert row.trainable + row.frozen == sum(p.numel() for p in made.parameters())


def _given(kind: LayerKind, row: BlockFacts) -> dict[str, str]:
    needed = {p.name: GIVEN.get(p.name, "?") for p in kind.parameters if not p.default and not p.inferred}
    return {**needed, **NEED.get(kind.layer, {}), **{a.name: a.text for a in row.filled}}


def test_all_layers_of_torch_are_there_and_nothing_else() -> None:
    names = {name for name, cls in vars(nn).items() if inspect.isclass(cls) and issubclass(cls, nn.Module)}
    missing = names - {layer[3:] for layer in LAYERS}
    assert {name for name in missing if not name.endswith(("Loss", "Loss2d"))} == {
        "Container", "DataParallel", "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList",
        "RNNBase", "RNNCellBase", "Sequential",
    }  # fmt: skip


def test_parameters_are_those_of_the_signature() -> None:
    for layer, kind in LAYERS.items():
        signature = inspect.signature(layer_classes()[layer[3:]].__init__)
        names = [
            name for name in signature.parameters if name not in ("self", "device", "dtype", "args", "kwargs")
        ]
        if names:
            ours = [parameter.name for parameter in kind.parameters]
            assert ours == [name for name in names if not name.startswith("_")]


def test_a_convolution_is_described() -> None:
    conv = LAYERS["nn.Conv2d"]
    assert (conv.group, conv.summary) == (
        "Convolution",
        "Applies a 2D convolution over an input signal composed of several input planes.",
    )
    assert conv.formula.startswith("(N, C_in, H_in, W_in) → (N, C_out, H_out, W_out)")
    assert conv.signature.startswith("Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0")
    found = {parameter.name: parameter for parameter in conv.parameters}
    assert found["in_channels"].inferred
    assert not found["out_channels"].inferred
    assert {name: parameter.kind for name, parameter in found.items()} == {
        "in_channels": "int", "out_channels": "int", "kernel_size": "size", "stride": "size", "padding": "size",
        "dilation": "size", "groups": "int", "bias": "bool", "padding_mode": "choice",
    }  # fmt: skip
    assert found["padding_mode"].choices == ("'zeros'", "'reflect'", "'replicate'", "'circular'")
    assert found["padding_mode"].default == "'zeros'"
    assert found["stride"].help == "Stride of the convolution. Default: 1"
    assert (found["kernel_size"].minimum, found["padding"].minimum) == (1, 0)


def test_recurrent_layers_hide_how_torch_takes_their_arguments() -> None:
    names = [parameter.name for parameter in LAYERS["nn.LSTM"].parameters]
    assert names[:3] == ["input_size", "hidden_size", "num_layers"]
    assert "bidirectional" in names
    assert LAYERS["nn.LSTM"].summary.startswith("Apply a multi-layer long short-term memory")


def test_what_is_inferred_is_filled_in() -> None:
    inferred = {p.name for kind in LAYERS.values() for p in kind.parameters if p.inferred}
    assert inferred == {
        "in_features", "in1_features", "in2_features", "in_channels", "num_features", "num_channels",
        "normalized_shape", "input_size", "embed_dim", "d_model",
    }  # fmt: skip


def test_every_layer_has_words_and_a_group() -> None:
    for kind in LAYERS.values():
        assert kind.group
        assert kind.summary or kind.layer == "nn.CrossMapLRN2d"
        assert "\\" not in kind.summary + kind.formula
        assert "`" not in kind.summary + kind.formula


def test_the_users_own_classes_are_listed() -> None:
    class Mine(nn.Module):
        """Does it all. At once."""

        def __init__(
            self, in_features: int, hidden: int = 3, act: type = nn.ReLU, *, drop: float = 0.5
        ) -> None:
            super().__init__()

    class Other:
        pass

    namespace = {"Mine": Mine, "Other": Other, "nn": nn, "Linear": nn.Linear, "mine": Mine(2), "_Mine": Mine}
    own = [kind for kind in list_layers(namespace).layers if kind.group == "Yours"]
    assert [kind.layer for kind in own] == ["Mine"]
    assert own[0].signature == "Mine(in_features, hidden=3, act=ReLU, drop=0.5)"
    assert own[0].summary == "Does it all."
    assert [p.inferred for p in own[0].parameters] == [True, False, False, False]


def test_inits_take_a_tensor_alone() -> None:
    for name in list_layers({}).inits:
        if name != "dirac_":
            getattr(nn.init, name)(torch.zeros(4, 3))
    assert {"kaiming_normal_", "xavier_uniform_", "zeros_"} <= set(list_layers({}).inits)
