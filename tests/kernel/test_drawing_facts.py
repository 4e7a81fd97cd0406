from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tui.kernel.drawing.facts import tensor_facts
from tui.kernel.tensor_stats import tensor_stats
from tui.protocol.codec import decode, encode
from tui.protocol.values import TensorFacts


def quiet(make: Callable[[], Tensor]) -> Tensor:
    """Make a tensor of a kind that torch announces as a prototype."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def facts_of(tensor: Tensor) -> TensorFacts:
    facts = tensor_facts(tensor, tensor_stats(tensor))
    assert decode(TensorFacts, encode(facts)) == facts
    return facts


PLAIN = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.bool]
PLAIN += [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint64]


@pytest.mark.parametrize("dtype", PLAIN, ids=str)
def test_facts_of_a_plain_tensor_are_what_torch_says(dtype: torch.dtype) -> None:
    tensor = torch.arange(24).reshape(2, 3, 4).to(dtype).transpose(0, 2)
    facts = facts_of(tensor)
    assert facts.type_name == "Tensor"
    assert facts.shape == tuple(tensor.shape)
    assert facts.dtype == str(dtype).removeprefix("torch.")
    assert facts.device == "cpu"
    assert facts.elements == 24
    assert facts.size_bytes == tensor.nbytes
    assert facts.storage_bytes == tensor.untyped_storage().nbytes()
    assert facts.strides == tensor.stride()
    assert facts.contiguous is tensor.is_contiguous() is False
    assert facts.is_view
    assert facts.layout == "strided"
    assert facts.minimum == tensor.double().min().item()
    assert facts.maximum == tensor.double().max().item()
    assert facts.statistics


def test_nonfinite_values_are_counted_and_come_first() -> None:
    inf = float("inf")
    facts = facts_of(torch.tensor([1.0, inf, inf, -inf, float("nan"), -2.0]))
    assert (facts.nan, facts.posinf, facts.neginf) == (1, 2, 1)
    assert (facts.minimum, facts.maximum) == (-2.0, 1.0)
    assert facts.statistics.startswith("NaN! ×1")


def test_without_statistics_no_value_is_read() -> None:
    facts = tensor_facts(torch.tensor([float("nan")]))
    assert facts.statistics == ""
    assert facts.nan == 0
    assert facts.minimum is facts.maximum is None
    assert facts.elements == 1


def test_statistics_of_a_sample_say_so() -> None:
    tensor = torch.ones(5000)
    facts = tensor_facts(tensor, tensor_stats(tensor, limit=100))
    assert facts.sampled
    assert "sampled" in facts.statistics


def test_a_view_shares_a_larger_storage() -> None:
    base = torch.zeros(100)
    facts = facts_of(base[10:20])
    assert facts.is_view
    assert (facts.size_bytes, facts.storage_bytes) == (40, 400)
    assert not facts_of(base).is_view
    with torch.inference_mode():
        part = torch.zeros(100)[:10]
    assert facts_of(part).is_view


def test_an_expanded_tensor_takes_the_memory_of_what_it_repeats() -> None:
    facts = facts_of(torch.zeros(3, 1).expand(3, 1000))
    assert facts.strides == (1, 0)
    assert (facts.size_bytes, facts.storage_bytes) == (12_000, 12)


def test_grad_states() -> None:
    leaf = torch.ones(3, requires_grad=True)
    assert (facts_of(leaf).grad, facts_of(leaf).grad_fn) == ("leaf", "")
    result = (leaf * 2).sum()
    assert (facts_of(result).grad, facts_of(result).grad_fn) == ("graph", "SumBackward0")
    result.backward()
    assert facts_of(leaf).grad == "leaf+grad"
    assert facts_of(leaf.detach()).grad == ""
    assert facts_of(nn.Parameter(torch.zeros(2))).type_name == "Parameter"


def test_sparse_layouts_say_what_they_store() -> None:
    dense = torch.eye(8)
    coo = facts_of(dense.to_sparse())
    assert (coo.layout, coo.shape, coo.elements) == ("sparse_coo", (8, 8), 64)
    assert coo.size_bytes == 8 * 4 + 2 * 8 * 8
    assert coo.strides is None
    assert coo.contiguous
    csr = facts_of(quiet(dense.to_sparse_csr))
    assert (csr.layout, csr.size_bytes) == ("sparse_csr", 8 * 4 + 9 * 8 + 8 * 8)
    assert facts_of(quiet(dense.to_sparse_csc)).layout == "sparse_csc"
    assert facts_of(quiet(lambda: dense.to_sparse_bsr((2, 2)))).layout == "sparse_bsr"


def test_nested_tensors_have_a_dimension_that_varies() -> None:
    parts = [torch.zeros(2, 3), torch.ones(4, 3)]
    nested = facts_of(quiet(lambda: torch.nested.nested_tensor(parts)))
    assert (nested.layout, nested.shape, nested.elements) == ("nested", (2, -1, 3), 18)
    assert nested.strides is None
    jagged = facts_of(quiet(lambda: torch.nested.nested_tensor(parts, layout=torch.jagged)))
    assert (jagged.layout, jagged.shape, jagged.elements) == ("jagged", (2, -1, 3), 18)


def test_quantized_meta_and_lazy_tensors() -> None:
    quantized = facts_of(quiet(lambda: torch.quantize_per_tensor(torch.ones(5), 0.5, 0, torch.qint8)))
    assert (quantized.layout, quantized.dtype, quantized.size_bytes) == ("quantized", "qint8", 5)
    meta = facts_of(torch.zeros(3, 4, device="meta"))
    assert (meta.device, meta.shape, meta.elements) == ("meta", (3, 4), 12)
    assert meta.size_bytes is meta.storage_bytes is None
    lazy = facts_of(quiet(lambda: nn.LazyLinear(3).weight))
    assert (lazy.shape, lazy.elements, lazy.size_bytes) == ((-1,), 0, None)
    assert "uninitialized" in lazy.statistics


def test_complex_extremes_are_of_the_magnitude() -> None:
    facts = facts_of(torch.tensor([3 + 4j, 0j]))
    assert (facts.minimum, facts.maximum) == (0.0, 5.0)


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


def test_a_subclass_is_described_without_its_own_code() -> None:
    tensor = torch.arange(6.0).reshape(2, 3).as_subclass(Shouting)
    facts = tensor_facts(tensor)
    assert facts == replace(tensor_facts(torch.arange(6.0).reshape(2, 3)), type_name="Shouting")


def test_inside_a_transform_there_are_facts_and_a_reason() -> None:
    seen: list[TensorFacts] = []

    def watched(x: Tensor) -> Tensor:
        seen.append(facts_of(x))
        return x * 2

    torch.func.vmap(watched)(torch.ones(3, 2))
    assert "transform" in seen[0].statistics
    assert seen[0].dtype == "float32"
