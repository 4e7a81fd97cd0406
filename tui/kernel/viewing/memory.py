"""How much memory a view may use for what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

_SHARE: Final = 0.5
"""Of the memory that is free: the rest is left to the user's cells and runs."""
_UNKNOWN_BYTES: Final = 4 << 30
"""Taken to be free where the system does not say."""


def room_bytes(device: torch.device) -> int:
    """Return the bytes that a computation on the device may take. Makes no CUDA context; synchronizes nothing."""
    return int(_SHARE * _free_bytes(device))


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda" and torch.cuda.is_initialized():
        free: int = torch.cuda.mem_get_info(device)[0]
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "cpu":
        return _available_bytes()
    return _UNKNOWN_BYTES


def _available_bytes() -> int:
    """Return the memory that the system could give without swapping, within the limit of our control group."""
    found = []
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(1024 * int(line.split()[1]))
    except (OSError, ValueError):  # not Linux
        pass
    try:
        group = Path("/sys/fs/cgroup")
        used = int((group / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        used -= int(stat.get("inactive_file", 0))  # files that are given up when memory is wanted
        found.append(max(0, int((group / "memory.max").read_text(encoding="ascii")) - used))
    except (OSError, ValueError):  # no such group, or no limit: "max"
        pass
    return min(found, default=_UNKNOWN_BYTES)
