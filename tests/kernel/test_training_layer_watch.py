"""Activation statistics: right, rare, and never in the way of the training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from tui.kernel.training.log.layer_watch import LayerWatch, layers_of

CPU = torch.device("cpu")


def sampled(model: nn.Module, run: Callable[[], object], step: int = 1) -> dict[str, float]:
    watch = LayerWatch(model, CPU)
    with watch.sampling(step):
        run()
    (sample,) = watch.take()
    assert sample[0] == step
    return dict(sample[2])


def compiled(module: nn.Module, backend: object = "eager") -> nn.Module:
    made: object = torch.compile(module, backend=backend)  # type: ignore[call-overload]
    assert isinstance(made, nn.Module)
    return made


def hooks_in(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def test_numbers_are_those_of_the_outputs() -> None:
    model = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Sequential(nn.Linear(40, 3)))
    x = torch.randn(16, 6)
    seen = sampled(model, lambda: model(x))
    first = model[0](x)
    second = first.relu()
    assert seen["activation_mean/0"] == pytest.approx(first.mean().item(), rel=1e-5)
    assert seen["activation_std/0"] == pytest.approx(first.std(correction=0).item(), rel=1e-5)
    assert seen["zero_fraction/0"] == 0.0
    assert seen["zero_fraction/1"] == pytest.approx((second == 0).float().mean().item())
    assert seen["dead_fraction/1"] == pytest.approx((second == 0).all(0).float().mean().item())
    assert "activation_mean/2.0" in seen
    assert "dead_fraction/0" not in seen


def test_an_in_place_relu_does_not_spoil_the_layer_before_it() -> None:
    model = nn.Sequential(nn.Linear(6, 40), nn.ReLU(inplace=True))
    x = torch.randn(16, 6)
    seen = sampled(model, lambda: model(x))
    assert seen["zero_fraction/0"] == 0.0
    assert seen["zero_fraction/1"] > 0.1


def test_a_unit_is_dead_when_it_was_zero_in_each_of_the_last_samples() -> None:
    model = nn.Sequential(nn.Identity(), nn.ReLU())
    watch = LayerWatch(model, CPU)
    ups = torch.eye(4)

    def dead_after(row: torch.Tensor) -> float:
        with watch.sampling(1):
            model(row.expand(5, 4))
        return dict(next(iter(watch.take()))[2])["dead_fraction/1"]

    assert dead_after(ups[0]) == 0.75
    assert dead_after(ups[1]) == 0.5
    assert [dead_after(ups[2]) for _ in range(7)][-1] == 0.5
    assert dead_after(ups[2]) == 0.75


@pytest.mark.parametrize(
    ("layer", "shape", "dead"),
    [
        (nn.Conv1d(1, 3, 1), (2, 1, 7), 1 / 3),
        (nn.Conv2d(1, 3, 1), (2, 1, 5, 7), 1 / 3),
        (nn.Linear(4, 3), (2, 5, 4), 1 / 3),
    ],
)
def test_units_are_channels_or_features(layer: nn.Module, shape: tuple[int, ...], dead: float) -> None:
    model = nn.Sequential(layer, nn.ReLU())
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        assert isinstance(layer.bias, nn.Parameter)
        layer.bias[:2] = 1.0
    assert sampled(model, lambda: model(torch.randn(shape)))["dead_fraction/1"] == pytest.approx(dead)


def test_a_layer_called_several_times_counts_once_and_a_shared_one_has_one_name() -> None:
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu)
    x = torch.randn(8, 4)
    seen = sampled(model, lambda: model(x))
    assert seen["activation_mean/1"] == pytest.approx(model[0](x).relu().mean().item(), rel=1e-5)
    assert "activation_mean/3" not in seen


def test_tuples_half_precision_and_integers() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(4, 5)
            self.halves = nn.Identity()
            self.ids = nn.Identity()
            self.frozen = nn.Linear(5, 2).requires_grad_(False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.halves(torch.full((4, 70_000), 2.0, dtype=torch.float16))
            self.ids(torch.arange(3))
            out: torch.Tensor = self.frozen(self.lstm(x)[0])
            return out

    model, x = Mixed(), torch.randn(3, 2, 4)
    seen = sampled(model, lambda: model(x))
    assert seen["activation_mean/lstm"] == pytest.approx(model.lstm(x)[0].mean().item(), rel=1e-4)
    assert seen["activation_mean/halves"] == 2.0
    assert seen["activation_std/halves"] == 0.0
    assert "activation_mean/ids" not in seen
    assert "activation_mean/frozen" in seen


def test_of_a_large_output_evenly_spaced_rows_are_looked_at() -> None:
    model = nn.Sequential(nn.Identity())
    rows = torch.zeros(64, 1 << 16)
    rows[32:] = 1.0
    seen = sampled(model, lambda: model(rows))
    assert seen["zero_fraction/0"] == 0.5


def test_not_a_number_is_told_as_it_is() -> None:
    model = nn.Sequential(nn.Identity())
    seen = sampled(model, lambda: model(torch.tensor([[float("nan"), 1.0]])))
    assert math.isnan(seen["activation_mean/0"])


def test_no_hook_remains() -> None:
    class Raises(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError(f"{hooks_in(model)} hooks")

    model = nn.Sequential(nn.Linear(2, 2), Raises())
    watch = LayerWatch(model, CPU)
    with pytest.raises(ValueError, match="2 hooks"), watch.sampling(1):
        model(torch.randn(3, 2))
    assert hooks_in(model) == 0
    assert list(watch.take()) == []
    with watch.sampling(2):
        model[0](torch.randn(3, 2))
    assert hooks_in(model) == 0


def test_compiled_and_scripted_modules_and_replicas_are_left_out() -> None:
    part = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    model = nn.ModuleDict(
        {
            "scripted": torch.jit.script(nn.Sequential(nn.Linear(2, 2))),
            "replicated": nn.DataParallel(nn.Linear(2, 2)),
            "compiled": compiled(part),
            "plain": nn.Linear(2, 2),
        }
    )
    in_place = nn.Sequential(nn.Linear(2, 2))
    in_place.compile(backend="eager")
    model["in_place"] = in_place
    assert [name for name, _ in layers_of(model)] == ["plain"]


def test_a_compiled_model_is_not_compiled_anew() -> None:
    times = 0

    def count(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., object]:
        nonlocal times
        times += 1
        return graph.forward

    model = compiled(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), count)
    watch = LayerWatch(model, CPU)
    with watch.sampling(1):
        model(torch.randn(3, 2))
    model(torch.randn(3, 2))
    with watch.sampling(3):
        model(torch.randn(3, 2))
    assert times == 1


def test_an_encoder_in_eval_mode_keeps_its_fused_path() -> None:
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1, enable_nested_tensor=False
    )
    model = nn.ModuleDict({"encoder": encoder.eval().requires_grad_(False), "head": nn.Linear(8, 2)})
    assert [name for name, _ in layers_of(model)] == ["head"]
    encoder.train()
    assert "encoder.layers.0.linear1" in [name for name, _ in layers_of(model)]


def test_training_is_the_same_bit_for_bit() -> None:
    def losses(watched: bool) -> tuple[list[float], list[torch.Tensor]]:
        torch.manual_seed(3)
        model = nn.Sequential(
            nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.ReLU(inplace=True), nn.Dropout(0.4), nn.Flatten(),
            nn.Linear(24, 3),
        )  # fmt: skip
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        watch, seen = LayerWatch(model, CPU), []
        for step in range(20):
            x, y = torch.randn(16, 1, 8), torch.randint(3, (16,))
            if watched:
                with watch.sampling(step):
                    output = model(x)
            else:
                output = model(x)
            loss = nn.functional.cross_entropy(output, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        if watched:
            assert len(list(watch.take())) == 20
        return seen, [*model.parameters(), *model.buffers(), torch.get_rng_state()]

    one, other = losses(True), losses(False)
    assert one[0] == other[0]
    assert all(torch.equal(a, b) for a, b in zip(one[1], other[1], strict=True))


def test_a_sample_pays_for_itself_with_time_without(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    now_s = 0.0

    def clock() -> float:  # a millisecond passes whenever somebody looks
        nonlocal now_s
        now_s = next(ticks) / 1000
        return now_s

    monkeypatch.setattr("tui.kernel.training.log.layer_watch.perf_counter", clock)
    model = nn.Sequential(*(nn.Linear(64, 64) for _ in range(20)))
    watch = LayerWatch(model, CPU)
    x = torch.randn(64, 64)
    with watch.sampling(1):
        pass
    assert watch.next_at_s - now_s > 0.001 / LayerWatch.SHARE / 2  # hooks put on and taken off
    with watch.sampling(2):
        model(x)
    assert watch.next_at_s - now_s > 20 * 0.001 / LayerWatch.SHARE / 2  # twenty layers were looked at
    watch._began_s -= 3600
    with watch.sampling(3):
        pass
    assert watch.next_at_s - now_s > 1.9
    assert LayerWatch(model, CPU, enabled=False).next_at_s == float("inf")


@pytest.mark.cuda
def test_nothing_waits_for_the_device() -> None:
    device = torch.device("cuda:0")
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).to(device)
    x = torch.randn(4, 1, 8, 8, device=device)
    expected = model[0](x).mean().item()
    watch = LayerWatch(model, device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        with watch.sampling(1):
            model(x)
        list(watch.take())
        with watch.sampling(2):
            model(x)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    samples = list(watch.take(wait=True))
    assert samples[-1][0] == 2
    assert dict(samples[-1][2])["activation_mean/0"] == pytest.approx(expected, rel=1e-4)
