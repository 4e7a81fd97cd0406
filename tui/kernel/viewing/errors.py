"""What a view is refused with: a short kind and words for the user."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import torch

from tui.kernel import torch_private
from tui.kernel.tensor_blocks import NoValuesError
from tui.kernel.tensor_stats import words_of

Kind = Literal["gone", "bad expression", "not a tensor", "bad index", "cancelled", "no values", "too large"]
"""`gone`: a name, attribute or key that is no more · the rest say themselves."""

_NO_MEMORY: Final = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Storage size calculation overflowed",
)


class ViewError(Exception):
    """A view that cannot be shown; the message is for the user."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind


@contextmanager
def reading(expression: str) -> Iterator[None]:
    """Read the user's tensors inside: no gradients, none of their overrides, and every error a `ViewError`.

    Not inference mode, in which torch cannot take a jagged tensor apart.
    """
    try:
        with torch.no_grad(), torch_private.without_overrides():
            yield
    except ViewError:
        raise
    except NoValuesError as error:
        raise ViewError("no values", f"{expression}: {error}") from None
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ViewError("too large", no_room(expression)) from error
    except Exception as error:
        # it was resized, freed or overwritten while we read, its dtype lacks the operation, or its device is lost
        if any(words in str(error) for words in _NO_MEMORY):
            raise ViewError("too large", no_room(expression)) from error
        raise ViewError("no values", f"{expression} cannot be read now: {words_of(error)}") from error


def no_room(expression: str) -> str:
    """Return the words for what does not fit into memory."""
    return f"There is not enough free memory to compute {expression}; look at a part of it."


def check(cancel: threading.Event) -> None:
    """Raise `ViewError` where the user has ended the computation."""
    if cancel.is_set():
        raise ViewError("cancelled", "Cancelled.")
