"""The tensor viewer's parts: values, geometry and colours as pure functions, and the widgets that show them.

What is asked of the kernel is in `source` (windows of values) and `compute` (what may take seconds); neither knows
Textual. Nothing here imports torch or numpy.
"""
