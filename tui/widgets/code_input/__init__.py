"""The place where code is typed: multi-line editing, completion, call tips, history. It knows no kernel."""

from __future__ import annotations

from tui.widgets.code_input.history import History
from tui.widgets.code_input.widget import CodeInput

__all__ = ["CodeInput", "History"]
