"""Reading run directories and TensorBoard logs: index, record, events, series, follow.

Owns everything that turns a folder on disk into numbers. Of a run it changes nothing but its labels; points that
memory has no room for go to a temporary file (`spill`). May import the standard library, numpy, protobuf,
google-crc32c, psutil and ``tui.protocol``; never torch, never textual.
"""
