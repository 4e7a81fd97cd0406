"""Arrays in pages are those in memory, whatever is done to them, and the disk is given back."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.small_pages import small_pages
from tui.runs import paged
from tui.runs.paged import PagedArray
from tui.runs.spill import PAGE_BYTES, Spill

PAGES_OF = PAGE_BYTES // 8
"""Entries of a page of float64."""


def filled(count: int, spill: Spill, *, in_memory: int = 0) -> PagedArray[np.float64]:
    array: PagedArray[np.float64] = PagedArray(np.float64, in_memory=in_memory, spill=spill)
    array.append(np.sqrt(np.arange(float(count))))
    return array


actions = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "truncate", "progression", "full", "roomy"]), st.integers(0, 90)
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=300)
@given(
    actions, st.sampled_from(["int64", "float32", "float64"]), st.integers(0, 60), st.integers(0, 2**32 - 1)
)
def test_it_reads_as_the_array_that_it_is(
    rounds: list[tuple[str, int]], dtype: str, in_memory: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    with small_pages(), pytest.MonkeyPatch.context() as patch:
        array: PagedArray[np.number[Any]] = PagedArray(dtype, in_memory=in_memory)
        plain = np.empty(0, dtype=dtype)
        for action, number in rounds:
            top = float(plain[-1]) if len(plain) else 0.0
            if action in ("full", "roomy"):  # other arrays have taken what memory there is, or given it back
                patch.setattr(paged, "MEMORY_BYTES", -1 if action == "full" else 1 << 30)
                continue
            if action == "truncate":
                array.truncate(number)
                plain = plain[:number]
                continue
            gaps = np.full(number, 3) if action == "progression" else generator.integers(0, 4, number)
            fresh = (top + np.cumsum(gaps)).astype(dtype)
            array.append(fresh)
            plain = np.append(plain, fresh)
            check_reads(array, plain, generator)


def check_reads(
    array: PagedArray[np.number[Any]], plain: NDArray[np.number[Any]], generator: np.random.Generator
) -> None:
    assert len(array) == len(plain)
    np.testing.assert_array_equal(array[:], plain)
    np.testing.assert_array_equal(np.asarray(array), plain)
    first, last = sorted(generator.integers(-5, len(plain) + 5, 2).tolist())
    np.testing.assert_array_equal(array[first:last], plain[first:last])
    np.testing.assert_array_equal(array[first:last:7], plain[first:last:7])
    np.testing.assert_array_equal(array[plain > 10], plain[plain > 10])
    if len(plain):
        places = generator.integers(0, len(plain), (5, 3))
        np.testing.assert_array_equal(array[places], plain[places])
        assert array[-1] == plain[-1]
        assert array[int(places[0, 0])] == plain[places[0, 0]]
    wanted = np.append(generator.integers(-3, 200, 20), plain[:3]).astype(plain.dtype)
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    for side in sides:
        found = np.searchsorted(plain, wanted, side)
        np.testing.assert_array_equal(array.search(wanted, side), found)
        assert [array.find(each, side) for each in wanted.tolist()] == found.tolist()
    np.testing.assert_array_equal(array.astype(np.float64)[:], plain.astype(np.float64))


def test_what_is_beyond_it_is_an_error() -> None:
    array = filled(3, Spill())
    with pytest.raises(IndexError):
        array[3]
    with pytest.raises(IndexError):
        array[-4]


def test_a_long_array_keeps_what_it_may_in_memory_and_no_more(tmp_path: Path) -> None:
    spill = Spill([str(tmp_path)])
    array: PagedArray[np.float64] = PagedArray(np.float64, spill=spill)
    for first in range(0, 400_000, 1000):
        array.append(np.sqrt(np.arange(first, first + 1000.0)))
        assert spill.held_bytes <= paged.POINTS_IN_MEMORY * 8
    np.testing.assert_array_equal(array[:], np.sqrt(np.arange(400_000.0)))
    assert spill.file_bytes == spill.used_pages * PAGE_BYTES
    assert spill.file_bytes + spill.held_bytes >= 400_000 * 8
    assert not list(tmp_path.iterdir())  # it has no name


def test_all_arrays_together_keep_only_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged, "MEMORY_BYTES", 1 << 20)
    spill = Spill([str(tmp_path)])
    arrays = [filled(60_000, spill, in_memory=60_000) for _ in range(20)]
    assert spill.held_bytes <= (1 << 20) + 60_000 * 8 + 20 * 2 * PAGE_BYTES
    for array in arrays:
        np.testing.assert_array_equal(array[:], np.sqrt(np.arange(60_000.0)))


def test_steps_one_after_the_other_take_no_room(tmp_path: Path) -> None:
    spill = Spill([str(tmp_path)])
    steps: PagedArray[np.int64] = PagedArray(np.int64, spill=spill)
    steps.append(np.arange(0, 3_000_000, 3))
    assert spill.file_bytes == 0
    assert (int(steps[700_000]), steps.find(2_100_001, "left")) == (2_100_000, 700_001)


def test_pages_are_given_back_and_used_again(tmp_path: Path) -> None:
    spill = Spill([str(tmp_path)])
    kept, gone = filled(40 * PAGES_OF, spill), filled(40 * PAGES_OF, spill)
    size = spill.file_bytes
    del gone
    gc.collect()
    assert spill.used_pages < size // PAGE_BYTES
    other = filled(40 * PAGES_OF, spill)
    assert spill.file_bytes == size
    for array in (kept, other):
        array.truncate(3 * PAGES_OF + 5)
        np.testing.assert_array_equal(array[:], np.sqrt(np.arange(3.0 * PAGES_OF + 5)))
    del kept, other, array
    gc.collect()
    assert (spill.used_pages, spill.file_bytes, spill.held_bytes) == (0, 0, 0)
    again = filled(10 * PAGES_OF, spill)
    assert again[7 * PAGES_OF] == np.sqrt(7.0 * PAGES_OF)


@pytest.mark.parametrize("why", ["no folder", "disk full"])
def test_without_room_on_disk_everything_stays_in_memory(why: str, tmp_path: Path) -> None:
    spill = (
        Spill([str(tmp_path / "none")]) if why == "no folder" else Spill([str(tmp_path)], spare_bytes=1 << 62)
    )
    array = filled(20 * PAGES_OF, spill)
    np.testing.assert_array_equal(array[:], np.sqrt(np.arange(20.0 * PAGES_OF)))
    assert (spill.used_pages, spill.file_bytes) == (0, 0)
    array.truncate(30)
    np.testing.assert_array_equal(array[:], np.sqrt(np.arange(30.0)))


def test_the_first_folder_that_may_be_written_to_is_taken(tmp_path: Path) -> None:
    spill = Spill([str(tmp_path / "none"), str(tmp_path)])
    array = filled(20 * PAGES_OF, spill)
    assert (array[5], spill.file_bytes > 0) == (np.sqrt(5.0), True)
