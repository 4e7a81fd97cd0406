"""Describes displayed values so that the UI can draw them: facts, small pictures, trees.

Plain functions of objects that return dataclasses of `tui.protocol.values`; none runs the user's code, raises for
what a value is, or changes it. Importing this package imports torch.
"""

from tui.kernel.drawing.formatter import install

__all__ = ["install"]
