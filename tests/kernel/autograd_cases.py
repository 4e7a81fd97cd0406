"""Operations for the tests of autograd: each a function of leaves, with shapes, values and dtypes that matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Case:
    """One operation on leaves."""

    name: str
    function: Callable[..., Tensor]
    shapes: tuple[tuple[int, ...], ...]
    dtype: torch.dtype = torch.float64
    positive: bool = False

    def leaves(self) -> list[Tensor]:
        generator = torch.Generator().manual_seed(7)
        leaves = []
        for shape in self.shapes:
            leaf = torch.randn(shape, generator=generator, dtype=self.dtype)
            leaves.append((leaf.abs() + 0.1 if self.positive else leaf).requires_grad_())
        return leaves

    def root(self, leaves: list[Tensor]) -> Tensor:
        torch.manual_seed(3)  # for dropout
        return self.function(*leaves)


class Double(torch.autograd.Function):
    """A user's own function."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, *gradients: Tensor) -> Tensor:
        return gradients[0] * 2


INDEX = torch.tensor([[0, 2, 1], [1, 0, 3]])
ROWS = torch.tensor([2, 0, 2])
CLASSES = torch.tensor([1, 0, 3])
MASK = torch.tensor([[True, False, True, False], [False, True, True, False], [True, True, False, True]])
A, B, COLUMN, ROW, ONE = (3, 4), (3, 4), (3, 1), (4,), ()


def _add_in_place(x: Tensor) -> Tensor:
    y = x * 1
    y.add_(2).mul_(3)
    return y


def _slice_in_place(x: Tensor) -> Tensor:
    y = x * 1
    y[1:].mul_(2)
    y[0] = 5.0
    return y


def _lstm(x: Tensor) -> Tensor:
    torch.manual_seed(1)
    lstm = nn.LSTM(4, 5, 2).double()
    output, _ = lstm(x.reshape(3, 1, 4))
    return torch.as_tensor(output)


def _gru(x: Tensor) -> Tensor:
    torch.manual_seed(1)
    return torch.as_tensor(nn.GRU(4, 5, bidirectional=True).double()(x.reshape(3, 1, 4))[0])


def _attention(x: Tensor) -> Tensor:
    torch.manual_seed(1)
    attend = nn.MultiheadAttention(4, 2, batch_first=True).double()
    return torch.as_tensor(attend(x[None], x[None], x[None])[0])


def _sparse(x: Tensor) -> Tensor:
    return F.embedding(ROWS, x, sparse=True) * 2


def _diamond(x: Tensor) -> Tensor:
    y = x.sin()
    return (y * y + y.exp()) * x


POINTWISE = [
    Case("add", lambda a, b: a + b, (A, B)),
    Case("add alpha", lambda a, b: torch.add(a, b, alpha=3), (A, B)),
    Case("add broadcast row", lambda a, b: a + b, (A, ROW)),
    Case("add broadcast both", lambda a, b: a + b, (COLUMN, ROW)),
    Case("add scalar tensor", lambda a, b: a + b, (A, ONE)),
    Case("add number", lambda a: a + 2, (A,)),
    Case("sub", lambda a, b: a - b, (A, COLUMN)),
    Case("sub alpha", lambda a, b: torch.sub(a, b, alpha=2), (A, B)),
    Case("rsub", lambda a: 2 - a, (A,)),
    Case("mul", lambda a, b: a * b, (A, B)),
    Case("mul broadcast", lambda a, b: a * b, (COLUMN, ROW)),
    Case("mul number", lambda a: a * 3, (A,)),
    Case("mul itself", lambda a: a * a, (A,)),
    Case("div", lambda a, b: a / b, (A, ROW)),
    Case("div number", lambda a: a / 3, (A,)),
    Case("div of number", lambda a: 3 / a, (A,)),
    Case("neg", lambda a: -a, (A,)),
    Case("pow 2", lambda a: a**2, (A,)),
    Case("pow 3", lambda a: a**3, (A,)),
    Case("pow tensors", lambda a, b: a**b, (A, B), positive=True),
    Case("pow of number", lambda a: 2**a, (A,)),
    Case("remainder", lambda a: a % 2, (A,)),
    Case("abs", torch.abs, (A,)),
    Case("acos", lambda a: (a * 0.1).acos(), (A,)),
    Case("asin", lambda a: (a * 0.1).asin(), (A,)),
    Case("atan", torch.atan, (A,)),
    Case("atan2", torch.atan2, (A, B)),
    Case("cos", torch.cos, (A,)),
    Case("cosh", torch.cosh, (A,)),
    Case("erf", torch.erf, (A,)),
    Case("erfc", torch.erfc, (A,)),
    Case("exp", torch.exp, (A,)),
    Case("exp2", torch.exp2, (A,)),
    Case("expm1", torch.expm1, (A,)),
    Case("floor", torch.floor, (A,)),
    Case("log", torch.log, (A,), positive=True),
    Case("log10", torch.log10, (A,), positive=True),
    Case("log1p", torch.log1p, (A,), positive=True),
    Case("log2", torch.log2, (A,), positive=True),
    Case("reciprocal", torch.reciprocal, (A,)),
    Case("round", torch.round, (A,)),
    Case("rsqrt", torch.rsqrt, (A,), positive=True),
    Case("sin", torch.sin, (A,)),
    Case("sinh", torch.sinh, (A,)),
    Case("sqrt", torch.sqrt, (A,), positive=True),
    Case("square", torch.square, (A,)),
    Case("tan", torch.tan, (A,)),
    Case("tanh", torch.tanh, (A,)),
    Case("sigmoid", torch.sigmoid, (A,)),
    Case("relu", torch.relu, (A,)),
    Case("leaky_relu", lambda a: F.leaky_relu(a, 0.2), (A,)),
    Case("elu", F.elu, (A,)),
    Case("selu", F.selu, (A,)),
    Case("gelu", F.gelu, (A,)),
    Case("gelu tanh", lambda a: F.gelu(a, approximate="tanh"), (A,)),
    Case("silu", F.silu, (A,)),
    Case("mish", F.mish, (A,)),
    Case("softplus", F.softplus, (A,)),
    Case("logsigmoid", F.logsigmoid, (A,)),
    Case("relu6", F.relu6, (A,)),
    Case("hardswish", F.hardswish, (A,)),
    Case("hardsigmoid", F.hardsigmoid, (A,)),
    Case("threshold", lambda a: F.threshold(a, 0.1, 20), (A,)),
    Case("prelu", F.prelu, (A, (1,))),
    Case("clamp", lambda a: a.clamp(-0.5, 0.5), (A,)),
    Case("clamp min", lambda a: a.clamp(min=0), (A,)),
    Case("clamp max", lambda a: a.clamp(max=0.3), (A,)),
    Case("maximum", torch.maximum, (A, ROW)),
    Case("minimum", torch.minimum, (A, B)),
    Case("maximum of equals", lambda a: torch.maximum(a * 1, a * 1), (A,)),
    Case("where", lambda a, b: torch.where(MASK, a, b), (A, ROW)),
    Case("masked_fill", lambda a: a.masked_fill(MASK, -1.0), (A,)),
    Case("lerp", lambda a, b: torch.lerp(a, b, 0.3), (A, B)),
    Case("addcmul", lambda a, b, c: torch.addcmul(a, b, c, value=2), (A, B, ROW)),
    Case("addcdiv", lambda a, b, c: torch.addcdiv(a, b, c, value=2), (A, B, ROW)),
    Case("clone", torch.clone, (A,)),
    Case("to float32", lambda a: a.float(), (A,)),
    Case("mul complex", lambda a, b: a * b, (A, ROW), torch.complex128),
    Case("div complex", lambda a, b: a / b, (A, B), torch.complex128),
    Case("exp complex", torch.exp, (A,), torch.complex128),
    Case("abs complex", torch.abs, (A,), torch.complex128),
    Case("tanh complex", torch.tanh, (A,), torch.complex128),
]  # fmt: skip

SHAPES = [
    Case("view", lambda a: a.view(2, 6), (A,)),
    Case("reshape copy", lambda a: a.t().reshape(-1), (A,)),
    Case("flatten", lambda a: a.flatten(), (A,)),
    Case("t", torch.t, (A,)),
    Case("transpose", lambda a: a.transpose(0, -1), ((2, 3, 4),)),
    Case("permute", lambda a: a.permute(2, 0, 1), ((2, 3, 4),)),
    Case("expand", lambda a: a.expand(2, 3, 4), (COLUMN,)),
    Case("expand_as leaf", lambda a: a.expand(3, 4), (ROW,)),
    Case("repeat", lambda a: a.repeat(2, 3, 1), (A,)),
    Case("unsqueeze", lambda a: a.unsqueeze(1), (A,)),
    Case("unsqueeze last", lambda a: a.unsqueeze(-1), (A,)),
    Case("squeeze", lambda a: a.squeeze(), ((3, 1, 4),)),
    Case("squeeze dim", lambda a: a.squeeze(1), ((3, 1, 4),)),
    Case("select", lambda a: a[1], (A,)),
    Case("select last", lambda a: a[:, -1], (A,)),
    Case("slice", lambda a: a[1:, ::2], (A,)),
    Case("narrow", lambda a: a.narrow(-1, 1, 2), (A,)),
    Case("index", lambda a: a[ROWS], (A,)),
    Case("index two", lambda a: a[ROWS, CLASSES], (A,)),
    Case("index with slice", lambda a: a[:, CLASSES], (A,)),
    Case("index bool", lambda a: a[MASK], (A,)),
    Case("index_put", lambda a, b: a.index_put((ROWS[:2],), b), (A, (2, 4))),
    Case("index_select", lambda a: a.index_select(1, ROWS), (A,)),
    Case("gather", lambda a: a.gather(1, INDEX), (A,)),
    Case("take_along_dim", lambda a: a.take_along_dim(INDEX[:1], 1), (A,)),
    Case("scatter", lambda a, b: a.scatter(1, INDEX, b), (A, (2, 3))),
    Case("scatter number", lambda a: a.scatter(1, INDEX, 3.0), (A,)),
    Case("scatter_add", lambda a, b: a.scatter_add(1, INDEX, b), (A, (2, 3))),
    Case("masked_select", lambda a: a.masked_select(MASK), (A,)),
    Case("cat", lambda a, b: torch.cat([a, b], 0), (A, (2, 4))),
    Case("cat with constant", lambda a: torch.cat([torch.ones(3, 2).double(), a], -1), (A,)),
    Case("stack", lambda a, b: torch.stack([a, b], 1), (A, B)),
    Case("split", lambda a: a.split(2, 1)[1], (A,)),
    Case("split sizes", lambda a: a.split([1, 3], 1)[0], (A,)),
    Case("chunk all", lambda a: torch.cat([part * i for i, part in enumerate(a.chunk(2, 1))], 1), (A,)),
    Case("unbind", lambda a: a.unbind(1)[2] * a.unbind(0)[0][1], (A,)),
    Case("diagonal", lambda a: a.diagonal(1), (A,)),
    Case("tril", lambda a: a.tril(), (A,)),
    Case("triu", lambda a: a.triu(1), (A,)),
    Case("flip", lambda a: a.flip(0, 1), (A,)),
    Case("roll", lambda a: a.roll((1, 2), (0, 1)), (A,)),
    Case("pad", lambda a: F.pad(a, (1, 2, 0, 1)), (A,)),
    Case("cumsum", lambda a: a.cumsum(1), (A,)),
    Case("sort", lambda a: a.sort(1)[0], (A,)),
    Case("topk", lambda a: a.topk(2)[0], (A,)),
    Case("kthvalue", lambda a: a.kthvalue(2, 1)[0], (A,)),
    Case("embedding", lambda a: F.embedding(ROWS, a), (A,)),
    Case("embedding padding", lambda a: F.embedding(ROWS, a, padding_idx=2), (A,)),
    Case("unfold", lambda a: a.unfold(1, 2, 1), (A,)),
    Case("as_strided", lambda a: a.as_strided((2, 2), (1, 2)), (A,)),
    Case("in place", _add_in_place, (A,)),
    Case("in place on a view", _slice_in_place, (A,)),
]  # fmt: skip

REDUCTIONS = [
    Case("sum", torch.sum, (A,)),
    Case("sum dim", lambda a: a.sum(1), (A,)),
    Case("sum dims keepdim", lambda a: a.sum((0, -1), keepdim=True), ((2, 3, 4),)),
    Case("mean", torch.mean, (A,)),
    Case("mean dim", lambda a: a.mean(0), (A,)),
    Case("var", torch.var, (A,)),
    Case("var dim", lambda a: a.var(1, correction=0), (A,)),
    Case("std", torch.std, (A,)),
    Case("std dim", lambda a: a.std(0), (A,)),
    Case("norm", lambda a: a.norm(), (A,)),
    Case("norm dim", lambda a: torch.linalg.vector_norm(a, dim=1), (A,)),
    Case("norm 1", lambda a: torch.linalg.vector_norm(a, 1), (A,)),
    Case("max", torch.max, (A,)),
    Case("min", torch.min, (A,)),
    Case("max dim", lambda a: a.max(1)[0], (A,)),
    Case("min dim keepdim", lambda a: a.min(0, keepdim=True)[0], (A,)),
    Case("amax", lambda a: a.amax(1), (A,)),
    Case("amin", lambda a: a.amin(0), (A,)),
    Case("median", lambda a: a.median(1)[0], (A,)),
    Case("logsumexp", lambda a: a.logsumexp(1), (A,)),
    Case("prod", torch.prod, (A,)),
    Case("prod dim", lambda a: a.prod(1), (A,)),
    Case("softmax", lambda a: a.softmax(-1), (A,)),
    Case("log_softmax", lambda a: a.log_softmax(0), (A,)),
    Case("cumprod", lambda a: a.cumprod(1), (A,)),
]  # fmt: skip

LAYERS = [
    Case("matmul", lambda a, b: a @ b, (A, (4, 2))),
    Case("matmul vector", lambda a, b: a @ b, (A, ROW)),
    Case("matmul batch", lambda a, b: a @ b, ((2, 3, 4), (4, 2))),
    Case("mm complex", lambda a, b: a @ b, (A, (4, 2)), torch.complex128),
    Case("bmm", torch.bmm, ((2, 3, 4), (2, 4, 5))),
    Case("addmm", lambda a, b, c: torch.addmm(a, b, c, alpha=2, beta=3), (ROW[:1], A, (4, 4))),
    Case("baddbmm", torch.baddbmm, ((2, 3, 5), (2, 3, 4), (2, 4, 5))),
    Case("dot", torch.dot, (ROW, ROW)),
    Case("outer", torch.outer, (ROW, (3,))),
    Case("einsum", lambda a, b: torch.einsum("ij,kj->ik", a, b), (A, B)),
    Case("linear", F.linear, (A, (5, 4), (5,))),
    Case("linear 3d", F.linear, ((2, 3, 4), (5, 4), (5,))),
    Case("bilinear", F.bilinear, ((3, 2), (3, 4), (5, 2, 4))),
    Case("conv1d", lambda x, w, b: F.conv1d(x, w, b, padding=1), ((2, 3, 5), (4, 3, 3), (4,))),
    Case("conv2d", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1), ((2, 3, 6, 5), (4, 3, 3, 3), (4,))),
    Case("conv2d groups", lambda x, w: F.conv2d(x, w, groups=2, dilation=2), ((1, 4, 6, 6), (2, 2, 2, 2))),
    Case("conv3d", F.conv3d, ((1, 2, 3, 3, 3), (2, 2, 2, 2, 2))),
    Case("conv_transpose2d", lambda x, w: F.conv_transpose2d(x, w, stride=2), ((1, 2, 3, 3), (2, 3, 2, 2))),
    Case("max_pool2d", lambda x: F.max_pool2d(x, 2), ((1, 2, 4, 4),)),
    Case("avg_pool2d", lambda x: F.avg_pool2d(x, 2), ((1, 2, 4, 4),)),
    Case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, 2), ((1, 2, 4, 4),)),
    Case("interpolate", lambda x: F.interpolate(x, scale_factor=2.0), ((1, 2, 3, 3),)),
    Case("layer_norm", lambda x, w, b: F.layer_norm(x, (4,), w, b), (A, ROW, ROW)),
    Case("layer_norm plain", lambda x: F.layer_norm(x, (3, 4)), ((2, 3, 4),)),
    Case("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), ((5, 3, 2, 2), (3,), (3,))),
    Case(
        "batch_norm eval",
        lambda x, w, b: F.batch_norm(x, torch.zeros(3).double(), torch.ones(3).double() * 2, w, b),
        ((5, 3), (3,), (3,)),
    ),
    Case("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), ((2, 4, 3), (4,), (4,))),
    Case("rms_norm", lambda x, w: F.rms_norm(x, (4,), w), (A, ROW)),
    Case("dropout", lambda x: F.dropout(x, 0.5), (A,)),
    Case("glu", F.glu, (A,)),
    Case("mse_loss", F.mse_loss, (A, A)),
    Case("mse_loss sum", lambda a, b: F.mse_loss(a, b, reduction="sum"), (A, A)),
    Case("mse_loss none", lambda a, b: F.mse_loss(a, b, reduction="none"), (A, A)),
    Case("l1_loss", F.l1_loss, (A, A)),
    Case("smooth_l1_loss", F.smooth_l1_loss, (A, A)),
    Case("huber_loss", F.huber_loss, (A, A)),
    Case("cross_entropy", lambda a: F.cross_entropy(a, CLASSES), (A,)),
    Case("nll_loss sum", lambda a: F.nll_loss(a.log_softmax(1), CLASSES, reduction="sum"), (A,)),
    Case("binary_cross_entropy", lambda a: F.binary_cross_entropy(a.sigmoid(), MASK.double()), (A,)),
    Case("bce_with_logits", lambda a: F.binary_cross_entropy_with_logits(a, MASK.double()), (A,)),
    Case("attention", F.scaled_dot_product_attention, ((1, 2, 3, 4),) * 3),
    Case("multihead attention", _attention, (A,)),
    Case("lstm", _lstm, (A,)),
    Case("gru", _gru, (A,)),
    Case("custom function", lambda a: Double.apply(a.sin()), (A,)),  # type: ignore[no-untyped-call]
    Case("sparse embedding", _sparse, (A,)),
    Case("diamond", _diamond, (A,)),
    Case("svd", lambda a: torch.linalg.svd(a)[1], (A,)),
    Case("inverse", lambda a: torch.linalg.inv(a @ a.mT + torch.eye(3).double()), ((3, 3),)),
    Case("fft", lambda a: torch.fft.fft(a).abs(), (A,)),
    Case("complex to real", lambda a: torch.view_as_real(a * a), (A,), torch.complex128),
    Case("float32", lambda a, b: (a @ b.t()).relu(), (A, B), torch.float32),
    Case("bfloat16", lambda a, b: (a * b).tanh(), (A, B), torch.bfloat16),
]  # fmt: skip


def _symmetric(a: Tensor) -> Tensor:
    return a + a.mT


def _both_of_eigh(a: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(_symmetric(a))
    return torch.as_tensor((vectors.abs() * values).sum(0))


def _masked_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    mask = torch.tensor([[0.0, 1.0, -2.0], [0.5, 0.0, 1.0], [-1.0, 0.0, 0.0]], dtype=q.dtype)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


HEADS = ((1, 2, 3, 4),) * 3
IMAGE = (2, 3, 4, 6)
WINDOWS = [
    Case("avg_pool1d", lambda x: F.avg_pool1d(x, 2), ((1, 2, 4),)),
    Case("avg_pool2d overlapping", lambda x: F.avg_pool2d(x, 3, 2, 1), (IMAGE,)),
    Case("avg_pool2d with a rest", lambda x: F.avg_pool2d(x, 3), ((2, 3, 5, 7),)),
    Case("avg_pool2d of one image", lambda x: F.avg_pool2d(x, (2, 3)), ((3, 4, 6),)),
    Case("avg_pool2d divisor", lambda x: F.avg_pool2d(x, 2, divisor_override=3), (IMAGE,)),
    Case("avg_pool3d", lambda x: F.avg_pool3d(x, 2), ((1, 2, 4, 4, 2),)),
    Case("adaptive_avg_pool3d", lambda x: F.adaptive_avg_pool3d(x, (2, 1, 2)), ((1, 2, 4, 3, 2),)),
    Case("max_pool3d", lambda x: F.max_pool3d(x, 2), ((1, 2, 4, 4, 2),)),
    Case("interpolate nearest 1d", lambda x: F.interpolate(x, size=7), ((1, 2, 3),)),
    Case("interpolate nearest uneven", lambda x: F.interpolate(x, size=(5, 7)), (IMAGE,)),
    Case("interpolate nearest 3d", lambda x: F.interpolate(x, scale_factor=2.0), ((1, 2, 2, 3, 2),)),
    Case("interpolate nearest-exact", lambda x: F.interpolate(x, size=(5, 7), mode="nearest-exact"), (IMAGE,)),
    Case("interpolate linear", lambda x: F.interpolate(x, size=7, mode="linear"), ((1, 2, 3),)),
    Case("interpolate bilinear", lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"), (IMAGE,)),
    Case(
        "interpolate bilinear corners",
        lambda x: F.interpolate(x, size=(7, 3), mode="bilinear", align_corners=True),
        (IMAGE,),
    ),
    Case("interpolate trilinear", lambda x: F.interpolate(x, size=(3, 4, 5), mode="trilinear"), ((1, 2, 2, 3, 2),)),
    Case("unfold step", lambda a: a.unfold(0, 2, 2), ((5, 4),)),
    Case("unfold of a view", lambda a: a.t().unfold(-1, 2, 1), (A,)),
    Case("im2col", lambda x: F.unfold(x, 2, padding=1, stride=2), (IMAGE,)),
    Case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), ((1, 8, 2, 3),)),
    Case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 2), (IMAGE,)),
    Case("as_strided offset", lambda a: a.as_strided((3, 2), (2, 3), 1), (A,)),
    Case("as_strided overlapping", lambda a: (a * 1).as_strided((2, 3), (1, 1)), (A,)),
]  # fmt: skip

MATRICES = [
    Case("attention causal", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), HEADS),
    Case("attention mask", _masked_attention, HEADS),
    Case("attention scale", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.3), HEADS),
    Case("eigenvalues", lambda a: torch.linalg.eigvalsh(_symmetric(a)), ((3, 3),)),
    Case("eigh", _both_of_eigh, ((3, 3),)),
    Case("det", torch.linalg.det, ((3, 3),)),
    Case("det batch", torch.linalg.det, ((2, 3, 3),)),
    Case("solve", torch.linalg.solve, ((3, 3), (3, 2))),
    Case("addmv", lambda a, m, v: torch.addmv(a, m, v, alpha=2, beta=3), ((3,), A, ROW)),
    Case("median of all", torch.median, (A,)),
    Case("median of equals", lambda a: torch.cat([a, a]).median(), ((3,),)),
    Case("nanmedian dim", lambda a: a.nanmedian(0)[0], (A,)),
    Case("masked_select broadcast", lambda a: a.masked_select(MASK[:1]), (A,)),
    Case("cummax", lambda a: a.cummax(1)[0], (A,)),
    Case("group_norm plain", lambda x: F.group_norm(x, 2), ((2, 4, 3, 2),)),
    Case("cross_entropy none", lambda a: F.cross_entropy(a, CLASSES, reduction="none"), (A,)),
    Case("cross_entropy weights", lambda a: F.cross_entropy(a, CLASSES, torch.arange(1.0, 5).double()), (A,)),
    Case("cross_entropy ignored", lambda a: F.cross_entropy(a, CLASSES, ignore_index=0), (A,)),
    Case("cross_entropy of images", lambda a: F.cross_entropy(a, INDEX[:, None]), ((2, 4, 1, 3),)),
]  # fmt: skip

CASES = [*POINTWISE, *SHAPES, *REDUCTIONS, *LAYERS, *WINDOWS, *MATRICES]
