from __future__ import annotations

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tui.kernel.summary import summarize
from tui.kernel.tensor_stats import TensorStats, Unavailable, batch_stats, tensor_stats

NAN, INF = float("nan"), float("inf")


INT4: torch.dtype = vars(torch)["int4"]  # unknown to torch's stubs


def stats_of(tensor: Tensor, limit: int | None = None) -> TensorStats:
    stats = tensor_stats(tensor, limit=limit)
    assert isinstance(stats, TensorStats)
    return stats


def line(tensor: Tensor, limit: int | None = None) -> str:
    return summarize(tensor, tensor_stats(tensor, limit=limit))


def assert_oracle(tensor: Tensor, rel: float = 1e-5) -> None:
    """Compare with torch's own statistics of the finite values in float64."""
    stats = stats_of(tensor)
    exact = tensor.double()
    finite = exact[exact.isfinite()]
    assert stats.stored == stats.counted == tensor.numel()
    assert stats.nan == int(exact.isnan().sum())
    assert stats.posinf == int((exact == INF).sum())
    assert stats.neginf == int((exact == -INF).sum())
    if not finite.numel():
        assert stats.minimum is stats.maximum is stats.mean is None
        return
    assert stats.minimum == finite.min().item()
    assert stats.maximum == finite.max().item()
    assert stats.mean is not None
    spread = finite.abs().max().item()
    assert stats.mean == pytest.approx(finite.mean().item(), rel=rel, abs=1e-7 * spread)
    if finite.numel() < 2:
        assert stats.std is None
    else:
        assert stats.std == pytest.approx(finite.std().item(), rel=rel, abs=1e-7 * spread)


DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8]
DTYPES += [torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16, torch.uint32]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_statistics_agree_with_torch_in_float64(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(1)
    low = 0 if dtype in (torch.uint8, torch.uint16, torch.uint32) else -100
    assert_oracle((torch.rand(37, 41, generator=generator) * 200 + low).clamp(low, 100).to(dtype))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=40))
def test_statistics_of_any_float32_values(values: list[float]) -> None:
    assert_oracle(torch.tensor(values, dtype=torch.float32))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=40))
def test_statistics_of_float64_values(values: list[float]) -> None:
    tensor = torch.tensor(values, dtype=torch.float64)
    stats = stats_of(tensor)
    scale = max(tensor.abs().max().item(), 1e-300)  # torch's own std overflows where ours need not
    assert stats.mean is not None
    assert stats.mean / scale == pytest.approx((tensor / scale).mean().item(), abs=1e-12)
    if len(values) > 1:
        assert stats.std is not None
        assert stats.std / scale == pytest.approx((tensor / scale).std().item(), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_integers_keep_every_digit_of_the_extremes(values: list[int]) -> None:
    stats = stats_of(torch.tensor(values))
    assert (stats.minimum, stats.maximum) == (min(values), max(values))
    assert isinstance(stats.minimum, int)


def test_large_mean_with_a_small_spread_over_many_blocks() -> None:
    generator = torch.Generator().manual_seed(0)
    tensor = 1e6 + torch.randn(3_000_000, generator=generator)
    exact = tensor.double()
    stats = stats_of(tensor)
    assert stats.mean == pytest.approx(exact.mean().item(), abs=1e-3)
    assert stats.std == pytest.approx(exact.std().item(), rel=1e-5)


def test_nonfinite_values_are_counted_in_whichever_block_they_are() -> None:
    tensor = torch.arange(2_000_000.0)
    tensor[[3, 700_000, 1_999_999]] = torch.tensor([NAN, INF, NAN])
    assert_oracle(tensor)
    assert line(tensor).startswith("NaN! ×2 +Inf! ×1 x∈[0.0, 2e+06]")


@pytest.mark.parametrize("scale", [1e38, 1e25, 1e-25, 1e-40])
def test_squares_outside_float32_are_no_problem(scale: float) -> None:
    assert_oracle(torch.tensor([1.0, -2.0, 0.5, 3.0]) * scale, rel=1e-4)


VIEWS = {
    "transposed": lambda t: t.t(),
    "strided": lambda t: t[::3, 1::2],
    "column": lambda t: t[:, 5],
    "permuted": lambda t: t.reshape(70, 10, 900).permute(2, 0, 1),
    "sliced": lambda t: t[1:, :-1],
}


@pytest.mark.parametrize("view", VIEWS)
def test_views_of_any_strides(view: str) -> None:
    base = torch.randn(700, 900, generator=torch.Generator().manual_seed(2))
    assert_oracle(VIEWS[view](base))


def test_expanded_values_count_as_often_as_they_stand() -> None:
    base = torch.tensor([[1.0], [2.0], [4.0]])
    assert_oracle(base.expand(3, 5))
    huge = stats_of(torch.tensor([NAN, 3.0]).view(2, 1).expand(2, 10**12))
    assert huge.nan == 10**12
    assert huge.counted == huge.stored == 2 * 10**12


def test_a_large_tensor_is_sampled_evenly_and_says_so() -> None:
    tensor = torch.arange(1_600_000.0)
    stats = stats_of(tensor, limit=100_000)
    assert 50_000 <= stats.counted <= 100_000
    assert stats.mean == pytest.approx(800_000, rel=0.05)
    assert stats.std == pytest.approx(tensor.std().item(), rel=0.05)
    assert " sampled 1/" in line(tensor, limit=100_000)
    assert line(tensor, limit=100_000).startswith("≈ x∈[")
    tensor[:] = NAN
    assert line(tensor, limit=100_000).startswith("NaN! ≥")


@pytest.mark.parametrize("view", VIEWS)
def test_samples_of_views_are_even_too(view: str) -> None:
    tensor = VIEWS[view](torch.arange(630_000.0).reshape(700, 900))
    limit = max(200, tensor.numel() // 40)
    stats = stats_of(tensor, limit=limit)
    assert limit / 3 <= stats.counted <= limit * 1.1
    assert stats.mean == pytest.approx(tensor.mean().item(), rel=0.1)
    assert stats.std == pytest.approx(tensor.std().item(), rel=0.1)


LINES = [
    (torch.tensor([-2.1, 1.8, 0.6]), "x∈[-2.1, 1.8] μ=0.1 σ=2.0"),
    (torch.tensor(3.14159), "3.14159"),
    (torch.tensor([[7]]), "7"),
    (torch.tensor(True), "True"),
    (torch.tensor(NAN), "NaN!"),
    (torch.tensor(-INF), "-Inf!"),
    (torch.tensor([True, False, False]), "true 1/3"),
    (torch.tensor([NAN, NAN]), "NaN! ×2"),
    (torch.tensor([INF, 1.0, -INF]), "+Inf! ×1 -Inf! ×1 x∈[1.0, 1.0] μ=1.0"),
    (torch.tensor([1, 2, 3]), "x∈[1, 3] μ=2.0 σ=1.0"),
    (torch.tensor([3 + 4j, 0j]), "|z|∈[0.0, 5.0] μ=2.5 σ=3.54"),
    (torch.tensor(3 + 4j).conj(), "3.0-4j"),
    (torch.empty(0, 3), "empty"),
    (torch.empty(3, device="meta"), "meta: no values"),
    (torch.eye(3).to_sparse(), "nnz=3/9 x∈[1.0, 1.0] μ=1.0 σ=0.0"),
    (torch.eye(3).to_sparse_csr(), "nnz=3/9 x∈[1.0, 1.0] μ=1.0 σ=0.0"),
    (torch.zeros(2, 2).to_sparse(), "nnz=0/4 empty"),
    (torch.ones(3).to_mkldnn(), "x∈[1.0, 1.0] μ=1.0 σ=0.0"),
    (torch.nn.UninitializedParameter(), "uninitialized: gets its shape from the first input"),
    (torch.tensor([2**64 - 1], dtype=torch.uint64), "1.84467e+19"),
    (torch.tensor([1 + 1j, 1 + 1j], dtype=torch.complex32), "|z|∈[1.41, 1.41] μ=1.41 σ=0.0"),
]


@pytest.mark.parametrize(("tensor", "expected"), LINES, ids=[text for _, text in LINES])
def test_one_line_for_each_kind(tensor: Tensor, expected: str) -> None:
    assert line(tensor) == expected


def test_quantized_and_nested() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.quantize_per_tensor(torch.tensor([0.0, 1.0]), 0.5, 2, torch.qint8)
        channels = torch.quantize_per_channel(
            torch.eye(2), torch.ones(2), torch.zeros(2), axis=0, dtype=torch.qint8
        )
        nested = torch.nested.nested_tensor([torch.zeros(2, 3), torch.ones(4, 3)])
        jagged = torch.nested.nested_tensor([torch.zeros(2, 3), torch.ones(4, 3)], layout=torch.jagged)
    assert line(quantized) == "quantized scale=0.5 zero=2 x∈[0.0, 1.0] μ=0.5 σ=0.707"
    assert line(channels) == "quantized per channel x∈[0.0, 1.0] μ=0.5 σ=0.577"
    assert line(nested) == line(jagged) == "nested ×2 x∈[0.0, 1.0] μ=0.667 σ=0.485"


def test_a_dtype_without_kernels_says_so_in_words() -> None:
    stats = tensor_stats(torch.empty(4, dtype=INT4))
    assert isinstance(stats, Unavailable)
    assert "not implemented" in stats.reason
    assert "\n" not in stats.reason


class Overrides(Tensor):
    """A subclass of the user's whose operations must not run."""

    @classmethod
    def __torch_function__(
        cls, func: object, types: object, args: object = (), kwargs: object = None
    ) -> object:
        raise AssertionError("the user's __torch_function__ ran")


class Dispatches(Tensor):
    """A wrapper of the user's, of which nothing is known."""

    @staticmethod
    def __new__(cls) -> Dispatches:
        made: Dispatches = Tensor._make_wrapper_subclass(cls, (2, 3))
        return made

    @classmethod
    def __torch_dispatch__(cls, *_: object, **__: object) -> object:
        raise AssertionError("the user's __torch_dispatch__ ran")


def test_code_of_tensor_subclasses_does_not_run() -> None:
    assert line(torch.tensor([1.0, 2.0]).as_subclass(Overrides)) == "x∈[1.0, 2.0] μ=1.5 σ=0.707"
    assert line(Dispatches()) == "values are behind Dispatches"


def test_a_tensor_inside_vmap_has_no_values() -> None:
    seen: list[str] = []

    def look(row: Tensor) -> Tensor:
        seen.append(line(row))
        return row

    torch.vmap(look)(torch.ones(2, 3))
    assert seen == ["inside a torch.func transform, no values of its own"]


def test_looking_changes_nothing() -> None:
    w = torch.randn(5, requires_grad=True)
    result = w * 2
    torch.manual_seed(3)
    state, version = torch.get_rng_state(), w._version
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as `.grad` of a non-leaf would
        batch_stats([w, result])
    assert torch.equal(torch.get_rng_state(), state)
    assert w._version == version
    assert w.grad is None
    assert torch.is_grad_enabled()
    assert torch.equal(torch.autograd.grad(result.sum(), w)[0], torch.full((5,), 2.0))


def test_in_a_batch_each_has_its_own() -> None:
    tensors = [
        torch.tensor([1.0, 3.0]),
        torch.empty(2, device="meta"),
        torch.tensor([NAN]),
        torch.tensor([5, 6]),
    ]
    first, second, third, fourth = batch_stats(tensors)
    assert isinstance(first, TensorStats)
    assert first.mean == 2.0
    assert second == Unavailable("meta: no values")
    assert isinstance(third, TensorStats)
    assert third.nan == 1
    assert isinstance(fourth, TensorStats)
    assert fourth.maximum == 6


def test_past_the_deadline_there_are_no_statistics() -> None:
    assert batch_stats([torch.ones(3)], deadline_s=-math.inf) == [Unavailable("…")]


def test_a_device_that_fails_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Tensor:
        raise RuntimeError(
            "CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later"
        )

    monkeypatch.setattr(torch, "stack", fail)
    words = "CUDA error: device-side assert triggered: restart the kernel"
    assert batch_stats([torch.ones(3), torch.zeros(2)]) == [Unavailable(words)] * 2


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_as_on_the_cpu() -> None:
    tensor = torch.randn(40_000_000, device="cuda")
    ours, exact = stats_of(tensor), tensor.double()
    assert ours.minimum == tensor.min().item()
    assert ours.mean == pytest.approx(exact.mean().item(), abs=1e-6)
    assert ours.std == pytest.approx(exact.std().item(), rel=1e-5)
    tensor[17] = NAN
    assert stats_of(tensor).nan == 1
