"""The kernel's side of the tensor viewer: answers the requests of `tui.protocol.viewing`.

Plain functions of a namespace and a request, for the threads of subshells while cells and runs go on. They change
nothing, run none of the user's code and raise `ViewError` alone. Must not import a UI library; imports torch.
"""

from tui.kernel.viewing.compare import compare_views
from tui.kernel.viewing.errors import ViewError
from tui.kernel.viewing.find import find_place
from tui.kernel.viewing.opened import open_view
from tui.kernel.viewing.pixels import read_pixels
from tui.kernel.viewing.statistics import read_statistics
from tui.kernel.viewing.window import read_window

__all__ = [
    "ViewError",
    "compare_views",
    "find_place",
    "open_view",
    "read_pixels",
    "read_statistics",
    "read_window",
]
