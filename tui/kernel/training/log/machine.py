"""What the machine does while a run trains: processor, memory, GPU. What cannot be told is left out.

Never synchronizes the device. Nothing here raises.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import torch

from tui.kernel.training.log.sampling import Allowance
from tui.protocol.run import ALLOCATED_BYTES

CPU_PERCENT: Final = "machine/cpu_percent"
"""Of all cores together, by whoever: 0 to 100."""
PROCESS_CPU_PERCENT: Final = "machine/process_cpu_percent"
"""By this process: 100 is one core."""
RSS_BYTES: Final = "machine/rss_bytes"
"""Resident memory of this process."""
AVAILABLE_BYTES: Final = "machine/available_bytes"
"""Memory that programs can still get, in this container where there is one."""
RESERVED_BYTES: Final = "memory/reserved_bytes"
"""What torch holds of the device's memory, the allocated part included."""
FREE_BYTES: Final = "memory/free_bytes"
"""What no program holds of the device's memory."""
GPU_UTILIZATION: Final = "gpu/utilization_percent"
"""Share of the last moments in which any kernel ran; not how full the GPU was."""
GPU_POWER: Final = "gpu/power_w"
GPU_TEMPERATURE: Final = "gpu/temperature_c"


class MachineWatch:
    """Reads the machine every few seconds."""

    INTERVAL_S = 5.0
    SHARE = 0.0005

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._allowance = Allowance(self.SHARE, self.INTERVAL_S)
        self._process = (perf_counter(), process_time())
        self._busy = _busy_and_total()
        self._gpu: Gpu | None = None
        self._is_new = True
        self.next_at_s = perf_counter()
        """When `read` has something to tell, on the clock of `perf_counter`."""

    def read(self) -> dict[str, float]:
        """Return values by tag."""
        if self._is_new and self._device.type == "cuda":
            self._gpu = Gpu.of(self._device)  # may take long, the first time in a process: not counted
        start_s = perf_counter()
        values: dict[str, float] = {}
        for read in (self._processor, self._memory, self._device_memory):
            with suppress(Exception):
                values.update(read())
        if self._gpu is not None:
            values.update(self._gpu.read())
        self._is_new = False
        self._allowance.spent(start_s, perf_counter())
        self.next_at_s = self._allowance.next_at_s
        return values

    def _processor(self) -> dict[str, float]:
        (then_s, used_then_s), now = self._process, (perf_counter(), process_time())
        if now[0] - then_s < 0.05:  # too short to tell
            return {}
        self._process = now
        values = {PROCESS_CPU_PERCENT: 100.0 * (now[1] - used_then_s) / (now[0] - then_s)}
        before, self._busy = self._busy, _busy_and_total()
        if before is not None and self._busy is not None and self._busy[1] > before[1]:
            share = (self._busy[0] - before[0]) / (self._busy[1] - before[1])
            values[CPU_PERCENT] = min(100.0, max(0.0, 100.0 * share))
        return values

    def _memory(self) -> dict[str, float]:
        found = {RSS_BYTES: _resident_bytes(), AVAILABLE_BYTES: _available_bytes()}
        return {tag: float(value) for tag, value in found.items() if value is not None}

    def _device_memory(self) -> dict[str, float]:
        if self._device.type == "cuda":
            values = {
                ALLOCATED_BYTES: float(torch.cuda.memory_allocated(self._device)),
                RESERVED_BYTES: float(torch.cuda.memory_reserved(self._device)),
            }
            with suppress(RuntimeError):
                values[FREE_BYTES] = float(torch.cuda.mem_get_info(self._device)[0])
            return values
        if self._device.type == "mps":
            return {
                ALLOCATED_BYTES: float(torch.mps.current_allocated_memory()),
                RESERVED_BYTES: float(torch.mps.driver_allocated_memory()),
            }
        return {}


class Gpu:
    """A CUDA device as NVIDIA's management library (NVML) sees it."""

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._readers: list[tuple[str, Callable[[], float]]] = [
            (GPU_UTILIZATION, lambda: float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
            (GPU_POWER, lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1e3),
            (
                GPU_TEMPERATURE,
                lambda: float(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            ),
        ]

    @classmethod
    def of(cls, device: torch.device) -> Gpu | None:
        """Return the device; None without NVML, a driver, or the permission."""
        try:
            nvml = importlib.import_module("pynvml")
            nvml.nvmlInit()
            properties = torch.cuda.get_device_properties(device)
        except Exception:  # noqa: BLE001 - NVML has an error for everything
            return None
        # By what the device is, not by its number: CUDA_VISIBLE_DEVICES renumbers, NVML does not see that.
        names = [f"{kind}-{getattr(properties, 'uuid', '')}" for kind in ("GPU", "MIG")]
        for name in names:
            with suppress(Exception):
                return cls(nvml, nvml.nvmlDeviceGetHandleByUUID(name))
        with suppress(Exception):
            return cls(nvml, nvml.nvmlDeviceGetHandleByPciBusId(_bus_id(properties)))
        return None

    def read(self) -> dict[str, float]:
        """Return values by tag; what this device does not tell is not asked again."""
        values: dict[str, float] = {}
        for tag, reader in tuple(self._readers):
            try:
                values[tag] = reader()
            except Exception:  # noqa: BLE001 - not supported, no permission, fallen off the bus
                self._readers.remove((tag, reader))
        return values


def _bus_id(properties: Any) -> str:
    return f"{properties.pci_domain_id:08x}:{properties.pci_bus_id:02x}:{properties.pci_device_id:02x}.0"


def _on_linux() -> bool:
    return sys.platform == "linux"


def _psutil() -> Any | None:
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None


def _busy_and_total() -> tuple[float, float] | None:
    """Return the seconds, or ticks, that all cores have been busy, and those that have passed."""
    try:
        if _on_linux():
            with open("/proc/stat", encoding="ascii") as file:
                fields = [
                    float(field) for field in file.readline().split()[1:9]
                ]  # guests are in `user` as well
            return sum(fields) - fields[3] - fields[4], sum(fields)
        times = _psutil().cpu_times()  # type: ignore[union-attr]
    except (OSError, ValueError, IndexError, AttributeError):
        return None
    return sum(times) - times.idle, sum(times)


def _resident_bytes() -> int | None:
    try:
        if _on_linux():
            pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
            return int(pages) * os.sysconf("SC_PAGE_SIZE")
        return int(_psutil().Process().memory_info().rss)  # type: ignore[union-attr]
    except (OSError, ValueError, IndexError, AttributeError):
        return None


def _available_bytes() -> int | None:
    try:
        if not _on_linux():
            return int(_psutil().virtual_memory().available)  # type: ignore[union-attr]
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        kibibytes = next(line.split()[1] for line in text.splitlines() if line.startswith("MemAvailable:"))
        available = int(kibibytes) * 1024
    except (OSError, ValueError, IndexError, AttributeError, StopIteration):
        return None
    in_container = _available_in_container()
    return available if in_container is None else min(available, in_container)


def _available_in_container(root: str = "/sys/fs/cgroup") -> int | None:
    """Return what the limit of this control group (version 2) leaves; None without one."""
    try:
        limit = int(Path(root, "memory.max").read_text(encoding="ascii"))  # "max": no limit, a ValueError
        used = int(Path(root, "memory.current").read_text(encoding="ascii"))
        for line in Path(root, "memory.stat").read_text(encoding="ascii").splitlines():
            name, _, size = line.partition(" ")
            if name == "inactive_file":
                used -= int(size)  # a cache that gives way
    except (OSError, ValueError):
        return None
    return max(0, limit - used)
