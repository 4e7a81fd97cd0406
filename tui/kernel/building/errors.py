"""What the user is told when a request of the Builder cannot be carried out."""

from __future__ import annotations


class BuildingError(Exception):
    """A request that cannot be carried out; the message is for the user.

    Kinds: ``gone`` (a name, file or attribute is no more) · ``bad expression`` · ``not a module`` · ``not readable`` ·
    ``busy`` (it is being trained) · ``bad file`` · ``bad request``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
