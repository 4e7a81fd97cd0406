"""The form that a run is started from, over a fake session."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from screens.training import TrainingScreen
from tests.ui.fake_session import FakeSession, R, Shelf, make_app, opened, screen_text, shown, typed, until
from tests.ui.keyboard import pressed
from tests.ui.written_runs import INFO, WrittenRun
from tui import paths
from tui.client.errors import KernelRefused
from tui.protocol.messages import Refusal, Request, StartRun
from tui.protocol.run import RunSettings, RunSpec
from tui.protocol.training import (
    Choice,
    ChoiceArgument,
    Choices,
    DryReport,
    DryRun,
    DryStep,
    ListChoices,
    PlanSchedule,
    SchedulePlan,
)
from tui.protocol.viewing import CancelCompute
from tui.widgets.key_bar import KeyBar, fitting
from tui.widgets.record_table import RecordTable
from tui.widgets.run.entries import PresetEntry
from tui.widgets.run.picker import RunPicker
from tui.widgets.start.form import StartForm
from tui.widgets.start.memory import remember
from tui.widgets.start.view import StartView

PRESET = '''
"""Learns nothing [/foo].

Try: lr=1 (it leaps).
     epochs=1 (it hardly begins).
"""
epochs: int = 4  # rounds
lr: float = 0.01  # step size
bias: bool = True
def data(): ...
def model(): ...
def loss(): ...
def optimizer(parameters): ...
'''
SGD = Choice(
    "optimizer", "SGD", (ChoiceArgument("lr", "0.001"), ChoiceArgument("momentum", "0")), "Descends."
)
STEP = Choice(
    "scheduler", "StepLR", (ChoiceArgument("step_size", ""), ChoiceArgument("gamma", "0.1")), "Decays."
)
CHOICES = Choices(
    (Choice("optimizer", "Adam", (), "Adapts."), SGD, STEP, Choice("model", "net [/m]", (), "Net"))
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("screens.training_start.PLAN_AFTER_S", 0.001)
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path / "home"))


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.py"
    path.write_text(PRESET)
    return path


@asynccontextmanager
async def form_of(
    preset: Path, session: FakeSession, size: tuple[int, int] = (120, 40), choices: Choices = CHOICES
) -> AsyncIterator[Pilot[int]]:
    """The form of a preset, opened from the list."""
    session.answers[ListChoices] = choices
    shelf = Shelf([PresetEntry(preset, "tiny", "Learns nothing")])
    async with opened(make_app(session, first="training", shelf=shelf), size) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one("#presets", RecordTable).row_count == 1)
        await pressed(pilot, "enter")
        await until(pilot, lambda: form(pilot).has_focus and view(pilot).laid_out)
        await pilot.pause()
        yield pilot


def screen_of(pilot: Pilot[int]) -> TrainingScreen:
    assert isinstance(pilot.app.screen, TrainingScreen)
    return pilot.app.screen


def form(pilot: Pilot[int]) -> StartForm:
    return screen_of(pilot).query_one(StartForm)


def view(pilot: Pilot[int]) -> StartView:
    return screen_of(pilot).query_one(StartView)


def go_to(pilot: Pilot[int], key: str) -> None:
    assert key in form(pilot).keys, key
    form(pilot).go_to(key)


def started(session: FakeSession) -> RunSpec:
    [request] = session.of(StartRun)
    assert isinstance(request, StartRun)
    return request.spec


async def test_enter_enter_trains_it_as_it_is(preset: Path) -> None:
    session = FakeSession()
    async with form_of(preset, session) as pilot:
        for expected in (
            "Learns nothing [/foo].",
            "Try: lr=1 (it leaps).",
            "step size",
            "epochs",
            "auto (cpu)",
        ):
            assert expected in screen_text(pilot.app)
        await pressed(pilot, "enter")
        await until(pilot, lambda: session.of(StartRun))
        assert started(session) == RunSpec(str(preset), "/nowhere/runs", "tiny")


async def test_keys_that_come_faster_than_the_form_start_it_once(preset: Path) -> None:
    session = FakeSession()
    shelf = Shelf([PresetEntry(preset, "tiny", "")])
    async with opened(make_app(session, first="training", shelf=shelf)) as pilot:
        table = pilot.app.screen.query_one("#presets", RecordTable)
        await until(pilot, lambda: table.row_count == 1)
        table.action_select_cursor()
        table.action_select_cursor()
        await until(pilot, lambda: session.of(StartRun))
        assert len(session.of(StartRun)) == 1


async def test_an_enter_before_there_is_room_to_draw_starts_it(preset: Path) -> None:
    session = FakeSession()
    async with form_of(preset, session) as pilot:
        go_to(pilot, "knob.lr")
        await pressed(pilot, "escape")
        await until(pilot, lambda: shown(screen_of(pilot).query_one(RunPicker)))
        screen_of(pilot).open_form(RunSpec(str(preset), "/nowhere/runs", "tiny"))
        form(pilot).action_enter()
        await until(pilot, lambda: session.of(StartRun))


async def test_the_cursor_stays_in_sight_when_the_form_shrinks(preset: Path) -> None:
    session = FakeSession()
    session.answers[DryRun] = DryReport((DryStep("data", True),))
    async with form_of(preset, session, (80, 24)) as pilot:
        go_to(pilot, "fold:length")
        await pressed(pilot, "d")
        await until(
            pilot, lambda: "it would train" in screen_text(pilot.app) and view(pilot).has_class("-report")
        )
        await until(pilot, lambda: "Length, evaluation" in screen_text(pilot.app))


async def test_what_is_filled_in_is_trained_and_there_the_next_time(preset: Path) -> None:
    session = FakeSession()
    async with form_of(preset, session) as pilot:
        go_to(pilot, "knob.lr")
        await pressed(pilot, "1", "e", "minus", "1", "enter")
        assert form(pilot).current_key == "knob.bias"
        await pressed(pilot, "space")
        go_to(pilot, "set.precision")
        await pressed(pilot, "space")
        go_to(pilot, "set.clip_norm")
        await pressed(pilot, "enter", "2", "down")
        assert "4 changed" in screen_text(pilot.app)
        await pressed(pilot, "home", "enter")
        await until(pilot, lambda: session.of(StartRun))
        spec = started(session)
        assert spec.knobs == {"lr": 0.1, "bias": False}
        assert spec.settings == RunSettings(precision="bfloat16", clip_norm=2.0)
        await until(pilot, lambda: paths.start_file().exists())
    assert json.loads(paths.start_file().read_text())[str(preset)]["knob.lr"] == "0.1"
    async with form_of(preset, FakeSession()) as pilot:
        await until(pilot, lambda: "4 as last time" in screen_text(pilot.app))
        await pressed(pilot, "D")
        await until(pilot, lambda: "as it is" in screen_text(pilot.app))
        assert view(pilot).spec == RunSpec(str(preset), "/nowhere/runs", "tiny")


async def test_a_wrong_value_stays_in_its_field_with_words_until_it_is_right(preset: Path) -> None:
    session = FakeSession()
    async with form_of(preset, session) as pilot:
        go_to(pilot, "knob.epochs")
        await pressed(pilot, "2", ".", "5", "enter")
        await until(
            pilot, lambda: "epochs takes a whole number, such as 4, got '2.5'" in screen_text(pilot.app)
        )
        await pressed(pilot, "down", "down")
        assert form(pilot).current_key == "knob.epochs"
        form(pilot).action_start()
        await pilot.pause()
        assert session.of(StartRun) == []
        await pressed(pilot, "backspace", "backspace", "enter")
        await until(pilot, lambda: view(pilot).spec.knobs == {"epochs": 2})
        await pressed(pilot, "up", "delete")
        await until(pilot, lambda: view(pilot).spec.knobs == {})


async def test_escape_gives_up_an_edit_then_the_form(preset: Path) -> None:
    async with form_of(preset, FakeSession()) as pilot:
        go_to(pilot, "knob.lr")
        await pressed(pilot, "9", "9", "escape")
        assert not form(pilot).editing
        assert view(pilot).spec.knobs == {}
        await pressed(pilot, "escape")
        await until(pilot, lambda: shown(screen_of(pilot).query_one(RunPicker)))


async def test_a_refusal_is_shown_in_the_form_and_nothing_is_lost(preset: Path) -> None:
    session = FakeSession()
    session.answers[StartRun] = KernelRefused(Refusal("busy", "another run [/foo] trains"))
    async with form_of(preset, session) as pilot:
        go_to(pilot, "knob.lr")
        await pressed(pilot, "5", "enter", "home", "enter")
        await until(pilot, lambda: "another run [/foo] trains" in screen_text(pilot.app))
        assert view(pilot).spec.knobs == {"lr": 5.0}
        assert form(pilot).current_key == "start"
        assert not paths.start_file().exists()
        await pressed(pilot, "down", "down", "space")
        await until(pilot, lambda: "another run" not in screen_text(pilot.app))


async def test_before_the_kernel_is_up_it_waits_and_can_be_given_up(preset: Path) -> None:
    session = FakeSession("starting")
    async with form_of(preset, session) as pilot:
        await pressed(pilot, "enter")
        await until(pilot, lambda: "waiting for the kernel" in screen_text(pilot.app))
        await pressed(pilot, "enter", "escape")
        await until(pilot, lambda: "waiting" not in screen_text(pilot.app))
        session.become("idle")
        await until(pilot, lambda: session.of(ListChoices))
        assert session.of(StartRun) == []


async def test_a_preset_that_is_gone_is_said_in_the_form(preset: Path) -> None:
    session = FakeSession()
    shelf = Shelf([PresetEntry(preset, "tiny", "")])
    async with opened(make_app(session, first="training", shelf=shelf)) as pilot:
        await until(pilot, lambda: pilot.app.screen.query_one("#presets", RecordTable).row_count == 1)
        preset.unlink()
        await pressed(pilot, "enter")
        await until(pilot, lambda: "cannot be read" in screen_text(pilot.app))


# -- a dry run, the learning rate --------------------------------------------------------------------------


async def test_a_dry_run_is_shown_and_marked_once_the_form_is_another(preset: Path) -> None:
    session = FakeSession()
    session.answers[DryRun] = DryReport(
        (DryStep("data", True, 3.0, "64 rows [/d]"),), problem="no [/p] model"
    )
    async with form_of(preset, session) as pilot:
        await pressed(pilot, "d")
        await until(pilot, lambda: "it would not train" in screen_text(pilot.app))
        for expected in ("✔ data", "64 rows [/d]", "no [/p] model"):
            assert expected in screen_text(pilot.app)
        assert session.of(DryRun) == [DryRun(view(pilot).spec)]
        assert "of the settings before" not in screen_text(pilot.app)
        await pressed(pilot, "down", "down", "space")
        await until(pilot, lambda: "of the settings before" in screen_text(pilot.app))
        session.answers[DryRun] = KernelRefused(Refusal("busy", "a run [/r] trains"))
        await pressed(pilot, "d")
        await until(pilot, lambda: "a run [/r] trains" in screen_text(pilot.app))


class HungSession(FakeSession):
    """A session whose dry run ends only when it is cancelled, as soon as it may."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled, self.ends = asyncio.Event(), asyncio.Event()

    async def ask(self, request: Request[R], *, timeout_s: float | None = None) -> R:
        if isinstance(request, CancelCompute):
            self.cancelled.set()
        if isinstance(request, DryRun):
            self.asked.append(request)
            await self.cancelled.wait()
            await self.ends.wait()
            raise KernelRefused(Refusal("cancelled", "Cancelled; it was in data, at slow.py:3 in [/r]."))
        return await super().ask(request, timeout_s=timeout_s)


async def test_escape_ends_a_dry_run_in_the_kernel_and_it_is_said_where_it_was(preset: Path) -> None:
    session = HungSession()
    async with form_of(preset, session) as pilot:
        await pressed(pilot, "d")
        await until(pilot, lambda: "one batch through everything…" in screen_text(pilot.app))
        assert "esc ends it" in screen_text(pilot.app)
        await pressed(pilot, "escape")
        await until(pilot, lambda: "ending the dry run" in screen_text(pilot.app))
        await until(pilot, lambda: len(session.of(CancelCompute)) == 1)
        session.ends.set()
        await until(
            pilot,
            lambda: all(part in screen_text(pilot.app) for part in ("ended by you", "slow.py:3", "[/r]")),
        )
        assert "ending the dry run" not in screen_text(pilot.app)
        session.ends.clear()
        await pressed(pilot, "d")
        await until(pilot, lambda: "one batch through everything…" in screen_text(pilot.app))
        assert "slow.py" not in screen_text(pilot.app)


async def test_start_ends_the_dry_run_first_and_a_late_report_disturbs_nothing(preset: Path) -> None:
    session = HungSession()
    async with form_of(preset, session) as pilot:
        await pressed(pilot, "d")
        await until(pilot, lambda: session.of(DryRun))
        await pressed(pilot, "enter")
        await until(pilot, lambda: session.of(StartRun))
        asked = [type(request) for request in session.asked]
        assert asked.index(CancelCompute) < asked.index(StartRun)
        session.ends.set()
        await pilot.pause()
        assert "slow.py" not in screen_text(pilot.app)


async def test_a_kernel_that_ends_no_dry_run_is_not_waited_for(preset: Path) -> None:
    session = FakeSession()
    async with form_of(preset, session) as pilot:
        await until(pilot, lambda: session.of(PlanSchedule))
        session.silent = True
        await pressed(pilot, "d", "escape")
        await until(pilot, lambda: "ending the dry run" in screen_text(pilot.app))
        await pressed(pilot, "escape")
        await until(pilot, lambda: "ending the dry run" not in screen_text(pilot.app))
        session.silent = False
        await pressed(pilot, "enter")
        await until(pilot, lambda: session.of(StartRun))


async def test_the_learning_rate_is_planned_anew_after_each_change(preset: Path) -> None:
    session = FakeSession()
    session.answers[PlanSchedule] = SchedulePlan((0.1, 0.05, 0.01))
    async with form_of(preset, session) as pilot:
        await until(pilot, lambda: "0.1 → 0.01 over 3 epochs" in screen_text(pilot.app))
        session.answers[PlanSchedule] = KernelRefused(Refusal("no", "no [/s] schedule"))
        go_to(pilot, "knob.epochs")
        await pressed(pilot, "8", "enter")
        await until(pilot, lambda: "no [/s] schedule" in screen_text(pilot.app))
        last = session.of(PlanSchedule)[-1]
        assert isinstance(last, PlanSchedule)
        assert last.spec.knobs == {"epochs": 8}
        go_to(pilot, "set.kind")
        await pressed(pilot, "left")
        await until(pilot, lambda: "until the loss explodes" in screen_text(pilot.app))


# -- what is chosen ------------------------------------------------------------------------------------------


async def test_an_optimizer_is_searched_and_its_arguments_typed(preset: Path) -> None:
    session = FakeSession()
    async with form_of(preset, session) as pilot:
        await until(pilot, lambda: session.of(ListChoices))
        go_to(pilot, "set.optimizer")
        await pressed(pilot, "enter")
        await until(pilot, lambda: view(pilot).chooser.line.has_focus)
        await pressed(pilot, "s", "g", "tab")
        await typed(pilot, "lr=0.1, momentums=0.9")
        assert "SGD(lr=0.001, momentum=0)" in screen_text(pilot.app)
        await pressed(pilot, "enter")
        await until(pilot, lambda: "no argument momentums" in screen_text(pilot.app))
        await pressed(pilot, *["left"] * 4, "backspace", "enter")
        await until(pilot, lambda: form(pilot).has_focus)
        assert view(pilot).spec.settings.optimizer == "SGD(lr=0.1, momentum=0.9)"
        assert "SGD(lr=0.1, momentum=0.9)" in screen_text(pilot.app)


async def test_a_schedule_that_needs_an_argument_asks_for_it(preset: Path) -> None:
    async with form_of(preset, FakeSession()) as pilot:
        go_to(pilot, "set.scheduler")
        await pressed(pilot, "enter", "s", "t", "e")
        await until(pilot, lambda: view(pilot).chooser.choices.current_key == "StepLR")
        await pressed(pilot, "enter")
        await until(pilot, lambda: "needs step_size" in screen_text(pilot.app))
        assert view(pilot).chooser.line.value == "StepLR("
        await typed(pilot, "step_size=2\n")
        await until(pilot, lambda: view(pilot).spec.settings.scheduler == "StepLR(step_size=2)")


async def test_a_model_of_the_namespace_is_chosen_and_left_again(preset: Path) -> None:
    async with form_of(preset, FakeSession()) as pilot:
        go_to(pilot, "set.model")
        await pressed(pilot, "enter")
        await until(pilot, lambda: "net [/m]" in screen_text(pilot.app))
        await pressed(pilot, "down", "enter")
        await until(pilot, lambda: view(pilot).spec.settings.model == "net [/m]")
        await pressed(pilot, "enter")
        await until(pilot, lambda: view(pilot).chooser.line.has_focus)
        await pressed(pilot, "escape")
        await until(pilot, lambda: form(pilot).has_focus)
        assert view(pilot).spec.settings.model == "net [/m]"
        await pressed(pilot, "delete")
        assert view(pilot).spec.settings.model == ""


async def test_without_a_model_in_the_namespace_it_is_said_where_to_make_one(preset: Path) -> None:
    async with form_of(preset, FakeSession(), choices=Choices((SGD,))) as pilot:
        await until(pilot, lambda: view(pilot).chooser.known is not None)
        go_to(pilot, "set.model")
        await pressed(pilot, "enter")
        await until(pilot, lambda: "There is no model in the namespace yet" in screen_text(pilot.app))


async def test_a_model_of_another_sessions_namespace_is_not_taken_for_one_of_this(preset: Path) -> None:
    remember(paths.start_file(), str(preset), {"set.model": "gone", "knob.lr": "0.5"})
    session = FakeSession()
    async with form_of(preset, session) as pilot:
        await until(pilot, lambda: "1 as last time" in screen_text(pilot.app))
        assert view(pilot).spec.settings.model == ""
        assert view(pilot).spec.knobs == {"lr": 0.5}
    remember(paths.start_file(), str(preset), {"set.model": "net [/m]", "knob.lr": "0.5"})
    async with form_of(preset, FakeSession()) as pilot:
        await until(pilot, lambda: view(pilot).chooser.known is not None)
        assert "2 as last time" in screen_text(pilot.app)


async def test_what_the_keys_do_is_told_for_the_field_and_for_the_edit(preset: Path) -> None:
    async with form_of(preset, FakeSession()) as pilot:
        go_to(pilot, "knob.lr")
        await until(pilot, lambda: "enter: edit" in screen_text(pilot.app))
        await pressed(pilot, "enter")
        await until(pilot, lambda: "enter: set it · esc: leave it as it was" in screen_text(pilot.app))
        await pressed(pilot, "escape")
        await until(pilot, lambda: "enter: edit" in screen_text(pilot.app))


async def test_what_a_range_test_has_found_is_one_key_away(preset: Path, tmp_path: Path) -> None:
    run = WrittenRun(tmp_path, replace(INFO, experiment="tiny", suggested_lr=0.0046))
    session = FakeSession()
    shelf = Shelf([PresetEntry(preset, "tiny", "Learns nothing")])
    app = make_app(session, first="training", shelf=shelf, folder=run.folder)
    async with opened(app) as pilot:
        await until(pilot, lambda: INFO.name in screen_text(pilot.app))
        screen_of(pilot).preset_chosen(RunPicker.PresetChosen(preset))
        await until(pilot, lambda: form(pilot).has_focus and view(pilot).laid_out)
        go_to(pilot, "knob.lr")
        await until(pilot, lambda: "0.0046 by the range test" in screen_text(pilot.app))
        await pressed(pilot, "space")
        await until(pilot, lambda: view(pilot).spec.knobs == {"lr": 0.0046})


# -- room and keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (200, 60)])
async def test_every_row_can_be_reached_at_any_size(preset: Path, size: tuple[int, int]) -> None:
    async with form_of(preset, FakeSession(), size) as pilot:
        for section in ("parts", "device", "length"):
            if section in form(pilot).state.folded:
                go_to(pilot, f"fold:{section}")
                await pressed(pilot, "space")
        await pressed(pilot, "home")
        seen = set()
        for _ in range(len(form(pilot).keys)):
            seen.add(form(pilot).current_key)
            name = next(
                (one.name for one in form(pilot).state.fields if one.key == form(pilot).current_key), ""
            )
            assert name in screen_text(pilot.app)
            await pressed(pilot, "down")
        assert {field.key for field in form(pilot).state.fields} < seen
        bar = pilot.app.screen.query_one(KeyBar)
        if size[0] >= 80:
            assert len(fitting(bar.entries, size[0])) == len(bar.entries)
        assert "Pause" not in screen_text(pilot.app)


async def test_what_is_unfolded_comes_into_sight(preset: Path) -> None:
    async with form_of(preset, FakeSession(), (80, 24)) as pilot:
        await pressed(pilot, "end")
        assert form(pilot).current_key == "fold:length"
        await pressed(pilot, "space")
        for name in ("max steps", "best by", "start paused"):
            await until(pilot, lambda name=name: name in screen_text(pilot.app))  # type: ignore[misc]
        assert form(pilot).current_key == "fold:length"
        await pressed(pilot, "space")
        await until(pilot, lambda: "epochs" in screen_text(pilot.app))


async def test_a_click_folds_starts_and_goes_to_a_field(preset: Path) -> None:
    session = FakeSession()
    async with form_of(preset, session) as pilot:
        rows = list(form(pilot).keys)
        await pilot.click(StartForm, offset=(5, rows.index("fold:knobs")))
        await until(pilot, lambda: "knob.lr" not in form(pilot).keys)
        assert session.of(StartRun) == []
        await pilot.click(StartForm, offset=(5, rows.index("set.kind")))
        await until(pilot, lambda: form(pilot).current_key == "set.kind")
        assert view(pilot).spec.settings.kind == "train"
        await pilot.click(StartForm, offset=(5, rows.index("set.kind")))
        await until(pilot, lambda: view(pilot).spec.settings.kind == "overfit_batch")
        await pilot.click(StartForm, offset=(5, 0))
        await until(pilot, lambda: session.of(StartRun))


async def test_the_description_is_reached_by_tab_and_left_by_escape(preset: Path) -> None:
    async with form_of(preset, FakeSession(), (80, 24)) as pilot:
        await pressed(pilot, "tab")
        await until(pilot, lambda: not form(pilot).has_focus)
        await pressed(pilot, "down", "down", "escape")
        await until(pilot, lambda: form(pilot).has_focus)


async def test_moving_between_fields_paints_no_other_rows(
    preset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with form_of(preset, FakeSession()) as pilot:
        await until(
            pilot, lambda: "throughout" in screen_text(pilot.app) or "one epoch" in screen_text(pilot.app)
        )
        await pilot.pause(0.05)
        painted: list[int] = []
        monkeypatch.setattr(
            form(pilot), "refresh", lambda *regions, **_: painted.extend(region.y for region in regions)
        )
        go_to(pilot, "knob.epochs")
        await pressed(pilot, "down")
        await until(pilot, lambda: form(pilot).current_key == "knob.lr")
        await pressed(pilot, "down")
        await until(pilot, lambda: form(pilot).current_key == "knob.bias")
        rows = list(form(pilot).keys)
        expected = {rows.index(row) for row in ("start", "knob.epochs", "knob.lr", "knob.bias")}
        assert set(painted) == expected
