"""Training an experiment in a worker thread of the kernel, and recording it in a run directory.

Owns the loop, its control, its checkpoints and its log. `log.recorder` stands apart from `loop`, so that it can
observe a loop that is not ours. Imports the standard library, torch and `tui.protocol`, nothing else; numpy's
random stream is looked after only where the user's own code has loaded numpy.

    trainer         one run at a time: start, control, state      (the kernel's door)
    sweep           one run after the other
    worker          the thread: prepares, trains, ends, in any way
    standing, telling, report    its status; what the loop tells; the lines of its log
    loop            epochs, steps, limits
    forward         from a batch to its loss: precision, compiler, phases
    groups          steps of several batches, and of optimizers that search
    update          from gradients to changed parameters: scaler, clipping
    between_batches evaluation, preview, schedule, the start of an epoch
    courses         one batch learnt by heart, a range of learning rates

    parts/          what a run is made of: settings checked before it begins, the preset's module, what its
                    functions return, or what was chosen instead
    steer/          what it is asked (control) and what of it may be changed while it goes on
    waiting/        where it pauses, what it shows there, the names given to the REPL
    log/            the event log and what measures for it: losses, phases, layers, gradients, machine
    keep/           run.json, last.pt and best.pt, random states, export
    views/          the model at work: confusion, worst samples, boundary, preview
    dry/            one batch through all of it, before the run
    trouble/        failures, in words for the user
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.kernel.training.trainer import Trainer
    from tui.kernel.training.trouble.refusals import RunRefused

__all__ = ["RunRefused", "Trainer"]


def __getattr__(name: str) -> object:
    """Import the trainer, and with it torch, when it is asked for: the event writer needs neither."""
    if name in __all__:
        from tui.kernel.training import trainer

        return getattr(trainer, name)
    raise AttributeError(name)
