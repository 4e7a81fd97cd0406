"""Looking at a tensor leaves it as it was, and runs nothing of the user's."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from tui.kernel import torch_private
from tui.kernel.drawing.shown import shown_of
from tui.kernel.operations.seen import see_tensor
from tui.kernel.tensor_stats import Unavailable, tensor_stats
from tui.kernel.variables import list_variables


class Operations(TorchDispatchMode):
    """Notes the operations that it sees."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[object] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


class Functions(TorchFunctionMode):
    """Notes the functions that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("mode", [Operations, Functions])
def test_a_mode_of_the_users_sees_nothing_of_ours(mode: type[Operations | Functions]) -> None:
    x = torch.rand(3, 4)
    with mode() as outer, mode() as inner:
        shown = shown_of(x)
        shown_of([x, torch.nn.Linear])
        assert not inner.seen
        x + 1
        assert inner.seen
        assert outer.seen
    assert shown is not None
    assert shown == shown_of(x)


def test_a_fake_tensor_mode_takes_no_values_from_what_is_shown() -> None:
    from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

    x = torch.rand(3, 4)
    with FakeTensorMode():
        shown = shown_of(x)
        assert isinstance(torch.ones(2), FakeTensor)
    assert shown == shown_of(x)


def test_modes_are_back_after_an_error() -> None:
    with Operations() as outer, Operations() as inner:
        with pytest.raises(ValueError, match="inside"), torch_private.without_overrides():
            raise ValueError("inside")
        torch.ones(1)
    assert len(inner.seen) == len(outer.seen) == 1


@pytest.mark.parametrize(
    "look",
    [see_tensor, shown_of, tensor_stats, lambda x: list_variables({"x": x}, hidden=())],
    ids=["see", "show", "statistics", "table"],
)
@pytest.mark.skipif(not hasattr(torch, "_lazy_clone"), reason="this torch copies at once")
def test_a_tensor_that_is_copied_when_written_is_not_copied_by_looking(
    look: Callable[[torch.Tensor], object],
) -> None:
    clone = torch._lazy_clone(torch.rand(4))
    look(clone)
    assert torch._C._is_cow_tensor(clone)  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", [(), (1,), (10,), (3, 4)])
@pytest.mark.parametrize("layout", [torch.strided, torch.sparse_coo])
def test_a_tensor_whose_memory_was_freed_has_no_values_and_does_no_harm(
    shape: tuple[int, ...], layout: torch.layout
) -> None:
    x = torch.rand(shape).to_sparse() if layout is torch.sparse_coo else torch.rand(shape)
    values = torch_private.stored_values(x) if x.is_sparse else x
    values.untyped_storage().resize_(0)
    assert tensor_stats(x) == Unavailable("its memory was freed")
    shown = shown_of(x)
    assert shown is not None
    assert shown.tensor is not None
    assert "its memory was freed" in shown.tensor.statistics
    rows = list_variables({"x": x}, hidden=())[0].rows
    assert "its memory was freed" in rows[0].summary


def test_addresses_are_those_of_torch() -> None:
    x = torch.rand(5, 6)
    part = x[2:, 1:]
    assert torch_private.storage_address(part) == x.data_ptr()
    assert torch_private.address_of(part) == part.data_ptr()
    assert torch_private.address_of(torch.empty(3, device="meta")) == 0


def test_names_and_layouts_are_found_by_feature() -> None:
    x = torch.rand(2, 3)
    assert torch_private.without_names(x) is x
    assert not any(torch_private.dimension_names(x))
    assert torch_private.is_view(x[0])
    assert not torch_private.is_view(x)
    if torch.backends.mkldnn.is_available():
        assert torch_private.is_mkldnn(x.to_mkldnn())
    assert not torch_private.is_mkldnn(x)
    assert torch_private.sparse_parts(x) == ()
    rows, columns, values = torch_private.sparse_parts(torch.eye(3).to_sparse_csr())
    assert (rows.tolist(), columns.tolist(), values.tolist()) == ([0, 1, 2, 3], [0, 1, 2], [1.0, 1.0, 1.0])


def test_a_gradient_is_not_read_while_it_is_freed() -> None:
    leaf = torch.ones(2, requires_grad=True)
    leaf.sum().backward()
    read: list[object] = []
    reader = threading.Thread(
        target=lambda: read.append(list_variables({"leaf": leaf}, hidden=())[0].rows[0].grad)
    )
    with torch_private.FREEING_GRADIENTS:
        reader.start()
        reader.join(0.1)
        assert read == []
        leaf.grad = None
    reader.join()
    assert read == ["leaf"]
