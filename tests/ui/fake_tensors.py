"""A session whose kernel is a dict of NumPy arrays: it answers the viewer's requests as the real one does."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import numpy as np
from textual.pilot import Pilot

from screens.tensor_viewer import TensorViewer
from tests.ui.fake_session import FakeSession, until
from tui.client.errors import KernelRefused
from tui.protocol.messages import Refusal, Request
from tui.protocol.values import TensorFacts
from tui.protocol.viewing import (
    CancelCompute,
    Cancelled,
    CompareViews,
    Comparison,
    FindPlace,
    Found,
    Histogram,
    OpenView,
    Pixels,
    ReadPixels,
    ReadStatistics,
    ReadWindow,
    Statistics,
    View,
    ViewFacts,
    Window,
)
from tui.themes import ThemedApp

R = TypeVar("R")
Array = np.ndarray[Any, Any]
FRACTIONS = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)
BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def refused(kind: str, message: str) -> KernelRefused:
    return KernelRefused(Refusal(kind, message))


class FakeTensors(FakeSession):
    """`arrays`: the namespace; `versions`: how often each was changed in place."""

    def __init__(self, **arrays: Array) -> None:
        super().__init__()
        self.arrays: dict[str, Array] = dict(arrays)
        self.versions: dict[str, int] = {}
        self.device = "cpu"
        self.held: set[type[Request[Any]]] = set()
        """Requests that are not answered until `release`."""
        self._gate = asyncio.Event()

    def hold(self, *kinds: type[Request[Any]]) -> None:
        """Answer no request of these kinds from now on."""
        self.held = set(kinds)
        self._gate.clear()

    def release(self) -> None:
        """Answer all that are held, and those to come."""
        self.held = set()
        self._gate.set()

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        answers: dict[type[Any], Callable[[Any], object]] = {
            OpenView: lambda r: self.facts(r.view),
            ReadWindow: self.window,
            ReadStatistics: self.statistics,
            FindPlace: self.found,
            CompareViews: self.comparison,
            ReadPixels: self.pixels,
            CancelCompute: lambda r: Cancelled(True),
        }
        if self.state == "dead" or type(request) not in answers:
            return await super().ask(request, timeout_s=timeout_s)
        self.asked.append(request)
        while type(request) in self.held:
            await self._gate.wait()
        await asyncio.sleep(0)
        return cast("R", answers[type(request)](request))

    # -- answers ----------------------------------------------------------------------------------

    def array(self, view: View) -> Array:
        try:
            value = np.asarray(eval(view.expression, {"__builtins__": {}}, dict(self.arrays)))
        except NameError as error:
            name = str(error).split("'")[1]
            raise refused("gone", f"there is no name {name} any more.") from None
        except (SyntaxError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise refused("bad expression", f"{type(error).__name__}: {error}") from None
        if not view.arrangement:
            return value
        if view.arrangement.startswith("sort"):
            value = np.sort(value, axis=view.along)
            return np.flip(value, view.along) if view.arrangement.endswith("descending") else value
        if view.arrangement == "norm":
            return cast("Array", np.linalg.norm(value, axis=view.along, keepdims=True))
        return cast("Array", getattr(value, view.arrangement)(axis=view.along, keepdims=True))

    def facts(self, view: View) -> ViewFacts:
        array = self.array(view)
        strides = tuple(stride // max(1, array.itemsize) for stride in array.strides)
        tensor = TensorFacts(
            "Tensor", array.shape, str(array.dtype), self.device, array.size, array.nbytes, array.nbytes,
            strides=strides, contiguous=array.flags.c_contiguous,
        )  # fmt: skip
        held = self.arrays.get(view.expression)
        identity = view.expression if held is None else str(id(held))
        return ViewFacts(tensor, identity, self.versions.get(view.expression, 0))

    def window(self, request: ReadWindow) -> Window:
        if self.device == "meta":
            raise refused("no values", "a tensor on the meta device has no values")
        array = self.array(request.view)
        index: list[Any] = list(request.index)
        for dim in (request.row_dim, request.column_dim):
            if dim is not None:
                index[dim] = slice(None)
        matrix = array[tuple(index)]
        if request.row_dim is not None and request.column_dim is not None:
            matrix = matrix.T if request.row_dim > request.column_dim else matrix
        elif request.column_dim is not None:
            matrix = matrix[None, :]
        else:
            matrix = matrix.reshape(-1, 1)
        part = matrix[
            request.row : request.row + request.rows, request.column : request.column + request.columns
        ]
        assert part.size <= 4096
        bits: tuple[tuple[int, ...], ...] = ()
        if request.with_bits and part.dtype.kind in "fiu":
            patterns = np.ascontiguousarray(part).view(BITS[part.itemsize])
            bits = tuple(map(tuple, patterns.tolist()))
        imaginary = tuple(map(tuple, part.imag.tolist())) if part.dtype.kind == "c" else ()
        values = (part.real if part.dtype.kind == "c" else part).tolist()
        if part.dtype.kind == "b":
            values = [[int(value) for value in row] for row in values]
        facts = self.facts(request.view)
        return Window(facts, request.row, request.column, tuple(map(tuple, values)), imaginary, bits)

    def statistics(self, request: ReadStatistics) -> Statistics:
        array = np.abs(self.array(request.view)) if np.iscomplexobj(self.array(request.view)) else None
        array = self.array(request.view) if array is None else array
        values = array.astype(np.float64).ravel()
        counted = values if request.limit is None else values[: request.limit]
        finite = counted[np.isfinite(counted)]
        tensor = self.facts(request.view).tensor
        shown = np.log10(np.abs(finite[finite != 0])) if request.log else finite
        counts, edges = np.histogram(shown, request.bins)
        histogram = Histogram(
            tuple(map(float, edges)), tuple(map(int, counts)), request.log, int((finite == 0).sum())
        )
        facts = TensorFacts(
            tensor.type_name, tensor.shape, tensor.dtype, tensor.device, tensor.elements, tensor.size_bytes,
            minimum=float(finite.min()) if finite.size else None, maximum=float(finite.max()) if finite.size else None,
            nan=int(np.isnan(counted).sum()), posinf=int((counted == np.inf).sum()),
            neginf=int((counted == -np.inf).sum()), sampled=len(counted) < len(values),
        )  # fmt: skip
        quantiles = tuple((f, float(np.quantile(finite, f))) for f in FRACTIONS) if finite.size else ()
        mean, std = (float(finite.mean()), float(finite.std())) if finite.size else (None, None)
        zeros, negative = int((finite == 0).sum()), int((finite < 0).sum())
        return Statistics(facts, mean, std, zeros, negative, quantiles, histogram, len(counted))

    def found(self, request: FindPlace) -> Found:
        array = self.array(request.view)
        flat = array.ravel()
        if request.place in ("min", "max"):
            best = np.nanargmin if request.place == "min" else np.nanargmax
            at = int(best(flat))
        else:
            wanted = {"nan": np.isnan(flat), "inf": np.isinf(flat), "nonzero": flat != 0}
            places = np.flatnonzero(wanted[request.place])
            if not len(places):
                return Found(None)
            after = -1 if request.after is None else int(np.ravel_multi_index(request.after, array.shape))
            later = places[places > after]
            at = int(later[0] if len(later) else places[0])
        index = tuple(int(i) for i in np.unravel_index(at, array.shape))
        return Found(index, str(flat[at]))

    def comparison(self, request: CompareViews) -> Comparison:
        left, right = self.array(View(request.left)), self.array(View(request.right))
        facts = (self.facts(View(request.left)).tensor, self.facts(View(request.right)).tensor)
        try:
            gap = np.abs(left - right)
        except ValueError:
            return Comparison(*facts, False, f"shapes {left.shape} and {right.shape} do not broadcast")
        bad = gap > request.atol + request.rtol * np.abs(right)
        if not bad.any():
            return Comparison(*facts, True, allclose=True, equal=bool((gap == 0).all()), compared=gap.size)

        def index(at: int) -> tuple[int, ...]:
            return tuple(int(i) for i in np.unravel_index(at, gap.shape))

        first = index(int(np.argmax(bad)))
        return Comparison(
            *facts, True, "", False, False, int(bad.sum()), gap.size, float(gap.max()), index(int(np.argmax(gap))),
            float(gap.max()), float(gap.mean()), first,
            str(np.broadcast_to(left, gap.shape)[first]), str(np.broadcast_to(right, gap.shape)[first]),
        )  # fmt: skip

    def pixels(self, request: ReadPixels) -> Pixels:
        image = self.array(request.view).astype(np.float64)
        if image.ndim == 3 and image.shape[0] in (1, 3):
            image = image.transpose(1, 2, 0)
        if image.ndim == 2:
            image = image[:, :, None]
        image = np.broadcast_to(image, (*image.shape[:2], 3))
        height, width = min(image.shape[0], request.height), min(image.shape[1], request.width)
        rows = np.arange(height) * image.shape[0] // height
        columns = np.arange(width) * image.shape[1] // width
        low, high = image.min(), image.max()
        small = (image[rows][:, columns] - low) / ((high - low) or 1) * 255
        rgb = base64.b64encode(small.astype(np.uint8).tobytes()).decode()
        scaled = f"[{low:.3g}, {high:.3g}] stretched"
        return Pixels(width, height, rgb, (image.shape[0], image.shape[1]), scaled)


class ViewerApp(ThemedApp[int]):
    """Nothing but the viewer, over an empty screen."""

    def __init__(self, viewer: TensorViewer) -> None:
        super().__init__()
        self.viewer = viewer

    def on_mount(self) -> None:
        self.push_screen(self.viewer)


@asynccontextmanager
async def viewing(
    session: FakeTensors, expression: str, *, other: str | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Pilot[int], TensorViewer]]:
    """An app with the viewer open on an expression, its first values painted where there are any."""
    viewer = TensorViewer(session, expression, other=other)
    async with ViewerApp(viewer).run_test(size=size) as pilot:
        await until(pilot, lambda: viewer.is_mounted)
        await settled(pilot, viewer)
        yield pilot, viewer


async def settled(pilot: Pilot[int], viewer: TensorViewer) -> None:
    """Wait until the viewer has asked and shown all that it wants for now."""
    source = viewer.model.source

    def is_settled() -> bool:
        reading = source._reading
        quiet = reading is None or reading.done()
        return quiet and not viewer._due and not viewer.model.opening

    await pilot.pause()
    await until(pilot, is_settled)
    await pilot.pause()
    await until(pilot, is_settled)
