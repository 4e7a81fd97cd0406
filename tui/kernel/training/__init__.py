"""Training an experiment in a worker thread of the kernel, and recording it in a run directory.

Owns the loop, its control, its checkpoints and its log. `recorder` stands apart from `loop`, so that it can
observe a loop that is not ours. Imports the standard library, torch and `tui.protocol`, nothing else; numpy's
random stream is looked after only where the user's own code has loaded numpy.

    trainer         one run at a time: start, control, state      (the kernel's door)
    settings        checked before a run begins, taken on by one that is resumed
    worker          the thread: prepares, trains, ends, in any way
    standing, telling, keeping, giving, report    its status; what the loop tells; what is kept; what the REPL sees
    loop            epochs, steps, limits
    forward         from a batch to its loss: precision, compiler, phases
    groups          steps of several batches, and of optimizers that search
    update          from gradients to changed parameters: scaler, clipping
    pauses          where the loop waits; control is what it is asked
    between_batches evaluation, preview, schedule, the start of an epoch
    courses         one batch learnt by heart, a range of learning rates
    live            what of a run in progress may be changed from outside; steering changes it
    preset_module, experiment    the preset's file as a module; what its functions return, or the settings instead
    recorder        what goes to the event log, and when; losses, phases, layers and gradients feed it
    events          TensorBoard's file format
    rundir          the folder, run.json and git
    checkpoint      last.pt and best.pt; best is what the latter goes by
    randomness      random states: kept, put back
    handover        the names given to the REPL
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.kernel.training.trainer import RunRefused, Trainer

__all__ = ["RunRefused", "Trainer"]


def __getattr__(name: str) -> object:
    """Import the trainer, and with it torch, when it is asked for: the event writer needs neither."""
    if name in __all__:
        from tui.kernel.training import trainer

        return getattr(trainer, name)
    raise AttributeError(name)
