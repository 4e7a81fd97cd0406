"""Training an experiment in a worker thread of the kernel, and recording it in a run directory.

Owns the loop, its control, its checkpoints and its log. `recorder` stands apart from `loop`, so that it can
observe a loop that is not ours. Imports the standard library, torch and `tui.protocol`, nothing else; numpy's
random stream is looked after only where the user's own code has loaded numpy.

    trainer     one run at a time: start, control, state          (the kernel's door)
    worker      the thread: prepares, trains, ends, in any way
    loop        epochs, batches, evaluation, pause
    experiment  the preset's file as a module, and what its functions return
    recorder    what goes to the event log, and when; losses, phases and gradients feed it
    events      TensorBoard's file format
    rundir      the folder, run.json and git
    checkpoint  last.pt and best.pt
    randomness  random states: kept, put back
    output      log.txt
    handover    the names given to the REPL
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
