"""A loop over each preset, with fewer rounds, passes a bar; the trainer's evaluation and preview do with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tui.kernel.training.evaluation import evaluate, preview
from tui.kernel.training.parts.experiment import Experiment, build_experiment
from tui.kernel.training.parts.preset_module import ExperimentModule, read_source

FOLDER = Path(__file__).parents[2] / "presets"
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other lose far more than they gain where other work shares the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def built(name: str, **knobs: float) -> Experiment:
    torch.manual_seed(0)
    module = ExperimentModule(read_source(FOLDER / f"{name}.py", knobs))
    module.run()
    try:
        return build_experiment(module, CPU)
    finally:
        module.forget()


def loss_of(experiment: Experiment, batch: tuple[Tensor, Tensor]) -> Tensor:
    if experiment.step is not None:
        return experiment.step(experiment.model, batch, experiment.loss)
    loss: Tensor = experiment.loss(experiment.model(batch[0]), batch[1])
    return loss


def train(name: str, epochs: int, **knobs: float) -> Experiment:
    experiment = built(name, **knobs)
    for _ in range(epochs):
        for batch in experiment.train:
            experiment.optimizer.zero_grad()
            loss_of(experiment, batch).backward()
            experiment.optimizer.step()
        if experiment.scheduler is not None:
            experiment.scheduler.step()
    return experiment


def on_test_set(experiment: Experiment) -> dict[str, float]:
    assert experiment.test is not None
    means = evaluate(experiment, experiment.test, CPU, lambda: None)
    assert means is not None
    return means


def test_two_moons_mlp_beats_every_straight_cut() -> None:
    experiment = train("two_moons_mlp", 25)
    assert on_test_set(experiment)["accuracy"] > 0.94
    shown = preview(experiment, CPU)
    assert isinstance(shown, Tensor)
    assert shown.shape == (40, 40)
    assert shown.min() < 0.1 < 0.9 < shown.max()  # both moons are there


def test_two_moons_mlp_with_two_bends_does_not() -> None:
    assert on_test_set(train("two_moons_mlp", 25, hidden=2))["accuracy"] < 0.92


def test_diabetes_regression_explains_half_of_the_variance() -> None:
    experiment = train("diabetes_regression", 20)
    assert 0.48 < on_test_set(experiment)["explained"] < 0.68
    shown = preview(experiment, CPU)
    assert isinstance(shown, str)
    assert shown.count("foretold") == 8


def test_diabetes_regression_scales_by_the_training_patients_alone() -> None:
    batches = [torch.cat(batch, dim=1) for batch in built("diabetes_regression").train]
    train_set = torch.cat(batches)  # (266, 11)
    torch.testing.assert_close(train_set.mean(dim=0), torch.zeros(11), atol=1e-4, rtol=0)
    torch.testing.assert_close(train_set.std(dim=0), torch.ones(11), atol=1e-4, rtol=0)


def test_digits_autoencoder_draws_unseen_digits_again() -> None:
    experiment = train("digits_autoencoder", 15)
    assert on_test_set(experiment)["mean_abs_error"] < 0.1  # eight principal components: 0.1045
    shown = preview(experiment, CPU)
    assert isinstance(shown, Tensor)
    assert shown.shape == (10, 8, 17)
    assert (shown[..., :8] - shown[..., 9:]).abs().mean() < 0.12  # beside each image its own drawing


def test_digits_vae_pays_for_what_it_knows() -> None:
    experiment = train("digits_vae", 12)
    after = on_test_set(experiment)
    assert after["reconstruction"] < 24.5  # the mean image: 27.2
    assert 1 < after["kl"] < 4
    assert after["loss"] == pytest.approx(after["reconstruction"] + after["kl"], rel=1e-4)
    shown = preview(experiment, CPU)
    assert isinstance(shown, Tensor)
    assert shown.shape == (63, 63)


def test_digits_gan_gets_nearer_to_real_digits() -> None:
    before = on_test_set(built("digits_gan"))["distance"]
    experiment = train("digits_gan", 30)
    assert before > 2
    assert on_test_set(experiment)["distance"] < 0.5
    shown = preview(experiment, CPU)
    assert isinstance(shown, Tensor)
    assert shown.shape == (63, 63)


def test_digits_gan_gives_each_player_the_gradient_of_its_own_loss() -> None:
    experiment = built("digits_gan", dropout=0.0)
    model, loss = experiment.model, experiment.loss
    painter, judge = model.get_submodule("painter"), model.get_submodule("judge")
    batch = next(iter(experiment.train))
    torch.manual_seed(1)
    loss_of(experiment, batch).backward()

    torch.manual_seed(1)
    painted, yes = model(batch[0]), torch.ones(len(batch[0]), 1)
    judging = loss(judge(batch[0]), yes) + loss(judge(painted.detach()), 0 * yes)
    for mine, parameter in zip(
        torch.autograd.grad(judging, list(judge.parameters())), judge.parameters(), strict=True
    ):
        torch.testing.assert_close(parameter.grad, mine)
    painting = loss(judge(painted), yes)
    for mine, parameter in zip(
        torch.autograd.grad(painting, list(painter.parameters())), painter.parameters(), strict=True
    ):
        torch.testing.assert_close(parameter.grad, mine)


def test_sine_lstm_goes_on_with_a_wave_alone() -> None:
    experiment = train("sine_lstm", 12)
    assert on_test_set(experiment)["mean_abs_error"] < 0.09  # the last value again: 0.166
    shown = preview(experiment, CPU)
    assert isinstance(shown, str)
    assert re.fullmatch(r"(true  [▁-█]{51}\nalone {26}[▁-█]{26}\n\n?){3}", shown)


def test_char_gpt_learns_more_than_how_frequent_characters_are() -> None:
    experiment = train("char_gpt", 2, steps=40, batch_size=16, context=32, width=32, layers=1, lr=1e-2)
    assert on_test_set(experiment)["bits_per_character"] < 4.2  # by frequency alone: 3.36 nats, 4.85 bits
    shown = preview(experiment, CPU)
    assert isinstance(shown, str)
    assert 150 < len(shown) <= 201


def test_char_gpt_never_looks_ahead() -> None:
    model = built("char_gpt").model.eval()
    ids = torch.randint(0, 68, (1, 20))
    other = ids.clone()
    other[0, 10:] = (other[0, 10:] + 1) % 68
    with torch.no_grad():
        first, second = model(ids), model(other)
    torch.testing.assert_close(first[:, :10], second[:, :10])
    assert not torch.allclose(first[:, 10:], second[:, 10:])
