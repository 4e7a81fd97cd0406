from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tui.kernel.drawing import picture as picture_module
from tui.kernel.drawing.picture import MATRIX, READ_LIMIT, TILE, TILES, VECTOR, picture_of
from tui.kernel.drawing.reduced import block_means
from tui.kernel.tensor_stats import tensor_stats
from tui.protocol.codec import decode, encode
from tui.protocol.values import Picture, Tile

NAN, INF = float("nan"), float("inf")


def quiet(make: Callable[[], Tensor]) -> Tensor:
    """Make a tensor of a kind that torch announces as a prototype."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def sparse(indices: list[list[int]], values: list[float], shape: tuple[int, ...]) -> Tensor:
    return torch.sparse_coo_tensor(torch.tensor(indices), torch.tensor(values), shape, check_invariants=True)


def drawn(tensor: Tensor) -> Picture:
    """Return the picture, checked for what holds of every one."""
    picture = picture_of(tensor)
    assert repr(decode(Picture, encode(picture))) == repr(picture)  # NaN differs from itself
    for tile in picture.tiles:
        assert len({len(row) for row in tile.rows}) == 1
    assert (picture.reduction == "") == (picture.block == (1, 1))
    return picture


def only(picture: Picture) -> np.ndarray:
    (tile,) = picture.tiles
    return np.array(tile.rows)


def oracle(matrix: Tensor, block: tuple[int, int]) -> np.ndarray:
    """Return block means taken one by one in float64."""
    values = matrix.double()
    height, width = math.ceil(values.size(0) / block[0]), math.ceil(values.size(1) / block[1])
    means = np.empty((height, width))
    for i, j in product(range(height), range(width)):
        part = values[i * block[0] : (i + 1) * block[0], j * block[1] : (j + 1) * block[1]]
        means[i, j] = part.mean().item()
    return means


# -- small tensors: the values themselves -----------------------------------------------------------

EXACT = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
EXACT += [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32]


@pytest.mark.parametrize("dtype", EXACT, ids=str)
def test_a_small_matrix_is_its_values(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(2)
    tensor = (torch.rand(5, 7, generator=generator) * 100).to(dtype)
    picture = drawn(tensor)
    assert picture.kind == "matrix"
    rows = picture.tiles[0].rows
    assert torch.equal(torch.tensor(rows, dtype=torch.float64).to(dtype).double(), tensor.double())
    assert {type(number) for row in rows for number in row} == {float if dtype.is_floating_point else int}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=30))
def test_the_short_texts_of_float32_are_the_same_numbers(values: list[float]) -> None:
    tensor = torch.tensor(values)
    assert torch.equal(torch.tensor(drawn(tensor).tiles[0].rows[0]), tensor)


def test_short_decimals_stay_short() -> None:
    assert drawn(torch.tensor([0.1, -2.7, 1e-8])).tiles[0].rows == ((0.1, -2.7, 1e-8),)
    assert drawn(torch.tensor([0.1, 0.3], dtype=torch.bfloat16)).tiles[0].rows == ((0.1, 0.301),)


def test_the_default_dtype_and_device_of_the_user_change_nothing() -> None:
    tensor = torch.tensor([0.1, 1234.567])
    before = drawn(tensor)
    torch.set_default_dtype(torch.float16)
    torch.set_default_device("meta")
    try:
        assert drawn(tensor) == before
        assert torch.get_default_dtype() is torch.float16
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


def test_scalars_vectors_and_large_integers_keep_every_digit() -> None:
    scalar = drawn(torch.tensor(2**62 + 1))
    assert (scalar.kind, scalar.tiles[0].rows) == ("scalar", ((2**62 + 1,),))
    vector = drawn(torch.tensor([2**64 - 1, 0], dtype=torch.uint64))
    assert (vector.kind, vector.tiles[0].rows) == ("vector", ((2**64 - 1, 0),))
    assert drawn(torch.tensor([True, False])).tiles[0].rows == ((1, 0),)


def test_complex_values_have_both_parts() -> None:
    real, imaginary = torch.tensor([[1.0, 0.0], [0.5, NAN]]), torch.tensor([[2.0, -3.0], [0.0, INF]])
    tensor = torch.complex(real, imaginary)
    for same in (tensor, tensor.conj().conj(), tensor.to(torch.complex128)):
        (tile,) = drawn(same).tiles
        np.testing.assert_array_equal(tile.rows, real)
        np.testing.assert_array_equal(tile.imaginary, imaginary)
    assert drawn(tensor.conj()).tiles[0].imaginary[0] == (-2.0, 3.0)
    assert drawn(quiet(lambda: tensor.to(torch.complex32))).tiles[0].rows[0] == (1.0, 0.0)


def test_an_empty_tensor_has_no_picture_and_no_excuse() -> None:
    assert drawn(torch.zeros(0, 3)) == Picture("none")
    assert drawn(torch.zeros(2, 0, 4)) == Picture("none")


# -- large ones: means of blocks, samples -----------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 300), st.booleans())
def test_block_means_of_any_shape(height: int, width: int, transposed: bool) -> None:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    tensor = torch.randn(height, width, generator=generator)
    tensor = tensor.T if transposed else tensor
    picture = drawn(tensor)
    means = only(picture)
    assert means.shape[0] <= MATRIX[0]
    assert means.shape[1] <= MATRIX[1]
    np.testing.assert_allclose(means, oracle(tensor, picture.block), rtol=1e-5, atol=1e-6)


MEANT = [*EXACT, torch.bool, torch.uint64]


@pytest.mark.parametrize("dtype", MEANT, ids=str)
def test_block_means_of_any_dtype(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(3)
    tensor = (torch.rand(70, 210, generator=generator) * 100).to(torch.int64).to(dtype)
    if dtype is torch.bool:
        tensor = torch.rand(70, 210, generator=generator) > 0.5
    picture = drawn(tensor)
    assert picture.block == (3, 3)
    assert picture.reduction == "mean"
    np.testing.assert_allclose(only(picture), oracle(tensor, picture.block), rtol=1e-5)


def test_complex_block_means() -> None:
    tensor = torch.randn(10, 200, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    for same in (tensor, quiet(lambda: tensor.to(torch.complex32))):
        picture = drawn(same)
        (tile,) = picture.tiles
        np.testing.assert_allclose(tile.rows, oracle(tensor.real, picture.block), atol=2e-3)
        np.testing.assert_allclose(tile.imaginary, oracle(tensor.imag, picture.block), atol=2e-3)


def test_a_long_vector_is_one_row_of_means() -> None:
    tensor = torch.arange(1000.0)
    picture = drawn(tensor)
    assert (picture.kind, picture.block, picture.reduction) == ("vector", (1, 4), "mean")
    np.testing.assert_allclose(only(picture), oracle(tensor.unsqueeze(0), (1, 4)))
    assert len(picture.tiles[0].rows[0]) == 250 <= VECTOR[1]


def test_a_block_with_a_nan_is_nan_and_no_other() -> None:
    tensor = torch.zeros(64, 192)
    tensor[5, 7] = NAN
    tensor[63, 191] = INF
    means = only(drawn(tensor))
    assert np.argwhere(np.isnan(means)).tolist() == [[2, 3]]
    assert np.argwhere(np.isinf(means)).tolist() == [[31, 95]]


def test_a_sum_out_of_range_is_no_infinity() -> None:
    for dtype, large in ((torch.float32, 3e38), (torch.float64, 1.7e308), (torch.float16, 6e4)):
        tensor = torch.full((40, 300), large, dtype=dtype)
        tensor[0, 0] = -INF
        for picture in (drawn(tensor), picture_of(tensor, tensor_stats(tensor))):
            means = only(picture)
            assert means[0, 0] == -INF
            np.testing.assert_allclose(means.ravel()[1:], tensor[1, 1].item(), rtol=1e-6)


def test_statistics_that_are_known_spare_the_second_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    readings: list[bool] = []

    def counted(matrix: Tensor, block: tuple[int, int], *, careful: bool = False) -> Tensor:
        readings.append(careful)
        return block_means(matrix, block, careful=careful)

    monkeypatch.setattr(picture_module, "block_means", counted)
    tensor = torch.zeros(1000)
    tensor[3] = NAN
    known = picture_of(tensor, tensor_stats(tensor))
    assert readings == [False]
    assert repr(picture_of(tensor)) == repr(known)
    assert readings == [False, False, True]


def test_a_huge_tensor_is_sampled_at_no_cost() -> None:
    row = torch.arange(1 << 20, dtype=torch.int32)
    tensor = row.expand(1 << 20, 1 << 20)  # 10^12 values
    picture = drawn(tensor)
    assert picture.reduction == "sample"
    (tile,) = picture.tiles
    assert len(tile.rows) == MATRIX[0]
    for column, value in enumerate(tile.rows[0]):
        assert isinstance(value, int)
        assert value // picture.block[1] == column  # out of its own block
    assert len(tile.rows[0]) == math.ceil((1 << 20) / picture.block[1])


def test_means_up_to_the_limit_samples_beyond() -> None:
    tensor = torch.ones(1, dtype=torch.int8).expand(READ_LIMIT)
    assert drawn(tensor).reduction == "mean"
    assert drawn(torch.ones(1, dtype=torch.int8).expand(READ_LIMIT + 1)).reduction == "sample"


# -- higher ranks -----------------------------------------------------------------------------------


def test_higher_ranks_show_their_first_matrices() -> None:
    tensor = torch.arange(2 * 5 * 3 * 4).reshape(2, 5, 3, 4)
    picture = drawn(tensor)
    assert picture.kind == "slices"
    assert [tile.label for tile in picture.tiles] == [
        "[0, 0]",
        "[0, 1]",
        "[0, 2]",
        "[0, 3]",
        "[0, 4]",
        "[1, 0]",
    ]
    assert picture.tiles_omitted == 4
    assert picture.tiles[5] == Tile("[1, 0]", tuple(map(tuple, tensor[1, 0].tolist())))


def test_large_slices_are_reduced_alike() -> None:
    tensor = torch.randn(7, 33, 65, generator=torch.Generator().manual_seed(0)).permute(0, 2, 1)
    picture = drawn(tensor)
    assert len(picture.tiles) == TILES
    assert picture.tiles_omitted == 1
    assert picture.block == (math.ceil(65 / TILE[0]), math.ceil(33 / TILE[1]))
    for index, tile in enumerate(picture.tiles):
        np.testing.assert_allclose(np.array(tile.rows), oracle(tensor[index], picture.block), atol=1e-6)


def test_a_lone_slice_has_the_room_of_a_matrix() -> None:
    picture = drawn(torch.zeros(1, 1, 28, 28))
    assert (picture.kind, picture.block, picture.tiles[0].label) == ("slices", (1, 1), "[0, 0]")


def test_many_leading_dimensions_cost_nothing() -> None:
    picture = drawn(torch.zeros(1).expand((10,) * 17))
    assert picture.tiles[1].label.endswith(", 1]")
    assert picture.tiles_omitted == 10**15 - TILES


@pytest.mark.parametrize(
    ("shape", "dtype", "image"),
    [
        ((3, 8, 8), torch.float32, True),
        ((1, 28, 28), torch.bfloat16, True),
        ((3, 7, 8), torch.float32, False),
        ((4, 8, 8), torch.float32, False),
        ((3, 8, 8), torch.complex64, False),
        ((8, 9), torch.uint8, True),
        ((8, 9), torch.float32, False),
        ((7, 9), torch.uint8, False),
        ((16, 16, 3), torch.uint8, True),
        ((2, 3, 8, 8), torch.uint8, False),
    ],
)
def test_what_can_be_looked_at_as_an_image(shape: tuple[int, ...], dtype: torch.dtype, image: bool) -> None:
    assert drawn(torch.zeros(shape, dtype=dtype)).image is image


# -- every kind of tensor ---------------------------------------------------------------------------


def test_sparse_tensors_are_drawn_with_their_zeros() -> None:
    dense = torch.zeros(6, 9)
    dense[1, 2], dense[5, 8] = 3.0, -1.0
    expected = drawn(dense)
    for kind in (dense.to_sparse(), quiet(dense.to_sparse_csr), quiet(lambda: dense.to_sparse_bsr((2, 3)))):
        assert drawn(kind) == expected
    twice = sparse([[1, 1], [2, 2]], [1.0, 2.0], (6, 9))
    assert drawn(twice).tiles[0].rows[1][2] == 3.0


@pytest.mark.parametrize("to", ["coo", "csr", "csc"])
def test_a_large_sparse_matrix_is_drawn_from_what_it_stores(to: str) -> None:
    generator = torch.Generator().manual_seed(4)
    indices = torch.stack([torch.randint(0, n, (5000,), generator=generator) for n in (1501, 1202)])
    values = torch.randn(5000, generator=generator)
    tensor = torch.sparse_coo_tensor(indices, values, (1501, 1202), check_invariants=True)
    dense = tensor.to_dense()
    if to != "coo":
        tensor = quiet(tensor.to_sparse_csr if to == "csr" else tensor.to_sparse_csc)
    picture = drawn(tensor)
    assert picture.reduction == "mean"
    np.testing.assert_allclose(only(picture), oracle(dense, picture.block), rtol=1e-5, atol=1e-9)


def test_a_sparse_giant_is_never_laid_out() -> None:
    tensor = sparse([[0], [10**9 - 1]], [1.0], (10**9, 10**9))
    means = only(drawn(tensor))
    assert np.count_nonzero(means) == 1
    assert means[0, -1] > 0
    cube = sparse([[0], [0], [0]], [1.0], (10**5,) * 3)
    assert "sparse" in drawn(cube).reason


def test_nested_tensors_show_their_parts() -> None:
    parts = [torch.randn(n, 3) for n in (2, 0, 4)]
    plain = quiet(lambda: torch.nested.nested_tensor(parts))
    jagged = quiet(lambda: torch.nested.nested_tensor(parts, layout=torch.jagged))
    for nested in (plain, jagged):
        picture = drawn(nested)
        assert [tile.label for tile in picture.tiles] == ["[0]", "[2]"]
        assert torch.equal(torch.tensor(picture.tiles[1].rows), parts[2])
    vectors = quiet(lambda: torch.nested.nested_tensor([torch.arange(n) for n in range(1, 10)]))
    picture = drawn(vectors)
    assert picture.tiles[2].rows == ((0, 1, 2),)
    assert picture.tiles_omitted == 3


def test_quantized_values_are_dequantized() -> None:
    exact = torch.arange(-20, 20).reshape(4, 10) * 0.5
    per_tensor = quiet(lambda: torch.quantize_per_tensor(exact, 0.5, 0, torch.qint8))
    scales, zeros = torch.full((4,), 0.5), torch.zeros(4, dtype=torch.int64)
    per_channel = quiet(lambda: torch.quantize_per_channel(exact, scales, zeros, 0, torch.qint8))
    for tensor in (per_tensor, per_channel):
        assert torch.equal(torch.tensor(drawn(tensor).tiles[0].rows), exact)
    large = quiet(lambda: torch.quantize_per_tensor(torch.ones(100, 100), 0.5, 0, torch.quint8))
    assert set(only(drawn(large)).ravel()) == {1.0}


def test_what_has_no_values_says_why() -> None:
    assert "meta" in drawn(torch.zeros(3, device="meta")).reason
    assert "uninitialized" in drawn(quiet(lambda: nn.LazyLinear(2).weight)).reason
    assert drawn(torch.zeros(3, dtype=torch.uint8).view(torch.bits8)).reason == "no numbers in bits8"
    seen: list[Picture] = []

    def watched(x: Tensor) -> Tensor:
        seen.append(drawn(x))
        return x

    torch.func.vmap(watched)(torch.ones(2, 2))
    assert "transform" in seen[0].reason


def test_a_tensor_behind_python_code_is_not_asked() -> None:
    with torch._subclasses.FakeTensorMode():
        fake = torch.zeros(3)
    assert drawn(fake).reason == "values are behind FakeTensor"


class Shouting(Tensor):
    """A subclass that raises whatever is asked of it."""

    @classmethod
    def __torch_function__(cls, *args: object, **kwargs: object) -> Tensor:
        raise RuntimeError("an override ran")

    def _shout(self, *args: object) -> Any:
        raise RuntimeError("its own code ran")

    for _name in ("shape", "dtype", "device", "layout", "requires_grad", "grad", "is_nested", "is_leaf"):
        vars()[_name] = property(_shout)
    for _name in ("size", "dim", "numel", "stride", "detach", "is_contiguous", "element_size", "__repr__"):
        vars()[_name] = _shout


def test_a_subclass_is_drawn_without_its_own_code() -> None:
    tensor = torch.arange(600.0).reshape(2, 300)
    assert drawn(tensor.as_subclass(Shouting)) == drawn(tensor)


# -- leaves no trace --------------------------------------------------------------------------------


def test_a_picture_leaves_no_trace() -> None:
    leaf = torch.randn(40, 300, requires_grad=True)
    result = leaf * 2
    version, state = result._version, torch.get_rng_state()
    drawn(result)
    drawn(leaf)
    assert leaf.grad is None
    assert leaf._version == 0
    assert result._version == version
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    result.sum().backward()
    assert leaf.grad is not None


def test_no_picture_warns() -> None:
    quiet(lambda: torch.zeros(2, 2).to_sparse_csr())
    kinds = [
        torch.zeros(50, 300, dtype=torch.complex64),
        torch.eye(3).to_sparse(),
        torch.zeros(3).expand(9, 3),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in kinds:
            assert drawn(kind).tiles
