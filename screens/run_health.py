"""From a run's series to what the panel of its health shows. Imports numpy, so it is loaded late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tui.protocol.run import PHASES, SAMPLES_PER_S, phase_tag
from tui.runs.alerts import AlertBook, alerts
from tui.runs.reader import RunReader
from tui.runs.series import Series
from tui.widgets import words
from tui.widgets.panels.health import Gauge, HealthData, Warned

HISTORY: Final = 60


def _percent(value: float) -> str:
    return f"{value:.0f} %"


GAUGES: Final[tuple[tuple[str, str, Callable[[float], str]], ...]] = (
    (SAMPLES_PER_S, "samples/s", lambda value: words.count(float(f"{value:.3g}"))),
    ("machine/process_cpu_percent", "CPU of this process", lambda value: f"{value / 100:.1f} cores"),
    ("machine/cpu_percent", "CPU of the machine", _percent),
    ("machine/rss_bytes", "memory of this process", lambda value: words.size(int(value))),
    ("machine/available_bytes", "memory still available", lambda value: words.size(int(value))),
    ("gpu/utilization_percent", "GPU", _percent),
    ("memory/allocated_bytes", "GPU memory allocated", lambda value: words.size(int(value))),
    ("memory/reserved_bytes", "GPU memory reserved", lambda value: words.size(int(value))),
    ("memory/free_bytes", "GPU memory free", lambda value: words.size(int(value))),
    ("gpu/power_w", "GPU power", lambda value: f"{value:.0f} W"),
    ("gpu/temperature_c", "GPU temperature", lambda value: f"{value:.0f} °C"),
)


def alerts_of(reader: RunReader, book: AlertBook) -> tuple[Warned, ...]:
    """Return the alerts of a run but for what it failed of."""
    info = reader.record.info
    failed_of = info.error.kind if info is not None and info.error is not None else ""
    return tuple(
        Warned(alert.text, alert.severe, holds)
        for alert, holds in book.note(alerts(reader.series))
        if not (alert.kind == "not finite" and failed_of == "NotFinite")
    )


def health_of(reader: RunReader, told: tuple[Warned, ...]) -> HealthData:
    """Return the alerts as they are, the parts of a step and the machine's figures."""
    series = reader.series
    phases = tuple(
        (phase, point.value)
        for phase in PHASES
        if (each := series.get(phase_tag(phase))) is not None and (point := each.last) is not None
    )
    gauges = tuple(
        Gauge(name, text(point.value), _history(each))
        for tag, name, text in GAUGES
        if (each := series.get(tag)) is not None and (point := each.last) is not None
    )
    return HealthData(told, phases, gauges, _absent(reader))


def failure_of(reader: RunReader) -> tuple[Warned, ...]:
    """Return why the run failed, in full: the header has one line for it."""
    info = reader.record.info
    if reader.record.status != "failed" or info is None or info.error is None:
        return ()
    place = f" ({info.error.where})" if info.error.where else ""
    return (Warned(f"failed: {info.error.message}{place}", severe=True, holds=True),)


def _history(series: Series) -> tuple[float, ...]:
    with series.lock:
        values = series.values
        every = max(1, len(values) // HISTORY)
        return tuple(float(value) for value in values[::every][-HISTORY:])


def _absent(reader: RunReader) -> tuple[str, ...]:
    info = reader.record.info
    if info is None:
        return ()
    if not info.device.startswith("cuda"):
        return (f"no GPU figures: the run is on {info.device}",)
    if "gpu/utilization_percent" not in reader.series:
        return ("no utilization, power or temperature: NVML (the nvidia-ml-py package) does not answer",)
    return ()
