"""What is told of curves: every rule on curves that earn it, and silence on those that do not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tui.runs.alerts import Alert, AlertBook, alerts
from tui.runs.series import Series


def of(**curves: object) -> dict[str, Series]:
    """Series by tag, `__` for a slash; a list is points at steps 1, 2, …, a pair is steps and values."""
    made = {}
    for name, curve in curves.items():
        steps, values = curve if isinstance(curve, tuple) else (np.arange(1, len(curve) + 1), curve)  # type: ignore[arg-type]
        made[name.replace("__", "/").replace("_dot_", ".")] = Series.of(steps, values)
    return made


def only(found: tuple[Alert, ...]) -> Alert:
    (alert,) = found
    return alert


FALLING = np.exp(-np.arange(400) / 100) + 0.05 * np.sin(np.arange(400))


def test_a_good_training_is_told_nothing_of() -> None:
    val = (np.arange(40, 401, 40), np.exp(-np.arange(40, 401, 40) / 100))
    found = alerts(
        of(
            train__loss=FALLING, val__loss=val, grad_norm=1 + FALLING, time__data_ms=[1.0], time__forward_ms=[5.0],
            update_ratio__a_dot_weight=[-3.0], dead_fraction__1=[0.1],
            **{f"grad_norm__{n}_dot_weight": [1.0 + n] for n in range(5)},
        )
    )  # fmt: skip
    assert found == ()
    assert alerts({}) == ()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_told_from_its_first_step_on(value: float) -> None:
    alert = only(alerts(of(train__loss=[1.0, 2.0, value, value])))
    assert (alert.kind, alert.step, alert.severe) == ("not finite", 3, True)
    assert f"is {value:g} since step 3" in alert.text
    assert alerts(of(train__loss=[1.0, math.nan, 1.0])) == ()


def test_a_spike_is_told_with_its_height_and_whether_it_has_passed() -> None:
    values = FALLING + 1
    values[380] = 9.0
    alert = only(alerts(of(train__loss=values)))
    assert (alert.kind, alert.step, alert.severe) == ("spike", 381, False)
    assert "leapt to 9" in alert.text
    assert "come back" in alert.text
    values[380:] = 9.0
    assert only(alerts(of(train__loss=values))).severe


def test_the_leaps_of_small_batches_near_zero_are_no_spikes() -> None:
    rng = np.random.default_rng(0)
    late = rng.lognormal(-6, 1.5, 400)  # most losses near zero, a few far above
    early = np.linspace(2.3, 0.1, 100)
    for end in range(150, 500, 5):
        assert alerts(of(train__loss=np.concatenate([early, late])[:end])) == (), end


def test_overfitting_is_told_from_the_best_validation_on() -> None:
    steps = np.arange(40, 401, 40)
    val = [0.9, 0.7, 0.5, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7]
    alert = only(alerts(of(train__loss=FALLING, val__loss=(steps, val))))
    assert (alert.kind, alert.step) == ("overfitting", 160)
    # both get worse: that is no overfitting
    assert all(
        each.kind != "overfitting" for each in alerts(of(train__loss=2 - FALLING, val__loss=(steps, val)))
    )


def test_what_a_perfect_fit_still_wavers_by_is_no_overfitting() -> None:
    steps = np.arange(10, 401, 10)
    val = np.maximum(np.exp(-steps / 40), 8e-4)
    val[-6:] = (
        8.0e-4,
        8.3e-4,
        8.6e-4,
        8.9e-4,
        9.2e-4,
        9.5e-4,
    )  # it rose by more than a tenth, from almost nothing
    assert alerts(of(train__loss=np.exp(-np.arange(400) / 40), val__loss=(steps, val))) == ()


def test_an_evaluation_that_leaps_about_is_no_overfitting() -> None:
    steps = np.arange(10, 401, 10)
    val = 0.5 + 0.1 * np.where(np.arange(40) % 2, 1, -1) + np.where(np.arange(40) == 34, -0.05, 0.0)
    found = alerts(of(train__loss=FALLING, val__loss=(steps, val)))
    assert all(each.kind != "overfitting" for each in found)


def test_a_loss_that_stands_still_while_another_metric_gets_better_is_no_plateau() -> None:
    steps = np.arange(40, 401, 40)
    flat = np.where(np.arange(400) < 10, 1.0, 0.5)
    still = {"train__loss": flat, "val__loss": (steps, [0.9, 0.5, *[0.51] * 8])}
    for name, better in (("distance", np.exp(-steps / 100)), ("accuracy", 1 - np.exp(-steps / 100))):
        assert alerts(of(**still, **{f"val__{name}": (steps, better)})) == ()
    # of this one nobody knows which way is better
    assert only(alerts(of(**still, val__kl=(steps, np.exp(-steps / 100))))).kind == "plateau"


def test_a_plateau_is_told_once_training_stands_still_too() -> None:
    steps = np.arange(40, 401, 40)
    val = [0.9, 0.5, 0.51, 0.505, 0.51, 0.51, 0.505, 0.51, 0.51, 0.51]
    flat = np.where(np.arange(400) < 10, 1.0, 0.5)
    alert = only(alerts(of(train__loss=flat, val__loss=(steps, val))))
    assert (alert.kind, alert.step) == ("plateau", 80)
    assert "8 evaluations" in alert.text


def test_gradients_that_vanish_or_explode_are_told_with_the_layer() -> None:
    norms = {f"grad_norm__layers_dot_{n}_dot_weight": [10.0 ** (2 * n - 8)] for n in range(5)}
    alert = only(alerts(of(**norms)))
    assert alert.kind == "vanishing"
    assert "at layers.0.weight its norm is 1e-08 of that of layers.4.weight" in alert.text
    norms["grad_norm__layers_dot_0_dot_weight"] = [0.0]
    assert "is 0, and not that of layers.4.weight" in only(alerts(of(**norms))).text
    alert = only(alerts(of(grad_norm=[1.0] * 30 + [500.0] * 5)))
    assert (alert.kind, alert.step, alert.severe) == ("exploding", 31, True)


def test_dead_units_large_updates_waiting_and_full_memory_are_told() -> None:
    assert "72% of the units of layers.1" in only(alerts(of(dead_fraction__layers_dot_1=[0.72]))).text
    assert "too high" in only(alerts(of(update_ratio__a=[-0.5]))).text
    assert "hardly anything" in only(alerts(of(update_ratio__a=[-7.0]))).text
    assert not alerts(of(update_ratio__a=[-3.0, -7.0], lr=[0.1, 0.0001]))  # the schedule has come to its end
    assert "90%" in only(alerts(of(time__data_ms=[9.0] * 3, time__forward_ms=[1.0] * 3))).text
    assert not alerts(of(time__data_ms=[9.0], time__forward_ms=[1.0]))
    found = alerts(of(memory__free_bytes=[2.0**20], memory__reserved_bytes=[2.0**30]))
    assert "1 MiB free, 1,024 MiB reserved" in only(found).text


def test_the_severe_come_first() -> None:
    found = alerts(of(train__loss=[math.nan], dead_fraction__a=([9], [0.9])))
    assert [each.kind for each in found] == ["not finite", "dead"]


def test_an_alert_lingers_once_it_is_over() -> None:
    book = AlertBook()
    dead, spike = Alert("dead", False, 5, "a is dead", "a"), Alert("spike", True, 9, "leapt")
    assert book.note((dead,)) == ((dead, True),)
    assert book.note((spike,)) == ((spike, True), (dead, False))
    worse = Alert("dead", False, 7, "a is more dead", "a")
    other = Alert("dead", False, 8, "b is dead", "b")
    assert book.note((worse, other)) == ((worse, True), (other, True), (spike, False))
