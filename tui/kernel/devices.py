"""Which device a run trains on, and what it is called."""

from __future__ import annotations

import platform

import torch


class DeviceError(ValueError):
    """The device that was asked for is not there; the message says what is."""


def resolve_device(name: str) -> torch.device:
    """Return the device that ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` means here.

    Creates no CUDA context.

    Raises:
        DeviceError: no such device, or this PyTorch cannot use it.
    """
    word = name.strip().lower()
    if word == "auto":
        return _best()
    kind, _, index_text = word.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index_text and not index_text.isdigit()):
        raise DeviceError(f"there is no device {name!r}: a device is auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda":
        return _cuda(int(index_text or 0))
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device mps is not available: it needs an Apple GPU and a PyTorch built for it")
    return torch.device(kind)


def device_name(device: torch.device) -> str:
    """Return the hardware, e.g. ``NVIDIA H200``, empty for the CPU. Initializes CUDA for one of its own."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return platform.processor() or "Apple GPU"
    return ""


def _best() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _cuda(index: int) -> torch.device:
    if torch.version.cuda is None and torch.version.hip is None:
        raise DeviceError(f"CUDA is not available: PyTorch {torch.__version__} was built without it")
    if not torch.cuda.is_available():
        raise DeviceError("CUDA is not available: PyTorch finds no usable NVIDIA device or driver")
    count = torch.cuda.device_count()
    if index >= count:
        known = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise DeviceError(f"there is no device cuda:{index}: this machine has {known}")
    return torch.device("cuda", index)
