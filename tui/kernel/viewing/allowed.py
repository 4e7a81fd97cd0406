"""The operations that a view's expression may name.

Each computes from values alone: none changes a tensor, draws random numbers, keeps a state, or moves values to
another device, and how much each returns is known before it runs (`guard` in `operations`). Lists, so that what a
newer torch adds is not allowed before somebody has looked at it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Final

import torch
from torch.nn import functional


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SHARED = _words(
    """
    abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr adjoint all amax amin aminmax angle
    any arccos arccosh arcsin arcsinh arctan arctan2 arctanh argmax argmin argsort argwhere asin asinh atan
    atan2 atanh baddbmm bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift
    bitwise_xor bmm broadcast_to ceil chunk clamp clip clone conj copysign corrcoef cos cosh count_nonzero
    cov cross cummax cummin cumprod cumsum deg2rad det diag diag_embed diagflat diagonal diff digamma dist
    div divide dot dsplit eq erf erfc erfinv exp exp2 expm1 fix flatten flip fliplr flipud float_power floor
    floor_divide fmax fmin fmod frac frexp gather ge greater greater_equal gt heaviside histc hsplit hypot
    i0 igamma igammac index_select inner inverse isclose isfinite isinf isnan isneginf isposinf isreal kron
    kthvalue ldexp le less less_equal lerp lgamma log log10 log1p log2 logaddexp logaddexp2 logcumsumexp
    logdet logical_and logical_not logical_or logical_xor logit logsumexp lt masked_fill masked_select
    matmul matrix_exp matrix_power max maximum mean median min minimum mm mode moveaxis movedim msort mul
    multiply mv mvlgamma nan_to_num nanmean nanmedian nanquantile nansum narrow ne neg negative nextafter
    nonzero norm not_equal outer permute pinverse polygamma positive pow prod quantile rad2deg ravel
    reciprocal relu remainder renorm reshape roll rot90 round rsqrt scatter scatter_add select sgn sigmoid
    sign signbit sin sinc sinh slogdet softmax sort split sqrt square squeeze std sub subtract sum swapaxes
    swapdims t take take_along_dim tan tanh tensor_split tile topk trace transpose tril triu true_divide
    trunc unbind unflatten unique unique_consecutive unsqueeze var vdot vsplit where xlogy
    """
)
"""Methods of tensors that are functions of torch as well."""

_METHODS_ONLY = _words(
    """
    bfloat16 bool byte ccol_indices char coalesce col_indices contiguous crow_indices dense_dim dequantize
    detach dim double element_size expand expand_as float half indices int int_repr is_contiguous
    log_softmax long nelement numel q_scale q_zero_point repeat reshape_as resolve_conj resolve_neg
    row_indices short size sparse_dim storage_offset stride to to_dense type_as unfold values view view_as
    """
)

_TORCH_ONLY = _words(
    """
    block_diag broadcast_tensors bucketize cat cdist chain_matmul column_stack combinations concat
    concatenate conv1d conv2d conv3d cosine_similarity dstack einsum hstack imag log_softmax meshgrid
    pairwise_distance real rsub searchsorted stack std_mean tensordot trapezoid vander var_mean
    view_as_complex view_as_real vstack
    """
)

_FUNCTIONAL = _words(
    """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    avg_pool1d avg_pool2d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits conv1d conv2d
    conv3d conv_transpose1d conv_transpose2d cosine_similarity cross_entropy fold gelu glu group_norm
    hardshrink huber_loss celu elu hardsigmoid hardswish hardtanh interpolate kl_div l1_loss layer_norm
    leaky_relu linear log_softmax mish relu relu6 selu silu logsigmoid max_pool1d max_pool2d max_pool3d
    mse_loss nll_loss normalize pad pairwise_distance pixel_shuffle pixel_unshuffle poisson_nll_loss prelu
    rms_norm sigmoid smooth_l1_loss softmax softmin softplus softshrink softsign tanh tanhshrink unfold
    """
)
_LINALG = _words(
    """
    cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq lu matmul matrix_exp matrix_norm
    matrix_power matrix_rank multi_dot norm pinv qr slogdet solve svd svdvals tensorinv tensorsolve vander
    vecdot vector_norm
    """
)
_FFT = _words(
    """
    fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftn
    """
)

METHODS: Final = _SHARED | _METHODS_ONLY
FUNCTIONS: Final[dict[object, frozenset[str]]] = {
    torch: _SHARED | _TORCH_ONLY,
    functional: _FUNCTIONAL,
    torch.linalg: _LINALG,
    torch.fft: _FFT,
}
"""What may be called, by the module that holds it."""
SUBMODULES: Final[dict[tuple[object, str], object]] = {
    (torch, "linalg"): torch.linalg,
    (torch, "fft"): torch.fft,
    (torch, "nn"): torch.nn,
    (torch.nn, "functional"): functional,
}
CONSTANTS: Final = frozenset({"inf", "nan", "pi", "e"})
"""Names of torch that are numbers."""
ATTRIBUTES: Final = frozenset(
    {
        *("T", "mT", "H", "mH", "real", "imag", "data", "shape", "ndim", "dtype", "itemsize", "nbytes"),
        *("device", "layout", "is_sparse", "is_quantized", "is_nested"),
    }
)
"""Of tensors, beside ``grad``."""
FORBIDDEN_OPTIONS: Final = frozenset(
    {"out", "inplace", "generator", "device", "pin_memory", "non_blocking", "max_norm", "training"}
)
"""Options that would write somewhere, draw random numbers or move values."""
WHY_NOT: Final = {
    "numpy": "a view has no NumPy arrays",
    "tolist": "a view has no lists",
    "item": "write an index instead",
    "cpu": "a view reads a tensor on the device where it is",
    "cuda": "a view reads a tensor on the device where it is",
    "backward": "it would change gradients",
    "register_hook": "it would change the tensor",
    "retain_grad": "it would change the tensor",
    "share_memory_": "it would move the tensor",
    "set_": "it would change the tensor",
}
"""Why a method of tensors is not for views; names that end in an underscore change the tensor."""


def by_place(function: Callable[..., object]) -> int | None:
    """Return how many arguments may be passed by place before a forbidden option's turn; None: any number."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built in: there `out` and its like go by name alone
        return None
    for count, parameter in enumerate(parameters):
        if parameter.name in FORBIDDEN_OPTIONS:
            return count
    return None
