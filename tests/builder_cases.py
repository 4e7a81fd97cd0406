"""A few layers, as the kernel tells of them."""

from __future__ import annotations

from tui.protocol.building import Catalogue, LayerKind, Parameter


def _size(name: str, default: str = "", minimum: float = 1.0) -> Parameter:
    return Parameter(name, "size", default, minimum=minimum)


def _auto(name: str) -> Parameter:
    return Parameter(name, "int", inferred=True, minimum=1.0)


def _int(name: str, default: str = "") -> Parameter:
    return Parameter(name, "int", default, minimum=1.0)


BIAS = Parameter("bias", "bool", "True", help="whether it has one")
MODE = Parameter("padding_mode", "choice", "'zeros'", choices=("'zeros'", "'reflect'"))


def _layer(name: str, group: str, summary: str, *parameters: Parameter) -> LayerKind:
    signature = ", ".join(one.name + (f"={one.default}" if one.default else "") for one in parameters)
    return LayerKind(
        f"nn.{name}", group, summary, f"{name}({signature})", "(N, *) → (N, *)", tuple(parameters)
    )


CONV = (
    _auto("in_channels"), _int("out_channels"), _size("kernel_size"), _size("stride", "1"), _size("padding", "0", 0.0),
    BIAS, MODE,
)  # fmt: skip
FEATURES = (_auto("in_features"), _int("out_features"), BIAS)
CATALOGUE = Catalogue(
    (
        _layer("Linear", "Linear", "Applies an affine linear transformation.", *FEATURES),
        _layer("Conv1d", "Convolution", "Applies a 1D convolution.", *CONV),
        _layer("Conv2d", "Convolution", "Applies a 2D convolution over images.", *CONV),
        _layer("ReLU", "Activation", "Applies the rectified linear unit.", Parameter("inplace", "bool", "False")),
        _layer("GELU", "Activation", "Applies the Gaussian error linear unit."),
        _layer("MaxPool2d", "Pooling", "Applies a 2D max pooling.", _size("kernel_size"), _size("stride", "None")),
        _layer("Flatten", "Shape", "Flattens dimensions into one.", _int("start_dim", "1")),
        _layer("BatchNorm2d", "Normalization", "Applies batch normalization.", _auto("num_features")),
        _layer("LayerNorm", "Normalization", "Applies layer normalization.", _auto("normalized_shape")),
        _layer("Dropout", "Dropout", "Zeroes elements at random.", Parameter("p", "float", "0.5", minimum=0.0)),
        _layer(
            "MultiheadAttention", "Attention", "Attends to several parts at once.", _auto("embed_dim"),
            _int("num_heads"), Parameter("batch_first", "bool", "False"),
        ),
        _layer(
            "LSTM", "Recurrent", "A long short-term memory.", _auto("input_size"), _int("hidden_size"),
            Parameter("batch_first", "bool", "False"),
        ),
        LayerKind("Mine [/b]", "Yours", "A class of the [red]user.", "(width)", parameters=(_int("width"),)),
    ),
    ("kaiming_normal_", "zeros_"),
)  # fmt: skip
