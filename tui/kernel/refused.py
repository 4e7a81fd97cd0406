"""A request of the UI that cannot be carried out, as an exception on its way to the wire."""

from __future__ import annotations


class Refused(Exception):
    """A request that cannot be carried out, with the reason for the user."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
