"""How the kernel's process is: memory, device, versions. Asking never creates a CUDA context."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from tui.protocol.messages import CudaMemory, TorchState


@dataclass
class TorchImport:
    """The import of torch in the background, which takes about two seconds: nobody waits for it to type."""

    on_end: Callable[[], None]
    """Called once, from the importing thread, when it has ended either way."""
    state: TorchState = "importing"
    version: str | None = None
    error: str = ""
    device: str = "cpu"
    device_name: str = ""

    def __post_init__(self) -> None:
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to import torch in a thread of its own."""
        threading.Thread(target=self._run, name="torchtui-import-torch", daemon=True).start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the import has ended; return whether torch is there."""
        self._ended.wait(timeout_s)
        return self.state == "ready"

    def _run(self) -> None:
        try:
            import torch
            import torch.nn.functional

            self.version = str(torch.__version__)
            self.device = _default_device()
            self.state = "ready"
        except BaseException as error:  # noqa: BLE001 - any fault of an installation ends as words in the status bar
            self.error = f"{type(error).__name__}: {error}"
            self.state = "failed"
        finally:
            self._ended.set()
            self.on_end()
        self.device_name = _device_name(
            self.device
        )  # asks a program that may take seconds: nobody waits for it


def _default_device() -> str:
    """Return where device ``auto`` trains."""
    import torch

    if torch.cuda.is_available():
        return "cuda:0"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        return _nvidia_name()
    return "Apple GPU" if device == "mps" else platform.processor() or platform.machine()


def _nvidia_name() -> str:
    """Return the first visible GPU's name without touching CUDA; empty where nobody can tell."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=5, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    rows = [[cell.strip() for cell in line.split(",", 2)] for line in listed.stdout.splitlines()]
    rows = [row for row in rows if len(row) == 3]
    for index, uuid, name in rows:
        if visible in ("", index) or uuid.startswith(visible):
            return name
    return rows[0][2] if rows else ""


def rss_bytes() -> int:
    """Return the resident memory of this process, 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    import resource

    # the highest it ever was, the nearest thing there is without /proc; kilobytes, on macOS bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cuda_memory() -> CudaMemory | None:
    """Return the memory of the CUDA device in use; None where there is none or its context is broken.

    In use is the first on which PyTorch's allocator holds anything: asking for the free memory of another would
    create a context there, of several hundred MB.
    """
    if "torch" not in sys.modules:
        return None
    import torch

    try:
        if not torch.cuda.is_initialized():
            return None
        for device in range(torch.cuda.device_count()):
            reserved = torch.cuda.memory_reserved(device)
            if reserved:
                free, total = torch.cuda.mem_get_info(device)
                return CudaMemory(torch.cuda.memory_allocated(device), reserved, free, total)
    except (RuntimeError, AttributeError, AssertionError):
        pass
    return None
