"""The autograd graph as rails: one line per node, from the root down to the leaves.

Pure, from the inside out: `structure` (what the kernel sent), `folding` (which rows there are), `row_graph` (what
leads from row to row), `lanes` (which column of the rails each takes), `rails` (their drawing), `known` (nodes in
words), `gradients` (norms after a backward), `model` (all of it, with a cursor), `columns` and `row_lines` (a row as
cells). `rows` paints them, `moves` has the actions and `view` is the whole widget.
Knows neither the kernel nor the screen: it is handed data, and says by message what it wants.
"""
