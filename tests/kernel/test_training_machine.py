"""What is told of the machine, and that what cannot be told is left out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import perf_counter
from types import ModuleType, SimpleNamespace

import psutil
import pytest
import torch

from tui.kernel.training.log import machine
from tui.kernel.training.log.machine import Gpu, MachineWatch

CPU = torch.device("cpu")


def busy(seconds: float) -> None:
    end_s = perf_counter() + seconds
    while perf_counter() < end_s:
        sum(range(1000))


def test_processor_and_memory_are_those_the_system_tells() -> None:
    watch = MachineWatch(CPU)
    busy(0.3)
    values = watch.read()
    assert 20 < values["machine/process_cpu_percent"] < 100 * (os.cpu_count() or 1)
    assert 0 < values["machine/cpu_percent"] <= 100
    assert values["machine/rss_bytes"] == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
    assert 0 < values["machine/available_bytes"] <= psutil.virtual_memory().total


def test_on_the_cpu_there_is_no_gpu() -> None:
    assert not [tag for tag in MachineWatch(CPU).read() if tag.startswith(("gpu/", "memory/"))]


def test_it_is_read_now_and_then_and_costs_next_to_nothing() -> None:
    watch = MachineWatch(CPU)
    assert watch.next_at_s <= perf_counter()
    start_s = perf_counter()
    watch.read()
    took_s = perf_counter() - start_s
    assert watch.next_at_s - perf_counter() > max(4.5, took_s / 0.001)


@pytest.mark.parametrize("without_psutil", [False, True])
def test_another_system(monkeypatch: pytest.MonkeyPatch, without_psutil: bool) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    if without_psutil:
        monkeypatch.setitem(sys.modules, "psutil", None)
    watch = MachineWatch(CPU)
    busy(0.1)
    tags = set(watch.read())
    assert "machine/process_cpu_percent" in tags
    assert tags >= {"machine/rss_bytes", "machine/available_bytes"} or without_psutil
    assert len(tags) > 1 or without_psutil


def test_a_containers_limit_is_what_counts(tmp_path: Path) -> None:
    assert machine._available_in_container(str(tmp_path)) is None
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 150\n")
    assert machine._available_in_container(str(tmp_path)) == 450
    (tmp_path / "memory.max").write_text("max\n")
    assert machine._available_in_container(str(tmp_path)) is None


class NVMLError(Exception):
    pass


def fake_nvml(uuid: str, *, without: str = "") -> ModuleType:
    nvml = ModuleType("pynvml")

    def raises(*_: object) -> None:
        raise NVMLError

    def by_uuid(name: str) -> str:
        if name != uuid:
            raise NVMLError(name)
        return "handle"

    functions = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByUUID": by_uuid,
        "nvmlDeviceGetHandleByPciBusId": lambda name: {"00000000:3b:00.0": "handle"}[name],
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=87, memory=3),
        "nvmlDeviceGetPowerUsage": lambda handle: 312_500,
        "nvmlDeviceGetTemperature": lambda handle, sensor: 61,
    }
    if without:
        functions[without] = raises
    vars(nvml).update(functions, NVML_TEMPERATURE_GPU=0)
    return nvml


@pytest.fixture
def properties(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    found = SimpleNamespace(uuid="12-34", pci_domain_id=0, pci_bus_id=0x3B, pci_device_id=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: found)
    return found


@pytest.mark.parametrize("uuid", ["GPU-12-34", "MIG-12-34", "unknown"])
def test_a_gpu_is_found_by_what_it_is(
    monkeypatch: pytest.MonkeyPatch, properties: SimpleNamespace, uuid: str
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml(uuid))
    gpu = Gpu.of(torch.device("cuda:0"))
    assert gpu is not None
    told = {"gpu/utilization_percent": 87.0, "gpu/power_w": 312.5, "gpu/temperature_c": 61.0}
    assert gpu.read() == told


def test_what_a_gpu_does_not_tell_is_left_out(
    monkeypatch: pytest.MonkeyPatch, properties: SimpleNamespace
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml("GPU-12-34", without="nvmlDeviceGetPowerUsage"))
    gpu = Gpu.of(torch.device("cuda:0"))
    assert gpu is not None
    assert set(gpu.read()) == {"gpu/utilization_percent", "gpu/temperature_c"}


@pytest.mark.parametrize("nvml", [None, fake_nvml("", without="nvmlInit")])
def test_without_the_library_or_a_driver_there_is_no_gpu(
    monkeypatch: pytest.MonkeyPatch, nvml: ModuleType | None
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert Gpu.of(torch.device("cuda:0")) is None


@pytest.mark.cuda
def test_a_device_tells_and_nothing_waits_for_it() -> None:
    device = torch.device("cuda:0")
    kept = torch.ones(1 << 20, device=device)
    torch.cuda.set_sync_debug_mode("error")
    try:
        values = MachineWatch(device).read()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert values["memory/reserved_bytes"] >= values["memory/allocated_bytes"] >= kept.nbytes
    assert values["memory/free_bytes"] > 0
