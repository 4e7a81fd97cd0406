"""Random states: setting them, keeping them, putting them back.

A state is made of lists, numbers and tensors alone, so that a checkpoint that holds it loads with
``weights_only=True``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypedDict

import torch


class RandomState(TypedDict):
    """Every random stream a training loop may draw from."""

    torch: torch.Tensor
    """CPU stream of torch, uint8 (5056,)."""
    python: tuple[Any, ...]
    """``random.getstate()``."""
    numpy: list[Any] | None
    """The global stream of numpy, its keys as a list; None where numpy is not loaded."""
    device: torch.Tensor | None
    """Stream of the device the run trains on, uint8; None on the CPU."""
    generators: list[torch.Tensor]
    """States of the loaders' own generators, in the order of `generators_of`."""


def seed_everything(seed: int) -> None:
    """Seed python, torch on every device, and numpy where it is loaded."""
    random.seed(seed)
    torch.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % 2**32)


def generators_of(loaders: Sequence[object]) -> list[torch.Generator]:
    """Return each generator that these loaders and their samplers own, once."""
    found: list[torch.Generator] = []
    for loader in loaders:
        batch_sampler = getattr(loader, "batch_sampler", None)
        samplers = (getattr(loader, "sampler", None), batch_sampler, getattr(batch_sampler, "sampler", None))
        for owner in (loader, *samplers):
            generator = getattr(owner, "generator", None)
            if isinstance(generator, torch.Generator) and not any(generator is known for known in found):
                found.append(generator)
    return found


def random_state(device: torch.device, generators: Sequence[torch.Generator] = ()) -> RandomState:
    """Return the state of every stream. Does not synchronize the device."""
    numpy = sys.modules.get("numpy")
    numpy_state: list[Any] | None = None
    if numpy is not None:
        name, keys, *rest = numpy.random.get_state()
        numpy_state = [str(name), keys.tolist(), *rest]
    return RandomState(
        torch=torch.get_rng_state(),
        python=random.getstate(),
        numpy=numpy_state,
        device=_device_state(device),
        generators=[generator.get_state() for generator in generators],
    )


def restore_random_state(
    state: RandomState, device: torch.device, generators: Sequence[torch.Generator] = ()
) -> None:
    """Put every stream back; those that are no longer there are passed over."""
    torch.set_rng_state(state["torch"])
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    numpy = sys.modules.get("numpy")
    kept = state["numpy"]
    if numpy is not None and kept is not None:
        numpy.random.set_state((kept[0], numpy.asarray(kept[1], dtype=numpy.uint32), *kept[2:]))
    _restore_device_state(state["device"], device)
    for generator, generator_state in zip(generators, state["generators"], strict=False):
        generator.set_state(generator_state)


@contextmanager
def preserved_randomness(device: torch.device, generators: Sequence[torch.Generator] = ()) -> Iterator[None]:
    """Leave every stream as it was found."""
    state = random_state(device, generators)
    try:
        yield
    finally:
        restore_random_state(state, device, generators)


@contextmanager
def preserved_torch_randomness(device: torch.device) -> Iterator[None]:
    """Leave torch's streams as they were found, which takes microseconds; python's and numpy's take longer."""
    cpu, on_device = torch.get_rng_state(), _device_state(device)
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        _restore_device_state(on_device, device)


def _restore_device_state(state: torch.Tensor | None, device: torch.device) -> None:
    if state is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif state is not None and device.type == "mps":
        torch.mps.set_rng_state(state)


def _device_state(device: torch.device) -> torch.Tensor | None:
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    if device.type == "mps":
        return torch.mps.get_rng_state()
    return None
