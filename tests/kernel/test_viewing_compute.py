from __future__ import annotations

import base64
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tui.kernel.viewing import ViewError, compare_views, find_place, read_pixels, read_statistics
from tui.kernel.viewing.blocks import blocks_in_order, index_of, place_of
from tui.protocol.viewing import (
    Arrangement,
    CompareViews,
    Comparison,
    FindPlace,
    Found,
    Pixels,
    Place,
    ReadPixels,
    ReadStatistics,
    Statistics,
    View,
)

NAN, INF = float("nan"), float("inf")
GOING = threading.Event()


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4))


# -- statistics -------------------------------------------------------------------------------------


def statistics(tensor: Tensor, arrangement: Arrangement = "", **options: Any) -> Statistics:
    return read_statistics({"t": tensor}, ReadStatistics(View("t", arrangement), **options), GOING)


def assert_oracle(tensor: Tensor) -> None:
    seen = statistics(tensor)
    exact = tensor.double()
    finite = exact[exact.isfinite()]
    assert seen.counted == tensor.numel()
    assert (seen.facts.nan, seen.facts.posinf, seen.facts.neginf) == (
        int(exact.isnan().sum()), int((exact == INF).sum()), int((exact == -INF).sum()),
    )  # fmt: skip
    assert (seen.zeros, seen.negative) == (int((exact == 0).sum()), int((exact < 0).sum()))
    if not finite.numel():
        assert (seen.mean, seen.std, seen.histogram) == (None, None, None)
        assert seen.quantiles == ()
        return
    scale = finite.abs().max().item()
    assert (seen.facts.minimum, seen.facts.maximum) == (finite.min().item(), finite.max().item())
    assert seen.mean == pytest.approx(finite.mean().item(), rel=1e-5, abs=1e-7 * scale)
    assert seen.quantiles_of == finite.numel()
    for fraction, value in seen.quantiles:
        assert value == pytest.approx(finite.quantile(fraction).item(), rel=1e-6, abs=1e-7 * scale)
    assert seen.histogram is not None
    assert sum(seen.histogram.counts) == finite.numel()
    assert len(seen.histogram.edges) == len(seen.histogram.counts) + 1


DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e5m2,
    torch.int64,
    torch.uint8,
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_statistics_agree_with_torch_in_float64(dtype: torch.dtype) -> None:
    assert_oracle(
        (randn(40, 51) * 30).abs().to(dtype) if dtype is torch.uint8 else (randn(40, 51) * 30).to(dtype)
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=30))
def test_statistics_of_any_float32_values(values: list[float]) -> None:
    assert_oracle(torch.tensor(values, dtype=torch.float32))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_value_there_is_has_its_bin(dtype: torch.dtype, sign: int) -> None:
    assert_oracle(torch.full((3,), sign * torch.finfo(dtype).max, dtype=dtype))


def test_many_sections_come_together() -> None:
    tensor = 1e4 + randn(9_000_000)
    tensor[[3, 8_999_999]] = torch.tensor([NAN, -INF])
    tensor[5_000_000:5_000_010] = 0
    seen = statistics(tensor)
    finite = tensor[tensor.isfinite()].double()
    assert seen.mean == pytest.approx(finite.mean().item(), rel=1e-9)
    assert seen.std == pytest.approx(finite.std().item(), rel=1e-5)
    assert (seen.facts.nan, seen.facts.neginf, seen.zeros) == (1, 1, 10)
    assert seen.histogram is not None
    assert sum(seen.histogram.counts) == finite.numel()
    assert 900_000 < seen.quantiles_of <= 1_000_000
    assert dict(seen.quantiles)[0.5] == pytest.approx(1e4, abs=0.01)
    assert (seen.quantiles[0][1], seen.quantiles[-1][1]) == (finite.min().item(), finite.max().item())


def test_the_histogram_counts_each_value_in_its_bin() -> None:
    tensor = torch.tensor([0.0, 0.1, 0.9, 1.0, 1.1, 4.0])
    seen = statistics(tensor, bins=4).histogram
    assert seen is not None
    assert seen.edges == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert seen.counts == (3, 2, 0, 1)


def test_logarithmic_bins_leave_zeros_out() -> None:
    tensor = torch.tensor([0.0, -0.0, 1e-3, -1e-3, 0.5, 10.0, 10.0, NAN, INF])
    seen = statistics(tensor, bins=4, log=True).histogram
    assert seen is not None
    assert seen.log
    assert seen.zeros == 2
    assert seen.edges == pytest.approx((-3.0, -2.0, -1.0, 0.0, 1.0), abs=1e-6)
    assert seen.counts == (2, 0, 1, 2)
    assert statistics(torch.zeros(3), log=True).histogram is None


def test_integers_have_a_bin_each_where_that_is_fewer() -> None:
    seen = statistics(torch.tensor([-1, 0, 0, 2]), bins=40).histogram
    assert seen is not None
    assert seen.edges == (-1.5, -0.5, 0.5, 1.5, 2.5)
    assert seen.counts == (1, 2, 0, 1)
    flags = statistics(torch.tensor([True, False, True])).histogram
    assert flags is not None
    assert flags.counts == (1, 2)


@pytest.mark.parametrize("value", [0.0, 1.0, -3e38, 1e-40, 16777216.0])
def test_equal_values_fall_into_one_bin(value: float) -> None:
    seen = statistics(torch.full((7,), value), bins=5).histogram
    assert seen is not None
    assert sorted(seen.counts) == [0, 0, 0, 0, 7]


def test_ranges_that_leave_the_dtype() -> None:
    for tensor in (
        torch.tensor([-3e38, 3e38, 0.0]),
        torch.tensor([-1.7e308, 1.7e308, 0.0], dtype=torch.float64),
    ):
        seen = statistics(tensor, bins=2).histogram
        assert seen is not None
        assert sum(seen.counts) == 3


def test_past_the_limit_a_sample_stands_for_the_tensor() -> None:
    seen = statistics(torch.arange(1_000_000.0), limit=10_000)
    assert 5_000 < seen.counted <= 10_000
    assert seen.facts.sampled
    assert "sampled 1/" in seen.facts.statistics
    assert seen.mean == pytest.approx(500_000, rel=0.05)


def test_expanded_values_count_as_often_as_they_stand() -> None:
    seen = statistics(torch.tensor([[0.0], [-1.0]]).expand(2, 10**9), limit=None, bins=2)
    assert (seen.counted, seen.zeros, seen.negative) == (2 * 10**9, 10**9, 10**9)
    assert seen.histogram is not None
    assert seen.histogram.counts == (10**9, 10**9)


KINDS = [
    (torch.tensor([3 + 4j, 0j]), (0.0, 5.0), 2),
    (torch.eye(3).to_sparse() * 2, (2.0, 2.0), 3),
    (torch.tensor(True), (1.0, 1.0), 1),
    (torch.tensor([2**64 - 1, 0], dtype=torch.uint64), (0.0, float(2**64)), 2),
    (torch.tensor(3.0), (3.0, 3.0), 1),
]


@pytest.mark.parametrize(("tensor", "limits", "count"), KINDS)
def test_statistics_of_each_kind(tensor: Tensor, limits: tuple[float, float], count: int) -> None:
    seen = statistics(tensor)
    assert (seen.facts.minimum, seen.facts.maximum) == limits
    assert seen.counted == count
    assert seen.histogram is not None
    assert sum(seen.histogram.counts) == count


def test_empty_and_nested_and_valueless() -> None:
    assert statistics(torch.empty(0)).histogram is None
    jagged = torch.nested.nested_tensor([torch.ones(2, 3), torch.zeros(1, 3)], layout=torch.jagged)
    assert (statistics(jagged).counted, statistics(jagged).zeros) == (9, 3)
    with pytest.raises(ViewError, match="meta: no values"):
        statistics(torch.empty(2, device="meta"))


def test_statistics_of_what_is_arranged() -> None:
    tensor = randn(30, 20)
    seen = statistics(tensor, "mean")
    assert seen.facts.shape == (1, 20)
    assert seen.facts.minimum == pytest.approx(tensor.mean(0).min().item())


COMPUTATIONS: dict[str, Callable[[dict[str, object], threading.Event], object]] = {
    "statistics": lambda names, cancel: read_statistics(names, ReadStatistics(View("t")), cancel),
    "find": lambda names, cancel: find_place(names, FindPlace(View("t"), "nan"), cancel),
    "extreme": lambda names, cancel: find_place(names, FindPlace(View("t"), "max"), cancel),
    "compare": lambda names, cancel: compare_views(names, CompareViews("t", "t"), cancel),
}


@pytest.mark.parametrize("kind", COMPUTATIONS)
def test_a_computation_ends_when_it_is_cancelled(kind: str) -> None:
    # would take minutes: repeated rows cannot be told from others in a comparison, nor is a NaN behind them
    names: dict[str, object] = {
        "t": torch.zeros(100_000).expand(10_000_000, -1) if kind == "compare" else torch.zeros(3_000_000)
    }
    cancel = threading.Event()
    if kind == "compare":
        threading.Timer(0.1, cancel.set).start()
    else:
        cancel.set()
    with pytest.raises(ViewError) as refusal:
        COMPUTATIONS[kind](names, cancel)
    assert refusal.value.kind == "cancelled"


# -- places -----------------------------------------------------------------------------------------


def find(tensor: Tensor, place: Place, after: tuple[int, ...] | None = None) -> Found:
    return find_place({"t": tensor}, FindPlace(View("t"), place, after), GOING)


@settings(max_examples=60, deadline=None)
@given(st.permutations([0, 1, 2]), st.integers(1, 20), st.integers(0, 59))
def test_blocks_follow_the_order_of_rows(order: list[int], size: int, start: int) -> None:
    tensor = torch.arange(60).reshape(3, 4, 5).permute(order)
    seen = list(blocks_in_order(tensor, size, start=start))
    flat = tensor.reshape(-1)
    assert all(1 <= len(block) <= size for _, block in seen)
    assert all(torch.equal(flat[place : place + len(block)], block) for place, block in seen)
    places = [place + offset for place, block in seen for offset in range(len(block))]
    assert places[-1] == 59
    assert set(range(start, 60)) <= set(places)
    shape = tuple(tensor.shape)
    assert all(place_of(index_of(place, shape), shape) == place for place in range(60))


def test_extremes_are_where_torch_finds_them() -> None:
    for tensor in (
        randn(50, 60),
        randn(50, 60).t(),
        randn(3, 400_000),
        (randn(40, 3) * 9).to(torch.int32),
        torch.tensor(1.5),
    ):
        shape = tuple(tensor.shape)
        assert find(tensor, "min").index == index_of(int(tensor.argmin()), shape)
        assert find(tensor, "max").index == index_of(int(tensor.argmax()), shape)
    assert find(torch.tensor([NAN, 2.0, INF, -INF, NAN]), "max") == Found((2,), "inf")
    assert find(torch.tensor([NAN, INF]), "min") == Found((1,), "inf")
    assert find(torch.tensor([NAN]), "min") == Found(None)
    assert find(torch.empty(0), "max") == Found(None)
    assert find(torch.tensor([[5.0], [7.0]]).expand(2, 10**12), "max") == Found((1, 0), "7.0")
    assert find(torch.tensor([2**63 - 1, 2**63 - 2]), "max") == Found((0,), str(2**63 - 1))


def test_the_next_of_a_kind_wraps_around() -> None:
    tensor = torch.zeros(300, 7000)  # of several blocks
    tensor[20, 5], tensor[250, 6999], tensor[0, 0] = NAN, INF, -INF
    assert find(tensor, "nan").index == (20, 5)
    assert find(tensor, "nan", (20, 5)).index == (20, 5)
    assert find(tensor, "inf").index == (0, 0)
    assert find(tensor, "inf", (0, 0)).index == (250, 6999)
    assert find(tensor, "inf", (250, 6999)).index == (0, 0)
    assert find(tensor, "nonzero", (0, 0)).index == (20, 5)
    assert find(torch.zeros(3).expand(10**9, 3), "nan") == Found(None)
    assert find(torch.tensor([True, False]), "inf") == Found(None)
    with pytest.raises(ViewError, match="2 dimensions now"):
        find(tensor, "nan", (3,))


def test_places_among_stored_values() -> None:
    dense = torch.tensor([[0.0, -2.0, 0.0], [3.0, 0.0, NAN]])
    for tensor in (dense.to_sparse(), dense.to_sparse_csr(), dense.to_sparse(1)):
        assert find(tensor, "min").index == (0, 1)
        assert find(tensor, "nan").index == (1, 2)
        assert find(tensor, "nonzero").index == (0, 1)
        assert find(tensor, "nonzero", (0, 1)).index == (1, 0)
        assert find(tensor, "nonzero", (0, 2)).index == (1, 0)
        assert find(tensor, "nonzero", (1, 2)).index == (0, 1)
    nested = torch.nested.nested_tensor([torch.ones(2, 3), torch.full((1, 3), 2.0)], layout=torch.jagged)
    assert find(nested, "max").index == (1, 0, 0)
    assert find(nested, "nonzero", (0, 1, 2)).index == (1, 0, 0)
    assert find(nested, "nonzero", (1, 0, 2)).index == (0, 0, 0)


TEXTS = [
    (torch.tensor([0.1]), "0.1"),
    (torch.tensor([0.1], dtype=torch.float64), "0.1"),
    (torch.tensor([1 / 3], dtype=torch.float64), repr(1 / 3)),
    (torch.tensor([1 / 3], dtype=torch.bfloat16), "0.333984375"),
    (torch.tensor([1e30]), "1e+30"),
    (torch.tensor([1e-45]), "1e-45"),
    (torch.tensor([100.0]), "100.0"),
    (torch.tensor([7]), "7"),
    (torch.tensor([True]), "True"),
    (torch.tensor([448.0]).to(torch.float8_e4m3fn), "448.0"),
]


@pytest.mark.parametrize(("tensor", "text"), TEXTS)
def test_a_value_has_all_its_digits_and_no_more(tensor: Tensor, text: str) -> None:
    found = find(tensor, "max").value
    assert found == text
    if tensor.is_floating_point():
        assert torch.tensor([float(found)], dtype=torch.float64).to(tensor.dtype).double() == tensor.double()


# -- comparison -------------------------------------------------------------------------------------


def compare(left: object, right: object, **options: Any) -> Comparison:
    return compare_views({"a": left, "b": right}, CompareViews("a", "b", **options), GOING)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.floats(width=32), st.floats(width=32)), min_size=1, max_size=20),
    st.booleans(),
    st.booleans(),
)
def test_a_comparison_agrees_with_torch(
    pairs: list[tuple[float, float]], equal_nan: bool, near: bool
) -> None:
    left = torch.tensor([one for one, _ in pairs])
    right = left * (1 + 1e-7) if near else torch.tensor([other for _, other in pairs])
    seen = compare(left, right, equal_nan=equal_nan)
    close = torch.isclose(left, right, equal_nan=equal_nan)
    assert seen.comparable
    assert seen.mismatched == int((~close).sum())
    assert seen.allclose == torch.allclose(left, right, equal_nan=equal_nan)
    assert seen.equal == torch.equal(left, right)
    assert seen.compared == len(pairs)
    assert seen.first_index == (None if close.all() else (int((~close).int().argmax()),))
    difference = torch.where(left == right, 0.0, (left.double() - right.double()).abs())
    known = difference[~difference.isnan()]
    assert seen.max_abs == (known.max().item() if len(known) else None)
    if seen.max_abs_index is not None:
        assert difference[seen.max_abs_index].item() == seen.max_abs


def test_differences_over_many_blocks() -> None:
    left = randn(1500, 1500)
    right = left.clone()
    right[700, 3] += 2.0
    right[1499, 1499] -= 5.0
    seen = compare(left, right)
    assert (seen.mismatched, seen.first_index, seen.max_abs_index) == (2, (700, 3), (1499, 1499))
    assert seen.max_abs == pytest.approx(5.0, abs=1e-6)
    assert seen.mean_abs == pytest.approx(7.0 / left.numel(), rel=1e-5)
    assert torch.tensor(float(seen.first_left)) == left[700, 3]
    assert torch.tensor(float(seen.first_right)) == right[700, 3]


def test_what_was_done_to_compare_is_said() -> None:
    seen = compare(torch.ones(3, 4), torch.ones(4, dtype=torch.float64))
    assert seen.allclose
    assert not seen.equal
    assert seen.reason == "b (4,) broadcast to (3, 4); compared as float64: float32 and float64"
    assert compare(torch.ones(2), torch.ones(2)).reason == ""


NOT_COMPARABLE = [
    (torch.ones(3, 4), torch.ones(5), "do not broadcast: dimension -1 has 4 against 5"),
    (torch.ones(2), torch.ones(2, device="meta"), "meta: no values"),
    (
        torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged),
        torch.ones(1, 2),
        "a is nested: compare its parts",
    ),
]


@pytest.mark.parametrize(("left", "right", "words"), NOT_COMPARABLE, ids=["shapes", "meta", "nested"])
def test_what_cannot_be_compared_says_why(left: Tensor, right: Tensor, words: str) -> None:
    seen = compare(left, right)
    assert not seen.comparable
    assert words in seen.reason


def test_comparisons_of_other_kinds() -> None:
    ints = torch.tensor([2**62, 5])
    assert compare(ints, ints + 1, rtol=0.0, atol=0.5).max_abs == 1.0  # past the digits of float64
    assert compare(torch.tensor([True, False]), torch.tensor([True, True])).mismatched == 1
    assert compare(torch.tensor([3 + 4j]), torch.tensor([0j])).max_abs == 5.0
    assert compare(torch.tensor([1.0]), torch.tensor([0.0])).max_rel == math.inf
    dense = torch.eye(3)
    assert compare(dense.to_sparse(), dense.to_sparse_csr()).equal
    assert compare(torch.empty(0), torch.empty(0)).equal
    assert compare(dense.to(torch.float8_e5m2), dense).equal is True
    assert compare(torch.tensor([INF, NAN]), torch.tensor([INF, NAN]), equal_nan=True).allclose
    with pytest.raises(ViewError, match="0 or more"):
        compare(ints, ints, rtol=-1.0)
    with pytest.raises(ViewError, match="There is no b now"):
        compare_views({"a": ints}, CompareViews("a", "b"), GOING)


# -- pictures ---------------------------------------------------------------------------------------


def pixels(
    tensor: Tensor, width: int = 100, height: int = 100, arrangement: Arrangement = ""
) -> tuple[Pixels, Tensor]:
    seen = read_pixels({"t": tensor}, ReadPixels(View("t", arrangement), width, height))
    raw = torch.tensor(list(base64.b64decode(seen.rgb)), dtype=torch.uint8)
    return seen, raw.reshape(seen.height, seen.width, 3)


def test_bytes_are_brightness_as_they_are_in_every_shape() -> None:
    image = torch.randint(0, 256, (3, 5, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    seen, rgb = pixels(image)
    assert (seen.width, seen.height, seen.source, seen.scaled) == (7, 5, (5, 7), "[0, 255]")
    assert torch.equal(rgb, image.permute(1, 2, 0))
    assert torch.equal(pixels(image.permute(1, 2, 0))[1], rgb)
    grey = image[0].unsqueeze(2).expand(-1, -1, 3)
    assert torch.equal(pixels(image[0])[1], grey)
    assert torch.equal(pixels(image[:1])[1], grey)


def test_values_become_brightness_and_it_is_said_how() -> None:
    assert pixels(torch.tensor([[0.0, 1.0]]))[0].scaled == "[0, 1]"
    assert pixels(torch.tensor([[0.0, 1.0]]))[1][0].tolist() == [[0] * 3, [255] * 3]
    seen, rgb = pixels(torch.tensor([[-2.0, 0.0, 2.0]]))
    assert seen.scaled == "[-2.0, 2.0] stretched"
    assert rgb[0, :, 0].tolist() == [0, 128, 255]
    assert pixels(torch.tensor([[True, False]]))[1][0, :, 0].tolist() == [255, 0]
    assert pixels(torch.tensor([[7, 7]]))[1][0, :, 0].tolist() == [128, 128]
    huge = torch.tensor([[-3e38, 3e38]])
    assert pixels(huge)[1][0, :, 0].tolist() == [0, 255]


def test_nan_is_magenta_and_inf_the_end_of_the_scale() -> None:
    seen, rgb = pixels(torch.tensor([[NAN, INF, -INF, 0.0, 4.0]]))
    assert rgb[0].tolist() == [[255, 0, 255], [255] * 3, [0] * 3, [0] * 3, [255] * 3]
    assert seen.scaled == "[0, 4] stretched" or seen.scaled == "[0.0, 4.0] stretched"
    assert pixels(torch.full((1, 1), NAN))[0].scaled == "no finite values"
    assert pixels(torch.tensor([[0.0, 0.0], [NAN, 0.0]]), 1, 1)[1].tolist() == [[[255, 0, 255]]]


def test_a_large_image_is_averaged_down_in_its_proportions() -> None:
    image = torch.zeros(40, 80)
    image[:, 40:] = 1.0
    seen, rgb = pixels(image, 8, 20)
    assert (seen.width, seen.height) == (8, 4)
    assert rgb[:, :, 0].tolist() == [[0] * 4 + [255] * 4] * 4
    assert (pixels(torch.zeros(1).expand(100_000, 100_000))[0].width) == 100
    assert pixels(torch.zeros(1).expand(2, 10**9))[0].height == 1


NO_IMAGES = [
    (torch.zeros(2, 3, 4, 5), "bad index", r"\(H, W\), \(1, H, W\), \(3, H, W\) or \(H, W, 3\).*t\[0\]"),
    (torch.zeros(3), "bad index", "has the shape"),
    (torch.zeros(0, 3), "no values", "is empty"),
    (torch.zeros(2, 3, device="meta"), "no values", "meta"),
]


@pytest.mark.parametrize(("tensor", "kind", "words"), NO_IMAGES)
def test_what_is_no_image(tensor: Tensor, kind: str, words: str) -> None:
    with pytest.raises(ViewError, match=words) as refusal:
        pixels(tensor)
    assert refusal.value.kind == kind


def test_pictures_of_other_kinds() -> None:
    assert pixels(torch.eye(3).to_sparse())[1][:, :, 0].tolist() == (torch.eye(3) * 255).int().tolist()
    assert pixels(torch.tensor([[3 + 4j, 0j]]))[1][0, :, 0].tolist() == [255, 0]
    assert (
        pixels(torch.eye(3).to(torch.float8_e5m2))[1][:, :, 0].tolist() == (torch.eye(3) * 255).int().tolist()
    )
    assert pixels(torch.eye(3), arrangement="sum")[0].source == (1, 3)
