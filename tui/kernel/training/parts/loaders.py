"""The preset's loaders as the settings want them: other numbers of workers, one batch again and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from torch.utils.data import DataLoader, IterableDataset

from tui.kernel.training.trouble.refusals import LoopError, SettingsError

LEAST_STEPS: Final = 100
"""A run on one batch, or over a range of learning rates, tells nothing in fewer."""

Loader = Any


def with_workers(name: str, loader: Loader, workers: int) -> Loader:
    """Return a loader like the given one whose batches are loaded by so many processes; 0: by the training itself.

    Args:
        name: what ``data()`` calls it.
        loader: stays as it is, and shares sampler, dataset and generator with the new one.

    Raises:
        SettingsError: that cannot be done with it, or would give every batch several times.
    """
    what = f"data()[{name!r}]"
    if type(loader) is not DataLoader:
        kind = "a DataLoader of the preset's own kind" if isinstance(loader, DataLoader) else "no DataLoader"
        raise SettingsError(
            f"loader_workers={workers}: {what} is {kind} ({type(loader).__name__}), so it cannot be given workers"
        )
    if loader.num_workers == workers:
        return loader
    if isinstance(loader.dataset, IterableDataset) and workers > 1:
        raise SettingsError(
            f"loader_workers={workers}: {what} reads an IterableDataset ({type(loader.dataset).__name__}), of which"
            " every worker would give all samples; let the preset share them out with get_worker_info, or take 1"
        )
    try:
        return _rebuilt(loader, workers)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"loader_workers={workers}: {what} cannot be made again: {error}") from error


def _rebuilt(loader: DataLoader[Any], workers: int) -> DataLoader[Any]:
    arguments: dict[str, Any] = {
        "dataset": loader.dataset,
        "collate_fn": loader.collate_fn,
        "pin_memory": loader.pin_memory,
        "worker_init_fn": loader.worker_init_fn,
        "generator": loader.generator,
        "num_workers": workers,
    }
    if loader.batch_size is None and loader.batch_sampler is not None:
        arguments["batch_sampler"] = loader.batch_sampler
    else:
        arguments.update(batch_size=loader.batch_size, drop_last=loader.drop_last)
        if not isinstance(loader.dataset, IterableDataset):
            arguments["sampler"] = loader.sampler
    if getattr(loader, "pin_memory_device", ""):
        arguments["pin_memory_device"] = loader.pin_memory_device
    if hasattr(loader, "in_order"):
        arguments["in_order"] = loader.in_order
    if workers > 0:
        arguments.update(
            timeout=loader.timeout,
            prefetch_factor=loader.prefetch_factor,
            persistent_workers=loader.persistent_workers,
            multiprocessing_context=loader.multiprocessing_context,
        )
    return DataLoader(**arguments)


class OneBatch:
    """A loader that gives its one batch again and again."""

    def __init__(self, loader: Loader, length: int) -> None:
        """Draw the first batch of `loader`; `length`: how often it is given.

        Raises:
            LoopError: there is none.
        """
        batches = iter(loader)
        try:
            self._batch = next(batches)
        except StopIteration:
            raise LoopError("data()['train'] has no batches") from None
        self._length = length

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return iter([self._batch] * self._length)
