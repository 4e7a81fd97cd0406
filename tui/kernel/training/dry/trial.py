"""What a dry run makes of the preset, in the order of a run, and keeps for its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any, Final

import torch
from torch import nn

from tui.kernel.torch_private import worker_processes
from tui.kernel.training.batches import describe, is_pair, mover
from tui.kernel.training.copying import copy_of_model
from tui.kernel.training.dry.looks import (
    values_of,
    warning_of_last_batch,
    warnings_of_parameters,
    warnings_of_values,
)
from tui.kernel.training.dry.watch import DryMistake, LossWatch
from tui.kernel.training.keep.randomness import seed_everything
from tui.kernel.training.parts import making
from tui.kernel.training.parts.preset_module import ExperimentModule
from tui.kernel.training.parts.wanted import Wanted
from tui.kernel.training.trouble.refusals import no_batches, no_pair
from tui.protocol.training import DryReport

_REAP_S: Final = 0.5
"""How long processes that were ended are waited for."""


class Trial:
    """The objects of one dry run, and what is found out about them. Each method returns what is told of it."""

    def __init__(self, wanted: Wanted, device: torch.device, namespace: Mapping[str, object]) -> None:
        self.seed = wanted.seed
        self.settings = replace(wanted.settings, compile=False)  # compiling takes longer than all the rest
        self.device = device
        self.namespace = namespace
        self.module = ExperimentModule(wanted.source)
        self.names: dict[str, Any] = {}
        """What the lines that are run see: ``model``, ``input``, ``target``, ``output``, ``loss_fn``, ``loss``, …"""
        self.warnings: list[str] = []
        self.report = DryReport(())
        self.loaders: dict[str, Any] = {}
        self.batches: Iterator[Any] | None = None
        self.batch: Any = None
        self.watch = LossWatch()

    def drop(self) -> None:
        """Let go of everything that was made."""
        self.module.forget()
        self.names.clear()
        self.batches = self.batch = None
        self.loaders = {}
        self.watch = LossWatch()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()  # what the allocator keeps would count as taken

    def end_loading(self) -> None:
        """End the processes that load batches; one that hangs would be waited for otherwise. From any thread."""
        processes = worker_processes(self.batches)
        for process in processes:
            process.terminate()  # a worker takes that from its parent for an order, not for a failure
        until_s = monotonic() + _REAP_S
        for process in processes:
            process.join(max(0.0, until_s - monotonic()))

    def make_data(self) -> str:
        """Run the preset and make its loaders."""
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        seed_everything(self.seed)
        self.module.run()
        self.loaders = making.make_loaders(self.module, self.settings)
        train = self.loaders["train"]
        batches = making.batches_in(train)
        if batches is not None:
            steps = -(-batches // max(1, self.settings.accumulate))
            self.report = replace(self.report, steps_per_epoch=steps)
        try:
            samples = f"{len(getattr(train, 'dataset')):,} samples, "  # noqa: B009 - any loader
        except (TypeError, AttributeError, NotImplementedError):
            samples = ""
        return f"{samples}{f'{batches:,} batches' if batches is not None else 'a stream of batches'}"

    def make_model(self) -> str:
        """Make the model, or copy the one of the namespace."""
        model = making.make_model(self.module, self.settings, self.namespace)
        if self.settings.model:
            model = copy_of_model(model)  # the user's own stays as it is
        lazy = [name for name, p in model.named_parameters() if isinstance(p, nn.UninitializedParameter)]
        if lazy:
            words = "has no size yet: let model() run a batch through the model before it returns it"
            raise DryMistake(f"{lazy[0]} {words}, or give the layer its sizes")
        self.names["model"] = model.to(self.device)
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        self.report = replace(self.report, parameters=trainable)
        if not any(True for _ in model.parameters()):
            raise DryMistake(f"{type(model).__name__} has no parameters, so there is nothing to train")
        if not trainable:
            raise DryMistake(
                "every parameter is frozen (requires_grad is False), so there is nothing to train"
            )
        frozen = sum(p.numel() for p in model.parameters()) - trainable
        also = f", {frozen:,} frozen" if frozen else ""
        return f"{type(model).__name__}, {trainable:,} trainable parameters{also}"

    def make_optimizer(self) -> str:
        """Make loss and optimizer."""
        model = self.names["model"]
        loss = making.make_loss(self.module, self.settings)
        self.names["loss_fn"] = loss.to(self.device) if isinstance(loss, nn.Module) else loss
        optimizer = making.make_optimizer(self.module, self.settings, model)
        self.names["optimizer"] = optimizer
        self.warnings += warnings_of_parameters(model, optimizer)
        lr = optimizer.param_groups[0].get("lr")
        return f"{type(optimizer).__name__}{f', lr {float(lr):g}' if lr is not None else ''}"

    def make_scheduler(self) -> str | None:
        """Make the schedule; None where there is none."""
        scheduler = making.make_scheduler(self.module, self.settings, self.names["optimizer"])
        self.names["scheduler"] = scheduler
        if scheduler is None:
            return None
        lr = float(self.names["optimizer"].param_groups[0]["lr"])
        return f"{type(scheduler).__name__}, begins at lr {lr:g}"

    def draw_batch(self) -> str:
        """Draw the first batch and move it to the device."""
        train = self.loaders["train"]
        self.batches = iter(train)
        try:
            raw = next(self.batches)
        except StopIteration:
            raise no_batches(0, 0) from None
        self.batch = mover(self.device)(raw)
        self.watch.watch_for(self.batch)
        step = self.module.function("step")
        if step is None:
            if not is_pair(self.batch):
                raise no_pair(self.batch)
            self.names["input"], self.names["target"] = self.batch
        else:
            self.names["step"], self.names["batch"] = step, self.batch
        warning = warning_of_last_batch(train, self.names["model"])
        self.warnings += [warning] if warning else []
        return f"a batch: {describe(self.batch)}"

    def look_at_values(self) -> None:
        """Note the tensors of the batch and the output, and what is odd about them."""
        if self.batch is None:
            return
        try:
            values = values_of(self.batch, self.names.get("output"), self.watch.class_ids)
        except Exception:  # noqa: BLE001 - a look at the user's tensors, after an error perhaps of their device
            return
        self.warnings += warnings_of_values(values)
        self.report = replace(self.report, values=values)
