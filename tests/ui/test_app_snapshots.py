"""The text of each screen at two sizes, with fixed content, against the files in ``tests/snapshots``.

After a change that is meant: ``TORCHTUI_WRITE_SNAPSHOTS=1 pytest tests/ui/test_app_snapshots.py``, then read the
difference as one reads code.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.ui.fake_session import FakeSession, Shelf, make_app, opened, screen_text, shown, until
from tests.ui.written_runs import WrittenRun, finished_run
from tui.protocol.building import CheckDesign, DesignChecked, Totals
from tui.protocol.gradients import GradientRow, GradientTable, ListGradients
from tui.protocol.messages import (
    ListVariables,
    Variable,
    VariableTable,
)
from tui.protocol.run import RunError
from tui.widgets.chart import Chart, ChartData
from tui.widgets.gradients.grid import GradientGrid
from tui.widgets.record_table import RecordTable
from tui.widgets.run.entries import PresetEntry
from tui.widgets.transcript import Transcript
from tui.widgets.variables.grid import VariableGrid

SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=lambda size: "{}x{}".format(*size))
WRITE = "TORCHTUI_WRITE_SNAPSHOTS"


@pytest.fixture(autouse=True)
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that stands still, so that every cell takes 0 s."""
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("screens.repl_pane.time", _Clock)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


class _Clock:
    @staticmethod
    def monotonic() -> float:
        return 0.0


async def compare(pilot: Pilot[int], name: str, size: tuple[int, int]) -> None:
    """Compare what comes to stand on the screen with the file, or write it once it stands still."""
    path = SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get(WRITE):
        before = ""
        while before != (before := screen_text(pilot.app)):
            await pilot.pause(0.3)
        path.parent.mkdir(exist_ok=True)
        path.write_text(before + "\n", encoding="utf-8")
    assert path.is_file(), f"no snapshot yet: {WRITE}=1 writes it"
    expected = path.read_text(encoding="utf-8").splitlines()
    with contextlib.suppress(TimeoutError):
        await until(pilot, lambda: screen_text(pilot.app).splitlines() == expected, timeout_s=5.0)
    assert screen_text(pilot.app).splitlines() == expected


@SIZES
async def test_tensors(size: tuple[int, int]) -> None:
    session = FakeSession()
    session.answers[ListVariables] = VariableTable(
        (
            Variable("loss", "tensor", "Tensor", (), "float32", "cpu", "graph", "MseLossBackward0", 4, "1",
                     "0.4713 MseLossBackward0", True),
            Variable("model", "module", "Sequential", grad="requires_grad", size_bytes=10_536,
                     summary="2,634 parameters"),
            Variable("x", "tensor", "Tensor", (32, 64), "float32", "cpu", "", "", 8192, "2",
                     "x∈[-3.1, 3.4] μ=0.01 σ=1.0"),
        ),
        {"cpu": 18_732},
    )  # fmt: skip
    async with opened(make_app(session), size) as pilot:
        session.cell("x = torch.randn(32, 64)")
        session.cell("for n in range(3):\n    print(n)", prints="0\n1\n2\n")
        session.cell(
            "loss = F.mse_loss(model(x), y)\nloss", value="tensor(0.4713, grad_fn=<MseLossBackward0>)"
        )
        session.cell(
            "x @ x", error=("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (32x64 and 32x64)")
        )
        transcript, table = pilot.app.screen.query_one(Transcript), pilot.app.screen.query_one(VariableGrid)
        await until(pilot, lambda: "RuntimeError" in transcript.text and table.row_count == 3)
        await pilot.pause()
        await compare(pilot, "tensors", size)


@SIZES
async def test_autograd(size: tuple[int, int]) -> None:
    session = FakeSession()
    session.answers[ListGradients] = GradientTable(
        (
            GradientRow(
                "w", (3,), "float32", "cpu", False, True, 1.73, 0.5, -0.4, 0.3, 0.01, 0.28, 0.0, backwards=1
            ),
            GradientRow(
                "model[0].weight",
                (32, 64),
                "float32",
                "cpu",
                True,
                True,
                4.62,
                1e-7,
                -1e-8,
                1e-8,
                0.0,
                1e-9,
                0.5,
            ),
            GradientRow(
                "model[0].bias",
                (32,),
                "float32",
                "cpu",
                True,
                False,
                0.41,
                None,
                verdict="requires_grad is False",
            ),
        ),
        backwards=1,
    )
    async with opened(make_app(session, first="autograd"), size) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one(GradientGrid).row_count >= 3)
        await pilot.pause()
        await compare(pilot, "autograd", size)


@SIZES
async def test_builder(size: tuple[int, int]) -> None:
    session = FakeSession()
    session.answers[CheckDesign] = DesignChecked(
        (), Totals(), "(N, 1, 28, 28)", "class Model(nn.Module): ..."
    )
    async with opened(make_app(session, first="builder"), size) as pilot:
        await until(pilot, lambda: "An empty model" in screen_text(pilot.app))
        await pilot.pause()
        await compare(pilot, "builder", size)


@SIZES
async def test_training_picker(tmp_path: Path, size: tuple[int, int]) -> None:
    shelf = Shelf(
        [
            PresetEntry(
                Path("/p/digits_cnn.py"),
                "digits_cnn",
                "Handwritten digits with a small convolutional network.",
            ),
            PresetEntry(Path("/p/mine.py"), "mine", "mine.py:3: has no model", usable=False),
        ],
        tmp_path,
    )
    finished_run(tmp_path)
    failed = WrittenRun(tmp_path, name="spiral")
    failed.record(
        name="spiral", status="failed", knobs={"lr": 10.0}, started_at="2026-01-02T00:00:00+00:00",
        error=RunError("NotFinite", "the loss is NaN at step 3"),
    )  # fmt: skip
    async with opened(make_app(FakeSession(), first="training", shelf=shelf), size) as pilot:
        await until(pilot, lambda: all(table.row_count == 2 for table in pilot.app.screen.query(RecordTable)))
        await until(pilot, lambda: "val/accuracy 0.8333" in screen_text(pilot.app))
        await pilot.pause()
        await compare(pilot, "training-picker", size)


@SIZES
async def test_training_run(tmp_path: Path, size: tuple[int, int]) -> None:
    run = finished_run(tmp_path)
    async with opened(make_app(FakeSession(), first="training", folder=run.folder), size) as pilot:
        last = "grad_norm" if size[1] > 24 else "accuracy"
        await until(pilot, lambda: all(text in screen_text(pilot.app) for text in ("epoch 4 of 4", last)))
        charts = [chart for chart in pilot.app.screen.query(Chart) if shown(chart)]
        assert all(chart.data.curves for chart in charts)
        for chart in charts:  # drawn afresh: the axes remember what they showed before
            data = chart.data
            chart.show(ChartData(""))
            await pilot.pause()
            chart.show(data)
            await until(pilot, lambda chart=chart, data=data: data.title in chart.render_line(0).text)  # type: ignore[misc]
        await pilot.pause()
        await compare(pilot, "training-run", size)
