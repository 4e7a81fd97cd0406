"""A growing array whose newest entries are in memory and whose others lie in pages: see NOTE [Bounded memory]."""

from __future__ import annotations

import weakref
from bisect import bisect_left, bisect_right
from typing import Any, Final, Generic, Literal, TypeVar, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tui.runs.spill import MEMORY_BYTES, SPILL, Spill

POINTS_IN_MEMORY: Final = 1 << 16
"""Entries that an array keeps in memory at most."""

_FEW: Final = 256
"""Entries that are sorted by page without numpy."""

Scalar = TypeVar("Scalar", bound=np.generic)
Integers = NDArray[np.int64]
Places = NDArray[np.int64] | NDArray[np.bool_]

Page = int | range | NDArray[Any]
"""Where the entries of a page are: in the file; nowhere, for being a progression; in memory, for want of room."""


class _Held:
    """What an array must give back when it is gone."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.bytes = 0


class PagedArray(Generic[Scalar]):
    """An array that grows and is cut at its end. It is read as a numpy array is, but what it gives is a copy.

    The owner sees to it that no two threads use it at once.
    """

    def __init__(
        self,
        dtype: DTypeLike,
        shape: tuple[int, ...] = (),
        *,
        in_memory: int | None = None,
        spill: Spill | None = None,
    ) -> None:
        """Make an empty one.

        `shape`: of an entry; `in_memory`: how many entries may be in memory, `POINTS_IN_MEMORY` for None;
        `spill`: where the others lie, the process's own for None.
        """
        self._tail: NDArray[Scalar] = np.empty((0, *shape), dtype=dtype)
        self._start = 0  # the index of the first entry of the tail
        self._length = 0
        self._firsts: NDArray[Scalar] = np.empty(0, dtype=dtype)  # of each page, for an array of numbers
        self._in_memory = POINTS_IN_MEMORY if in_memory is None else in_memory
        self._row_bytes = self._tail.itemsize * int(np.prod(shape))
        self._spill = SPILL if spill is None else spill
        self._per_page = self._spill.page_bytes // self._row_bytes
        self._held = _Held()
        weakref.finalize(self, _give_back, self._spill, self._held).atexit = False

    def __len__(self) -> int:
        return self._length

    @property
    def dtype(self) -> np.dtype[Scalar]:
        """Of its entries."""
        return self._tail.dtype

    @overload
    def __getitem__(self, index: int | np.integer) -> Scalar: ...
    @overload
    def __getitem__(self, index: slice | Places) -> NDArray[Scalar]: ...
    def __getitem__(self, index: int | np.integer | slice | Places) -> Scalar | NDArray[Scalar]:
        """Return an entry, a slice, or the entries at an array of indices, which count from 0, or at a mask."""
        if isinstance(index, slice):
            first, last, stride = index.indices(self._length)
            return self._slice(first, last) if stride == 1 else self._taken(np.arange(first, last, stride))
        if isinstance(index, np.ndarray):
            return self._taken(np.flatnonzero(index) if index.dtype == np.bool_ else index.astype(np.int64))
        place = int(index) + (self._length if index < 0 else 0)
        if not 0 <= place < self._length:
            raise IndexError(f"{index} of {self._length}")
        found: Scalar = (
            self._tail[place - self._start] if place >= self._start else self._slice(place, place + 1)[0]
        )
        return found

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:] if dtype is None else self[:].astype(dtype)

    def copy(self) -> NDArray[Scalar]:
        """Return all of it: for what is known to be short."""
        return self[:]

    def tolist(self) -> list[Any]:
        """Return all of it: for what is known to be short."""
        found: list[Any] = self[:].tolist()
        return found

    def search(self, wanted: NDArray[Scalar], side: Literal["left", "right"]) -> Integers:
        """Return what `np.searchsorted` does: the array is ascending."""
        if not len(self._firsts):
            return np.searchsorted(self._tail[: self._length], wanted, side)
        found = self._start + np.searchsorted(self._tail[: self._length - self._start], wanted, side)
        # one that lies at the very end of its page is found there, and so is one before all of them
        pages = np.maximum(np.searchsorted(self._firsts, wanted, side) - 1, 0)
        if self._length > self._start:
            before = wanted <= self._tail[0] if side == "left" else wanted < self._tail[0]
        else:
            before = np.ones(len(wanted), dtype=bool)
        for page in np.unique(pages[before]).tolist():
            here = before & (pages == page)
            entries = self._entries(page, 0, self._per_page)
            found[here] = page * self._per_page + np.searchsorted(entries, wanted[here], side)
        return np.asarray(found, dtype=np.int64)

    def find(self, wanted: float, side: Literal["left", "right"]) -> int:
        """Return what `search` does, for one."""
        bisect = bisect_left if side == "left" else bisect_right
        inside = self._length - self._start
        if self._start and (not inside or bisect(self._tail, wanted, 0, inside) == 0):
            page = max(0, bisect(self._firsts, wanted) - 1)
            where = self._held.pages[page]
            entries = where if isinstance(where, range) else self._entries(page, 0, self._per_page)
            return page * self._per_page + bisect(entries, wanted)
        return self._start + bisect(self._tail, wanted, 0, inside)

    def append(self, values: NDArray[Scalar]) -> None:
        """Add entries, shape (n, …)."""
        at = 0
        while at < len(values):
            most = max(self._in_memory, 2 * self._per_page)
            if self._spill.held_bytes > MEMORY_BYTES:
                most = self._per_page
            inside = self._length - self._start
            if inside >= most:
                self._move_out(most)
                continue
            count = min(len(values) - at, most - inside)
            self._reserve(inside, inside + count, most)
            self._tail[inside : inside + count] = values[at : at + count]
            self._length += count
            at += count

    def truncate(self, length: int) -> None:
        """Forget the entries from index `length` on."""
        self._length = min(self._length, length)
        if self._length >= self._start:
            return
        page = self._length // self._per_page
        start = page * self._per_page
        kept = self._slice(start, self._length)
        self._start = start
        self._reserve(0, len(kept), len(kept))
        self._tail[: len(kept)] = kept
        dropped = self._held.pages[page:]
        del self._held.pages[page:]
        self._firsts = self._firsts[:page]
        self._spill.free(each for each in dropped if isinstance(each, int))

    def astype(self, dtype: DTypeLike) -> PagedArray[Any]:
        """Return one of another type with the same entries."""
        made: PagedArray[Any] = PagedArray(
            dtype, self._tail.shape[1:], in_memory=self._in_memory, spill=self._spill
        )
        for first in range(0, self._length, self._per_page):
            made.append(self._slice(first, min(first + self._per_page, self._length)).astype(dtype))
        return made

    # -- pages ------------------------------------------------------------------------------------

    def _entries(self, page: int, first: int, last: int) -> NDArray[Scalar]:
        """Return a part of a page; not to be written to."""
        where = self._held.pages[page]
        if isinstance(where, int):
            data = self._spill.read(where, first * self._row_bytes, (last - first) * self._row_bytes)
            return np.frombuffer(data, dtype=self.dtype).reshape(-1, *self._tail.shape[1:])
        if isinstance(where, range):
            part = where[first:last]
            return np.arange(part.start, part.stop, part.step, dtype=self.dtype)
        return where[first:last]

    def _slice(self, first: int, last: int) -> NDArray[Scalar]:
        last = max(first, last)
        parts = []
        while first < min(last, self._start):
            page, offset = divmod(first, self._per_page)
            end = min(self._per_page, last - page * self._per_page)
            parts.append(self._entries(page, offset, end))
            first += end - offset
        parts.append(self._tail[max(0, first - self._start) : max(0, last - self._start)])
        return np.concatenate(parts)

    def _taken(self, places: Integers) -> NDArray[Scalar]:
        if not self._start or not places.size:
            return self._tail[places]
        lowest, highest = int(places.min()), int(places.max())
        if lowest >= self._start:
            return self._tail[places - self._start]
        page, first = divmod(lowest, self._per_page)
        if highest < self._start and highest // self._per_page == page:
            return self._entries(page, first, first + highest - lowest + 1)[places - lowest]
        flat = places.ravel()
        out = np.empty((len(flat), *self._tail.shape[1:]), dtype=self.dtype)
        tail = self._start // self._per_page  # counted as the last page
        pages = np.minimum(flat // self._per_page, tail)
        if len(flat) <= _FEW:
            parts = [np.flatnonzero(pages == page) for page in dict.fromkeys(pages.tolist())]
        else:
            order = np.argsort(pages, kind="stable")
            parts = np.split(order, np.flatnonzero(np.diff(pages[order])) + 1)
        for part in parts:
            offsets = flat[part]
            page = int(pages[part[0]])
            if page == tail:
                out[part] = self._tail[offsets - self._start]
                continue
            offsets = offsets - page * self._per_page
            first, last = int(offsets.min()), int(offsets.max()) + 1
            out[part] = self._entries(page, first, last)[offsets - first]
        return out.reshape(*places.shape, *self._tail.shape[1:])

    def _move_out(self, most: int) -> None:
        """Make pages of the oldest entries in memory, until half of `most` or less than a page is left."""
        inside = self._length - self._start
        pages = min(-(-(inside - most // 2) // self._per_page), inside // self._per_page)
        moved = pages * self._per_page
        parts = self._tail[:moved].reshape(pages, self._per_page, *self._tail.shape[1:])
        self._held.pages.extend(self._put(part) for part in parts)
        if self._tail.ndim == 1:
            self._firsts = np.append(self._firsts, parts[:, 0])
        rest = self._tail[moved:inside]
        if len(self._tail) > most:
            self._hold(rest.copy())
        else:
            self._tail[: len(rest)] = rest.copy()
        self._start += moved

    def _put(self, entries: NDArray[Scalar]) -> Page:
        if self.dtype == np.int64 and entries.ndim == 1:
            first, stride = int(entries[0]), int(entries[1] - entries[0])
            if stride > 0 and np.all(np.diff(entries) == stride):
                return range(first, first + stride * len(entries), stride)
        page = self._spill.write(entries)
        return page if page is not None else entries.copy()

    def _reserve(self, kept: int, wanted: int, most: int) -> None:
        if wanted <= len(self._tail):
            return
        grown = np.empty(
            (max(wanted, min(len(self._tail) * 3 // 2, most), min(64, most)), *self._tail.shape[1:]),
            dtype=self.dtype,
        )
        grown[:kept] = self._tail[:kept]
        self._hold(grown)

    def _hold(self, tail: NDArray[Scalar]) -> None:
        self._tail = tail
        self._spill.hold(tail.nbytes - self._held.bytes)
        self._held.bytes = tail.nbytes


def _give_back(spill: Spill, held: _Held) -> None:
    spill.free(each for each in held.pages if isinstance(each, int))
    spill.hold(-held.bytes)
