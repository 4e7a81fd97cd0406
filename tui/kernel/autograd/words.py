"""Operations in the words of the user's code: `AddmmBackward0` is `addmm`, `NativeLayerNormBackward0` `layer_norm`."""

from __future__ import annotations

import re
from typing import Final

from tui.kernel.autograd.node_private import (
    CHECKPOINT_NAMES,
    GraphNode,
    is_leaf_node,
    is_python_node,
    leaf_of,
    output_shapes,
)
from tui.kernel.safe_objects import is_a, name_of
from tui.protocol.autograd import NodeKind

LEAF: Final = "leaf"
CHECKPOINT: Final = "checkpoint"
COMPILED: Final = "compiled"

VIEWS: Final = frozenset(
    [
        "alias",
        "as_strided",
        "chunk",
        "conj",
        "detach",
        "diagonal",
        "expand",
        "imag",
        "neg_view",
        "permute",
        "real",
        "reshape_alias",
        "select",
        "slice",
        "split",
        "split_with_sizes",
        "squeeze",
        "t",
        "transpose",
        "unbind",
        "unfold",
        "unsqueeze",
        "view",
        "view_as_complex",
        "view_as_real",
    ]
)
"""Operations whose result looks into the storage of what they were given."""

_SPECIAL: Final = {
    "AddmmBackward0": "addmm",
    "ConstantPadNdBackward0": "pad",
    "CopyBackwards": "copy_",
    "CopySlices": "copy_slices",
    "FusedRmsNormBackward0": "rms_norm",
    "Im2ColBackward0": "unfold",
    "IndexPutImplBackward0": "index_put_",
    "LinalgVectorNormBackward0": "norm",
    "PreluKernelBackward0": "prelu",
    "RsubBackward0": "sub",
    "RsubBackward1": "sub",
    "SafeSoftmaxBackward0": "softmax",
    "ThnnFusedGruCellBackward0": "gru_cell",
    "ThnnFusedLstmCellBackward0": "lstm_cell",
    "ToCopyBackward0": "to",
    "UnsafeViewBackward0": "view",
    "UnsafeIndexBackward0": "index",
    "UnsafeSplitBackward0": "split",
}
_PREFIXES: Final = ("native_", "cudnn_", "miopen_", "mkldnn_", "mps_", "slow_", "nnpack_", "unsafe_", "_")
_NAMESPACES: Final = ("linalg", "special", "fft", "foreach", "sparse")
_SUFFIXES: Final = ("_with_indices", "_legit_no_training", "_legit", "_with_update", "_no_update", "_impl")
_ATTENTION: Final = re.compile(r"ScaledDotProduct\w*Attention|^(Efficient|Flash|Cudnn)Attention")
_CAMEL: Final = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=\d)(?=[A-Z][a-z])|(?<=\dD)(?=[A-Z])"
)
_BACKWARD: Final = re.compile(r"Backward(AutogradNestedTensor|AutogradCUDA)?\d*(_copy)?$")

_CACHE: dict[str, str] = {}


def cpp_name(node: GraphNode) -> str:
    """Return autograd's own name of a node, e.g. ``AddmmBackward0``; of a Python function its class's."""
    if is_python_node(node):
        return name_of(type(node))
    return node.name().removeprefix("torch::autograd::")


def operation_of(node: GraphNode) -> str:
    """Return the operation in the words of the user's code."""
    if is_leaf_node(node):
        return LEAF
    name = cpp_name(node)
    if is_python_node(node):
        return _function_name(node, name)
    known = _CACHE.get(name)
    if known is None:
        known = _CACHE[name] = words_of_name(name)
    return _convolution(node) if known == "convolution" else known


def words_of_name(name: str) -> str:
    """Return the operation behind a name of autograd's."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    if _ATTENTION.search(name):
        return "scaled_dot_product_attention"
    stem, twice = name, ""
    while _BACKWARD.search(stem):
        stem, twice = _BACKWARD.sub("", stem), f"{twice} backward" if stem != name else ""
    words = _CAMEL.sub("_", stem).lower()
    for prefix in _PREFIXES:
        words = words.removeprefix(prefix)
    for suffix in _SUFFIXES:
        words = words.removesuffix(suffix)
    for namespace in _NAMESPACES:
        if words.startswith(f"{namespace}_"):
            words = f"{namespace}.{words.removeprefix(namespace + '_')}"
    return (words or name) + twice


def _function_name(node: GraphNode, name: str) -> str:
    if name in CHECKPOINT_NAMES:
        return CHECKPOINT
    if name == "CompiledFunctionBackward":
        return COMPILED
    forward: object = type(node).__dict__.get("_forward_cls")
    return name_of(forward) if is_a(forward, type) else name.removesuffix("Backward")


def _convolution(node: GraphNode) -> str:
    """Return ``conv2d`` or ``conv_transpose2d``: autograd has one node for all."""
    shapes = output_shapes(node)
    dims = len(shapes[0][0]) - 2 if shapes else 0
    transposed = "_transpose" if getattr(node, "_saved_transposed", False) is True else ""
    return f"conv{transposed}{dims}d" if 1 <= dims <= 3 else "convolution"


def kind_of(node: GraphNode) -> NodeKind:
    """Return what kind of node it is."""
    leaf = leaf_of(node)
    if leaf is not None:
        return "parameter" if _is_parameter(leaf) else "input"
    if is_python_node(node):
        return "checkpoint" if cpp_name(node) in CHECKPOINT_NAMES else "custom"
    return "operation"


def _is_parameter(leaf: object) -> bool:
    from torch import nn

    return is_a(leaf, nn.Parameter)
