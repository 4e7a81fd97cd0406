"""What the user is told when a request about a graph cannot be carried out."""

from __future__ import annotations


class AutogradError(Exception):
    """A request that cannot be carried out.

    Kinds: ``no graph`` · ``gone`` (closed, or the expression is no more) · ``spent`` · ``changed`` · ``busy`` ·
    ``bad expression`` · ``bad gradient`` · ``no backward`` · ``bad request`` · ``cancelled``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class EndedError(Exception):
    """The user has ended a backward on its way."""
