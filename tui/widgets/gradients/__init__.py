"""Gradients beside the graph: the table of leaves, one step of a backward, findings, before and after, what is asked.

`table`, `step`, `node`, `findings`, `changes`, `head` and `start` are pure functions from the protocol's dataclasses to
styled lines; `item_lines` draws lines with a cursor, `views` and `grid` put the two together, `ask` asks for one line.
Knows neither the kernel nor the screen.
"""
