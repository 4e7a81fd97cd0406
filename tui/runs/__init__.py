"""Reading run directories and TensorBoard logs: index, record, events, series, follow.

Owns everything that turns a folder on disk into numbers. It only ever reads. May import the standard library,
numpy, protobuf, google-crc32c, psutil and ``tui.protocol``; never torch, never textual.
"""
