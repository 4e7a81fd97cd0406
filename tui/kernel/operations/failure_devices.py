"""Failures of devices: mixed, absent, poisoned, out of memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import torch

from tui.kernel.explain import explain
from tui.kernel.operations.fault import Fault, Rule, Told, called, code, first_sentence
from tui.kernel.operations.operation import Argument, Operation
from tui.kernel.operations.seen import TensorSeen
from tui.kernel.operations.words import listed


def devices(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain tensors on different devices."""
    culprit, op = fault.culprit, fault.op
    operands = [a for a in op.tensors if a.tensor is not None] if op is not None else []
    where = {a.tensor.device for a in operands if a.tensor is not None}
    if culprit is not None and culprit.layer is not None:
        layer = culprit.layer
        weight = next((seen for _, seen in layer.seen.parameters), None)
        if weight is not None and isinstance(layer.input, TensorSeen) and weight.device != layer.input.device:
            words = f"{layer.name} is on {weight.device}, its input on {layer.input.device}: nothing moves by itself."
            cures = (
                [called(op, f'{code(op.arguments[0])}.to("{weight.device}")')] if op and op.arguments else []
            )
            return Told(words, cures)
    if len(where) < 2 or op is None:
        return Told(f"All tensors of an operation must be on one device. {first_sentence(fault.message)}.")
    names = listed([f"{a.text} is on {a.tensor.device}" for a in operands if a.tensor is not None])
    words = f"All tensors of an operation must be on one device: {names}. Nothing is moved by itself."
    return Told(words, _one_device(op, operands))


def _one_device(op: Operation, operands: Sequence[Argument]) -> list[str]:
    first, second = operands[0], operands[1]
    if len(op.arguments) < 2 or not code(first) or not code(second):
        return []
    one, other = (a.tensor.device if a.tensor is not None else "" for a in (first, second))
    moves = [
        (other, called(op, f"{code(first)}.to({code(second)}.device)", code(second))),
        (one, called(op, code(first), f"{code(second)}.to({code(first)}.device)")),
    ]
    moves.sort(key=lambda move: (move[0] == "meta", move[0] == "cpu"))  # towards the accelerator
    # a tensor on meta has no values that could go anywhere
    return [text for to, text in moves if text and (to == "meta" or "meta" not in (one, other))]


def no_cuda(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a torch without CUDA."""
    words = "This torch was built without CUDA, so it has the CPU alone."
    if torch.version.cuda is not None:
        words = "CUDA is not available here: no driver or no GPU was found."
    return Told(
        words,
        ['device = "cuda" if torch.cuda.is_available() else "cpu"', "torchtui doctor says more"],
        sure=True,
    )


def no_accelerator(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a device of a kind that this machine or this torch does not have."""
    kind = found[1] if found.re.groups else ""
    words = (
        f"This torch has no {kind} device here." if kind else "There is no accelerator here, only the CPU."
    )
    return Told(
        words,
        ['device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"'],
        sure=True,
    )


def bad_device(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a device that there is not."""
    return Told(f"“{found[1]}” is no device: those are cpu, cuda, cuda:0, mps and their like.", sure=True)


def device_assert(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain a device-side assert."""
    words = (
        "A CUDA kernel failed a check, often an index or a class id out of range. CUDA is unusable in this kernel from"
        " now on."
    )
    return Told(
        words,
        ["restart the kernel: ctrl+k", "run the same on the cpu: there the error names the line"],
        [],
        True,
    )


def out_of_memory(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain that the GPU has no memory left."""
    told = explain(torch.OutOfMemoryError(fault.message))
    cures = [
        "with torch.no_grad(): where no gradient is needed",
        "smaller batches",
        "del what is not needed any more",
    ]
    return Told(told[0].upper() + told[1:] + ".", cures, sure=True)


def cuda_numpy(fault: Fault, found: re.Match[str]) -> Told | None:
    """Explain NumPy of a tensor on another device."""
    given = fault.first
    x = code(given) if given is not None else ""
    return Told(
        f"NumPy arrays live in the memory of the CPU, the tensor on {found[1]}.",
        [f"{x}.detach().cpu().numpy()" if x else ".cpu() first"],
    )


_DEVICE: Final = r"(?:cpu|cuda|mps|meta|xpu)(?::\d+)?"
RULES: Final[tuple[Rule, ...]] = (
    (r"Expected all tensors to be on the same device", devices),
    (rf"Tensor on device {_DEVICE} is not on the expected device {_DEVICE}", devices),
    (r"Torch not compiled with CUDA enabled|Found no NVIDIA driver|No CUDA GPUs are available", no_cuda),
    (r"Cannot access accelerator device when none is available", no_accelerator),
    (r"^Could not run '[^']+' with arguments from the '(MPS|CUDA|XPU|HPU|XLA|MTIA)' backend", no_accelerator),
    (r"(?:device type at start of device string: |Invalid device string: ')([^\s']+)", bad_device),
    (r"device-side assert", device_assert),
    (r"CUDA out of memory", out_of_memory),
    (r"can't convert (\S+) device type tensor to numpy", cuda_numpy),
)  # fmt: skip
