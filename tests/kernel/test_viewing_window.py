from __future__ import annotations

import gc
import math
import struct
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from tui.kernel.viewing import ViewError, memo, read_window
from tui.kernel.viewing.memo import MEMO
from tui.protocol.codec import decode, encode
from tui.protocol.viewing import Arrangement, ReadWindow, View, Window

NAN = float("nan")


def window(
    tensor: object,
    rows: int | None = 0,
    columns: int | None = 1,
    *,
    at: tuple[int, int] = (0, 0),
    size: tuple[int, int] = (50, 60),
    index: tuple[int, ...] | None = None,
    arrangement: Arrangement = "",
    along: int = 0,
    bits: bool = False,
) -> Window:
    if index is None:
        assert isinstance(tensor, Tensor)
        index = (0,) * tensor.dim()
    request = ReadWindow(View("t", arrangement, along), rows, columns, index, *at, *size, bits)
    return read_window({"t": tensor}, request)


def values(tensor: Tensor, *args: Any, **options: Any) -> list[list[Any]]:
    return [list(row) for row in window(tensor, *args, **options).values]


def test_any_two_dimensions_of_any_slice() -> None:
    t = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    assert values(t, 2, 3, index=(1, 2, 0, 0)) == t[1, 2].tolist()
    assert values(t, 3, 1, index=(1, 0, -1, 0)) == t[1, :, 3].T.tolist()
    assert values(t, -4, -2, index=(0, 1, 0, 4)) == t[:, 1, :, 4].tolist()
    assert values(t, 2, None, index=(1, 0, 0, 3)) == [[v] for v in t[1, 0, :, 3].tolist()]
    assert values(t, None, 2, index=(1, 0, 0, 3)) == [t[1, 0, :, 3].tolist()]
    assert values(t, None, None, index=(1, 2, 3, 4)) == [[t[1, 2, 3, 4].item()]]
    assert values(torch.tensor(7), None, None) == [[7]]
    assert values(torch.arange(3), 0, None) == [[0], [1], [2]]


CORNERS = [((0, 0), (0, 0)), ((7, 5), (6, 4)), ((10**9, 10**9), (6, 4)), ((-3, -1), (0, 0)), ((3, 2), (3, 2))]


@pytest.mark.parametrize(("asked", "given"), CORNERS)
def test_a_window_is_moved_inside(asked: tuple[int, int], given: tuple[int, int]) -> None:
    t = torch.arange(70).reshape(10, 7)
    seen = window(t, at=asked, size=(4, 3))
    assert (seen.row, seen.column) == given
    assert [list(row) for row in seen.values] == t[given[0] : given[0] + 4, given[1] : given[1] + 3].tolist()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_an_empty_tensor_has_an_empty_window(shape: tuple[int, int]) -> None:
    assert not any(window(torch.empty(shape)).values)


DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.int8,
    torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool,
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_width_with_its_stored_bits(dtype: torch.dtype) -> None:
    t = torch.tensor([[0, 1], [3, 1]] if not dtype.is_signed else [[0, -1], [3, 1]]).to(dtype)
    seen = window(t, bits=True)
    expected = t.double().tolist()
    assert [list(row) for row in seen.values] == expected
    integer = not dtype.is_floating_point
    assert all(type(value) is (int if integer else float) for row in seen.values for value in row)
    whole = {1: torch.uint8, 2: torch.uint16, 4: torch.uint32, 8: torch.uint64}[dtype.itemsize]
    assert [list(row) for row in seen.bits] == t.view(whole).tolist()


def test_extremes_keep_every_digit_and_bit() -> None:
    t = torch.tensor([[2**63 - 1, -(2**63)]])
    assert window(t, bits=True).values == ((2**63 - 1, -(2**63)),)
    assert window(t, bits=True).bits == ((2**63 - 1, 2**63),)
    large = torch.tensor([[2**64 - 1]], dtype=torch.uint64)
    assert window(large, bits=True).values == ((2**64 - 1,),)
    floats = torch.tensor([[-0.0, 1e-45, NAN]])
    seen = window(floats, bits=True)
    assert str(seen.values[0][0]) == "-0.0"
    assert seen.values[0][1] == struct.unpack("f", struct.pack("f", 1e-45))[0]
    assert seen.bits == ((0x80000000, 1, 0x7FC00000),)


def test_complex_values_with_their_imaginary_parts() -> None:
    t = torch.tensor([[1 + 2j, 3 - 4j]])
    seen = window(t.conj(), bits=True)
    assert (seen.values, seen.imaginary, seen.bits) == (((1.0, 3.0),), ((-2.0, 4.0),), ())
    assert values(t.conj().imag) == [[-2.0, 4.0]]  # which carries the negative bit
    half = torch.tensor([[1 + 2j]], dtype=torch.complex32)
    assert (window(half).values, window(half).imaginary) == (((1.0,),), ((2.0,),))


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": lambda t: t.t(),
    "strided": lambda t: t[::2, 1::3],
    "expanded": lambda t: t[:, :1].expand(-1, 10**9),
    "requires grad": lambda t: t.clone().requires_grad_(),
    "result": lambda t: t.clone().requires_grad_() * 2,
    "inference": lambda t: t.clone(),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_views_and_tensors_that_autograd_tracks(kind: str) -> None:
    with torch.inference_mode(kind == "inference"):
        t = VIEWS[kind](torch.randn(8, 9))
    assert values(t, at=(0, 1), size=(4, 2)) == t.detach()[:4, 1:3].tolist()


SPARSE: dict[str, Callable[[Tensor], Tensor]] = {
    "coo": lambda t: t.to_sparse(),
    "csr": lambda t: t.to_sparse_csr(),
    "csc": lambda t: t.to_sparse_csc(),
    "not coalesced": lambda t: torch.sparse_coo_tensor(
        torch.cat([t.to_sparse().indices()] * 2, 1), torch.cat([t.to_sparse().values() / 2] * 2), t.shape
    ),
    "hybrid": lambda t: t.to_sparse(1),
}


@pytest.mark.parametrize("layout", SPARSE)
@pytest.mark.parametrize("swapped", [False, True])
def test_of_a_sparse_tensor_what_is_stored(layout: str, swapped: bool) -> None:
    torch.manual_seed(0)
    dense = torch.randn(12, 9) * (torch.rand(12, 9) > 0.7)
    dense[3] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t = SPARSE[layout](dense)
    shown = dense.T if swapped else dense
    stored = torch.ones_like(shown, dtype=torch.bool) if layout == "hybrid" else shown != 0
    if layout == "hybrid":
        stored = (
            (shown != 0).any(0, keepdim=True).expand_as(shown)
            if swapped
            else (shown != 0).any(1, True).expand_as(shown)
        )
    for at, size in (((0, 0), (20, 20)), ((2, 3), (4, 5)), ((3, 0), (1, 9))):
        seen = window(t, *((1, 0) if swapped else (0, 1)), at=at, size=size, index=(0, 0))
        box = (slice(seen.row, seen.row + size[0]), slice(seen.column, seen.column + size[1]))
        expected = [
            [value if there else None for value, there in zip(row, mask, strict=True)]
            for row, mask in zip(shown[box].tolist(), stored[box].tolist(), strict=True)
        ]
        assert [list(row) for row in seen.values] == expected
    row = window(t, None, 1, index=(5, 0)).values[0]
    assert [value or 0.0 for value in row] == dense[5].tolist()


def test_blocks_and_batches_of_sparse_tensors() -> None:
    dense = torch.zeros(4, 4)
    dense[0, 1] = 2.0
    assert values(dense.to_sparse_bsr((2, 2)))[0] == [0.0, 2.0, None, None]
    batch = torch.stack([dense, dense]).to_sparse_csr()
    assert values(batch, 0, 2, index=(0, 0, 0)) == [[None, 2.0, None, None]] * 2
    huge = torch.sparse_coo_tensor(torch.tensor([[5], [10**8]]), torch.tensor([1.5]), (10**9, 10**9))
    assert values(huge, at=(5, 10**8 - 1), size=(1, 3)) == [[None, 1.5, None]]


@pytest.mark.filterwarnings("ignore")
def test_quantized_values_and_their_stored_ints() -> None:
    base = torch.tensor([[0.0, 1.0], [-2.0, 0.5]])
    t = torch.quantize_per_tensor(base, 0.5, 2, torch.qint8)
    assert values(t, at=(1, 0), size=(1, 2)) == [[-2.0, 0.5]]
    assert window(t, bits=True).bits == ((2, 4), (254, 3))
    channels = torch.quantize_per_channel(base, torch.ones(2) / 2, torch.zeros(2), axis=0, dtype=torch.qint8)
    assert values(channels) == base.tolist()


@pytest.mark.filterwarnings("ignore")
def test_nested_tensors_end_where_their_parts_end() -> None:
    parts = [torch.arange(6.0).reshape(2, 3), torch.arange(2.0).reshape(1, 2)]
    t = torch.nested.nested_tensor(parts)
    assert values(t, 1, 2, index=(0, 0, 0)) == parts[0].tolist()
    assert values(t, 1, 2, index=(1, 0, 0)) == [[0.0, 1.0, None], [None, None, None]]
    assert values(t, 0, 2, index=(0, 1, 0)) == [[3.0, 4.0, 5.0], [None, None, None]]
    assert values(t, 2, 0, index=(0, 0, 0)) == [[0.0, 0.0], [1.0, 1.0], [2.0, None]]
    assert values(t, 2, 1, index=(0, 0, 0)) == parts[0].T.tolist()
    jagged = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=torch.jagged)
    assert values(jagged, 0, 1, index=(0, 0, 2)) == [[1.0, 1.0], [1.0, None]]


VALUELESS = [
    (torch.empty(2, 3, device="meta"), "meta: no values"),
    (torch.nn.UninitializedParameter(), "uninitialized"),
    (torch.empty(2, 2, dtype=vars(torch)["int4"]), "cannot be read now"),
]


@pytest.mark.parametrize(("tensor", "words"), VALUELESS, ids=[words for _, words in VALUELESS])
def test_tensors_without_values_say_why(tensor: Tensor, words: str) -> None:
    with pytest.raises(ViewError, match=words) as refusal:
        window(
            tensor,
            index=(0,) if "uninit" in words else (0, 0),
            rows=0,
            columns=None if "uninit" in words else 1,
        )
    assert refusal.value.kind == "no values"


def test_freed_memory_is_not_read() -> None:
    t = torch.ones(2, 2)
    t.untyped_storage().resize_(0)
    with pytest.raises(ViewError, match="its memory was freed"):
        window(t)


def test_a_resized_tensor_is_refused_with_its_new_shape() -> None:
    t = torch.zeros(4, 4)
    with pytest.raises(ViewError, match=r"t has 1 dimension now, \(16,\), and not 2") as refusal:
        window(t.resize_(16), index=(0, 0))
    assert refusal.value.kind == "bad index"
    with pytest.raises(ViewError, match="has no index 3"):
        window(torch.zeros(2, 2), None, 1, index=(3, 0))
    with pytest.raises(ViewError, match="down and across at once"):
        window(torch.zeros(2, 2), 1, -1)
    with pytest.raises(ViewError, match="at most 4,096"):
        window(torch.zeros(2, 2), size=(100, 100))


ARRANGED: list[tuple[Arrangement, Any]] = [
    ("sort ascending", lambda t, d: t.sort(d).values),
    ("sort descending", lambda t, d: t.sort(d, descending=True).values),
    ("mean", lambda t, d: t.double().mean(d, True)),
    ("sum", lambda t, d: t.sum(d, True)),
    ("min", lambda t, d: t.amin(d, True)),
    ("max", lambda t, d: t.amax(d, True)),
    ("std", lambda t, d: t.double().std(d, keepdim=True)),
    ("norm", lambda t, d: t.double().norm(dim=d, keepdim=True)),
]


@pytest.mark.parametrize(("arrangement", "oracle"), ARRANGED, ids=[name for name, _ in ARRANGED])
@pytest.mark.parametrize("along", [0, 1, -1])
@pytest.mark.parametrize("dtype", [torch.float64, torch.int32, torch.uint16])
def test_arrangements(arrangement: Arrangement, oracle: Any, along: int, dtype: torch.dtype) -> None:
    t = (torch.rand(5, 4, 6, generator=torch.Generator().manual_seed(1)) * 100).to(dtype)
    expected = oracle(t.to(torch.int64) if dtype is torch.uint16 else t, along)
    seen = window(t, 0, 2, at=(1, 2), size=(3, 3), arrangement=arrangement, along=along, index=(0, 0, 0))
    assert seen.facts.tensor.shape == tuple(expected.shape)
    box = expected[seen.row : seen.row + 3, 0, seen.column : seen.column + 3]
    assert torch.allclose(torch.tensor(seen.values).double(), box.double())


REFUSED_ARRANGEMENTS = [
    (torch.ones(2, 2, dtype=torch.complex64), "max", 0, r"no order: look at t\.abs\(\)"),
    (torch.eye(2).to_sparse(), "sum", 0, r"write t\.to_dense\(\)"),
    (torch.empty(0, 2), "min", 0, "Dimension 0 is empty"),
    (torch.ones(2, 2), "mean", 2, "there is no dimension 2"),
    (torch.ones(1).expand(2, 10**9), "sort ascending", 1, "up to 50,000,000 values"),
]


@pytest.mark.parametrize(("tensor", "arrangement", "along", "words"), REFUSED_ARRANGEMENTS)
def test_arrangements_that_cannot_be(
    tensor: Tensor, arrangement: Arrangement, along: int, words: str
) -> None:
    with pytest.raises(ViewError, match=words):
        window(tensor, arrangement=arrangement, along=along, index=(0, 0))


def test_the_std_of_one_value_is_nan_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(values(torch.ones(1, 1), arrangement="std")[0][0])


class Elements(TorchDispatchMode):
    """Notes the most values that any operation has written."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and func not in VIEWING:
            self.most = max(self.most, result.numel())
        return result


aten = torch.ops.aten
VIEWING = {
    aten.detach.default,
    aten.slice.Tensor,
    aten.select.int,
    aten.alias.default,
    aten.t.default,
    aten.expand.default,
}


@pytest.mark.parametrize("arrangement", ["", "sort ascending", "mean"])
def test_no_more_is_computed_than_is_on_screen(
    arrangement: Arrangement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)  # modes are put aside while we look
    t = torch.zeros(1).expand(2_000_000, 1000)
    with Elements() as elements:
        window(t, at=(1_000_000, 10), size=(40, 16), arrangement=arrangement, along=1)
    assert 0 < elements.most <= 40 * 1000


def test_what_was_sorted_is_remembered_while_it_is_true() -> None:
    MEMO.clear()
    names = {"t": torch.randn(400_000)}
    request = ReadWindow(View("t", "sort ascending"), 0, None, (0,), 0, 0, 40, 1)
    first = read_window(names, request)
    assert len(MEMO) == 1
    assert first.values[0][0] == names["t"].min().item()
    names["t"][7] = -100.0  # counted by torch
    assert read_window(names, request).values[0][0] == -100.0
    names["t"].data.fill_(5.0)  # not counted
    assert read_window(names, request).values[0][0] == 5.0
    del names["t"]
    gc.collect()
    assert len(MEMO) == 0


def test_what_nobody_asks_for_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    MEMO.clear()
    names = {"t": torch.randn(400_000)}
    read_window(names, ReadWindow(View("t", "sort ascending"), 0, None, (0,), 0, 0, 4, 1))
    MEMO.drop_unused()
    assert len(MEMO) == 1
    monkeypatch.setattr(memo, "UNUSED_S", 0.0)
    MEMO.drop_unused()
    assert len(MEMO) == 0


def test_what_shares_memory_with_the_user_is_not_remembered() -> None:
    MEMO.clear()
    names = {"t": torch.randn(300_000)}
    for expression in ("t.reshape(-1)", "t.contiguous()", "t.view(1000, 300)[:, 0]", "t.float()"):
        read_window(names, ReadWindow(View(expression), 0, None, (0,), 0, 0, 4, 1))
    assert len(MEMO) == 0
    alive = torch.nn.Parameter(torch.zeros(3))
    reference = weakref.ref(alive)
    window(alive, 0, None)
    del alive
    gc.collect()
    assert reference() is None


def test_reading_changes_nothing() -> None:
    t = torch.randn(5, 5, requires_grad=True)
    result = t * 2
    torch.manual_seed(3)
    state, version = torch.get_rng_state(), t._version
    for arrangement in ("", "std"):
        window(result, arrangement=arrangement)
        window(t, arrangement=arrangement)
    assert torch.equal(torch.get_rng_state(), state)
    assert t._version == version
    assert t.grad is None
    assert torch.equal(torch.autograd.grad(result.sum(), t)[0], torch.full((5, 5), 2.0))


def test_reading_while_another_thread_writes_resizes_and_deletes() -> None:
    names: dict[str, object] = {"t": torch.zeros(64, 64)}
    ended = threading.Event()

    def disturb() -> None:
        count = 0
        while not ended.is_set():
            count += 1
            t = torch.zeros(64, 64)
            names["t"] = t
            t.add_(1)
            t.resize_(16 + count % 5, 8)
            names.pop("t")

    thread = threading.Thread(target=disturb)
    thread.start()
    outcomes: set[str] = set()
    until_s = time.monotonic() + 1.0
    try:
        while time.monotonic() < until_s and len(outcomes) < 2:
            try:
                seen = read_window(names, ReadWindow(View("t"), 0, 1, (0, 0), 0, 0, 40, 16))
                outcomes.add("read")
                assert {len(row) for row in seen.values} in ({8}, {16})
            except ViewError as error:
                outcomes.add(error.kind)
    finally:
        ended.set()
        thread.join()
    assert outcomes <= {"read", "gone", "no values", "bad index"}
    assert outcomes


def test_a_lost_device_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Tensor:
        raise RuntimeError("CUDA error: device-side assert triggered\nmore")

    monkeypatch.setattr(Tensor, "cpu", fail)
    with pytest.raises(ViewError, match="device-side assert triggered: restart the kernel") as refusal:
        window(torch.ones(2, 2))
    assert refusal.value.kind == "no values"


def test_a_window_crosses_the_wire() -> None:
    seen = window(torch.tensor([[1.5, NAN], [float("inf"), -2.0]]), bits=True)
    assert repr(decode(Window, encode(seen))) == repr(seen)  # NaN is not equal to itself
