"""A model that goes through `torch.compile`, as long as that works.

NOTE [Compiled models]
The user's model stays the user's: `Experiment.model` is never a compiled one, so that the names in its state, the
object in the namespace and what is inspected are the plain model's. What the loop calls is `Experiment.called`. It is
compiled when it first runs, and again for other shapes; whatever fails on the way is tried once more with the plain
model, in the first step with the random streams put back. Where that works it was the compiler's fault, and the run
goes on with the plain model. An evaluation runs the plain model. Forward hooks on the plain model are not to be relied
on while a compiled one runs.
"""

from __future__ import annotations

import torch
from torch import nn


def compiled(model: nn.Module) -> nn.Module:
    """Return a module that runs a model compiled, and shares its parameters.

    Raises:
        Exception: whatever torch raises where there is no compiler for this Python or platform.
    """
    made: nn.Module = torch.compile(model)  # type: ignore[assignment]
    return made


def why_not_compiled(error: BaseException) -> str:
    """Return in one sentence that a model runs uncompiled, and why."""
    words = " ".join(str(error).split("\n\n")[0].split())
    reason = f"{type(error).__name__}: {words[:300]}" if words else type(error).__name__
    return f"torch.compile failed, so the model runs uncompiled ({reason})"
