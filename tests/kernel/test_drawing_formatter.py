from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tui.kernel import drawing
from tui.kernel.drawing import formatter as formatter_module
from tui.kernel.drawing.shown import shown_of
from tui.protocol.codec import decode
from tui.protocol.values import VALUE_MIME, Picture, Shown, Tile


def displayed(value: object, wanted: Callable[[], bool] = lambda: True) -> dict[str, str]:
    """Return what IPython would send of a displayed value."""
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    drawing.install(shell, wanted)
    data, _ = shell.display_formatter.format(value)
    return dict(data)


def shown(value: object) -> Shown:
    return decode(Shown, json.loads(displayed(value)[VALUE_MIME]))


def test_a_tensor_comes_with_facts_and_picture_beside_its_text() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    data = displayed(tensor)
    assert data["text/plain"] == repr(tensor)
    value = decode(Shown, json.loads(data[VALUE_MIME]))
    assert value.tensor is not None
    assert value.tensor.statistics == "x∈[0.0, 5.0] μ=2.5 σ=1.87"
    assert value.picture is not None
    assert value.picture.tiles[0].rows == ((0.0, 1.0, 2.0), (3.0, 4.0, 5.0))
    assert value.tree == ()


def test_containers_and_modules_come_with_their_tree() -> None:
    value = shown({"w": torch.zeros(2)})
    assert value.tensor is None
    assert value.picture is None
    assert [row.label for row in value.tree] == ["", "['w']"]
    assert shown(nn.Linear(1, 1)).tree[1].label == ".weight"
    assert shown([torch.zeros(1)] * 300 + [torch.ones(1)]).tree_omitted == 102


@pytest.mark.parametrize(
    "value", [3, "text", [1, 2], {}, None, nn.ReLU(), torch.float32, print, torch], ids=str
)
def test_all_else_gets_its_text_alone(value: object) -> None:
    assert set(displayed(value)) == {"text/plain"}


def test_nothing_is_described_unless_wanted() -> None:
    asked: list[bool] = []

    def wanted() -> bool:
        asked.append(True)
        return False

    assert set(displayed(torch.zeros(3), wanted)) == {"text/plain"}
    assert asked == [True]


def test_installing_twice_describes_once(recwarn: pytest.WarningsRecorder) -> None:
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    drawing.install(shell, lambda: False)
    drawing.install(shell, lambda: True)
    data, _ = shell.display_formatter.format(torch.zeros(1))
    assert VALUE_MIME in data
    assert not recwarn.list


def test_a_type_that_was_switched_off_stays_off() -> None:
    shell = SimpleNamespace(display_formatter=DisplayFormatter())
    drawing.install(shell, lambda: True)
    shell.display_formatter.active_types = ["text/plain"]
    assert set(shell.display_formatter.format(torch.zeros(1))[0]) == {"text/plain"}


@pytest.mark.parametrize("fault", ["wanted", "shown_of"])
def test_a_fault_of_ours_costs_nothing_but_the_drawing(
    fault: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: object) -> bool:
        raise ValueError("a fault")

    if fault == "shown_of":
        monkeypatch.setattr(formatter_module, "shown_of", fail)
    data = displayed(torch.zeros(3), fail if fault == "wanted" else lambda: True)
    assert data == {"text/plain": "tensor([0., 0., 0.])"}
    assert capfd.readouterr() == ("", "")


def test_a_result_whose_text_fails_is_described_all_the_same() -> None:
    class Silent(Tensor):
        def __repr__(self) -> str:  # type: ignore[override]
            raise RuntimeError("no text")

        @property
        def device(self) -> torch.device:  # type: ignore[override]
            raise RuntimeError("no device")

    value = shown_of(torch.ones(2).as_subclass(Silent))
    assert value is not None
    assert value.tensor is not None
    assert value.tensor.type_name == "Silent"
    assert value.tensor.statistics == "x∈[1.0, 1.0] μ=1.0 σ=0.0"


# -- NumPy arrays -----------------------------------------------------------------------------------

MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)
READ_ONLY = MATRIX.copy()
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    "array",
    [
        MATRIX,
        MATRIX[::-1],
        MATRIX[:, ::2],
        MATRIX.T,
        READ_ONLY,
        MATRIX.astype(">f4"),
        MATRIX.astype(np.uint16),
    ],
    ids=["plain", "backwards", "every second", "transposed", "read-only", "big-endian", "uint16"],
)
def test_an_array_is_drawn_like_a_tensor(array: np.ndarray, recwarn: pytest.WarningsRecorder) -> None:
    before = array.copy()
    value = shown(array)
    assert value.tensor is not None
    assert (value.tensor.type_name, value.tensor.dtype) == ("ndarray", str(array.dtype))
    assert (value.tensor.shape, value.tensor.size_bytes) == (array.shape, array.nbytes)
    assert value.tensor.strides == tuple(stride // array.itemsize for stride in array.strides)
    assert value.tensor.contiguous is array.flags.c_contiguous
    assert value.tensor.is_view is (array.base is not None)
    assert value.tensor.minimum == array.min()
    assert value.picture is not None
    np.testing.assert_array_equal(value.picture.tiles[0].rows, array)
    np.testing.assert_array_equal(array, before)
    assert not recwarn.list


class Matrix(np.ndarray):
    pass


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"]),
        np.array([object()]),
        np.zeros(2, dtype="datetime64[s]"),
        MATRIX.view(Matrix),
        np.float32(3),
    ],
    ids=["text", "objects", "dates", "subclass", "scalar"],
)
def test_other_arrays_are_text(array: object) -> None:
    assert shown_of(array) is None


def test_an_array_of_no_or_odd_shape() -> None:
    assert [shown(array).picture for array in (np.array(3.0), np.zeros((0, 3)))] == [
        Picture("scalar", (Tile("", ((3.0,),)),)),
        Picture("none"),
    ]
    odd = np.zeros(3, dtype=[("a", np.int8), ("b", np.float32)])[
        "b"
    ]  # strides that are no multiple of the size
    assert shown_of(odd) is None


# -- cost -------------------------------------------------------------------------------------------


class Transfers(TorchDispatchMode):
    """Counts what would bring values from a device to the host."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        monkeypatch.setattr(torch._C, "_len_torch_dispatch_stack", lambda: 0)  # or it would be put aside
        self.count = 0
        self.values = 0
        cpu, tolist = Tensor.cpu, Tensor.tolist
        arrived: list[Tensor] = []

        def counted_cpu(tensor: Tensor) -> Tensor:
            self.count += 1
            self.values += tensor.numel()
            arrived.append(cpu(tensor))
            return arrived[-1]

        def counted_tolist(tensor: Tensor) -> object:
            on_host = any(
                tensor.untyped_storage().data_ptr() == t.untyped_storage().data_ptr() for t in arrived
            )
            self.count += not on_host
            return tolist(tensor)

        monkeypatch.setattr(Tensor, "cpu", counted_cpu)
        monkeypatch.setattr(Tensor, "tolist", counted_tolist)

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[object, ...] = (), kwargs: dict[str, object] | None = None
    ) -> object:
        self.count += "_local_scalar_dense" in str(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.uint8, torch.complex64], ids=str)
@pytest.mark.parametrize("shape", [(10_000_000,), (2500, 4000), (10, 1000, 1000)], ids=str)
def test_a_large_tensor_crosses_as_a_few_numbers_at_once(
    shape: tuple[int, ...], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensor = torch.ones(1, dtype=dtype).expand(shape)  # no memory, and every value is there to be read
    with Transfers(monkeypatch) as transfers:
        value = shown_of(tensor)
    assert value is not None
    assert transfers.count == 2  # of the statistics and of the picture
    assert transfers.values < 7000
    assert sys.getsizeof(displayed(tensor)[VALUE_MIME]) < 100_000
