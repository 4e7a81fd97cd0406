"""The live chart: data in by ``Chart.show``, cells out, and only the cells that changed are painted.

``model`` is what a caller hands in, ``scale`` and ``ticks`` decide the axes, ``curves`` turns points into
strokes, ``plot`` (the only user of plotext) strokes into braille, ``legend`` writes the title line,
``picture`` puts it all together as styled cells, ``widget`` paints them and ``pointing`` tells what the mouse does
there; ``svg`` draws the same as a picture file. ``window`` and ``looking`` are for boards of charts that share an x
axis: what part of it is shown, and where the cursor is. Importing this package imports neither plotext nor numpy:
the first drawing does.
"""

from tui.widgets.chart.model import ChartData, Curve, Mark, Note, Role, Run, View, XUnit
from tui.widgets.chart.widget import Chart

__all__ = ["Chart", "ChartData", "Curve", "Mark", "Note", "Role", "Run", "View", "XUnit"]
