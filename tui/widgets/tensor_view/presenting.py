"""From the state of a viewer to what its widgets show. Pure functions."""

from __future__ import annotations

from tui.protocol.values import TensorFacts
from tui.widgets import words
from tui.widgets.tensor_view.asking import Compared
from tui.widgets.tensor_view.foot import FootData
from tui.widgets.tensor_view.grid_lines import GridData
from tui.widgets.tensor_view.head import HeadData
from tui.widgets.tensor_view.layout import cell_notation, notation
from tui.widgets.tensor_view.model import ViewerModel
from tui.widgets.tensor_view.numbers import Cell
from tui.widgets.tensor_view.panel_lines import PanelData


def grid_of(model: ViewerModel) -> GridData:
    """Return what the grid shows."""
    facts = model.facts
    names = facts.tensor.names if facts is not None else ()
    source = model.source
    return GridData(
        model.layout, model.dtype, model.how, model.limits, source.cell, names, _no_values(model),
        source.extent(model.layout),
    )  # fmt: skip


def _no_values(model: ViewerModel) -> str:
    """Say why there is no value to show; empty where there are some."""
    facts, problem = model.facts, model.source.problem
    if facts is None:
        return "" if model.opening else "Nothing is looked at yet: / asks for an expression, esc closes."
    if model.layout.empty:
        return f"no values: a tensor of shape {words.shape(facts.tensor.shape)} is empty"
    if facts.tensor.device == "meta":
        return "no values: a tensor on the meta device has a shape and a dtype, and no memory"
    if problem is not None and problem.kind == "no values":
        return problem.message
    return ""


def head_of(model: ViewerModel) -> HeadData:
    """Return what the head says."""
    facts = model.facts
    banner, alarming = _banner(model)
    return HeadData(
        title=notation(model.view, model.layout) if facts is not None else model.opening,
        about=_about(facts.tensor) if facts is not None else "",
        right=_liveness(model),
        live=model.source.interval_s is not None,
        settings=_settings(model),
        limits=None if _is_bool(model) else model.limits,
        banner=banner,
        alarming=alarming,
        layout=model.layout,
        names=facts.tensor.names if facts is not None else (),
        picked=model.picked,
    )


def _is_bool(model: ViewerModel) -> bool:
    return model.dtype == "bool"


def _about(facts: TensorFacts) -> str:
    layout = "" if facts.layout == "strided" else f" {facts.layout}"
    return f"{words.shape(facts.shape)} {facts.dtype}{layout} {facts.device}"


def _liveness(model: ViewerModel) -> str:
    if model.opening and model.facts is not None:
        return f"opening {model.opening}…"
    interval_s = model.source.interval_s
    return "frozen" if interval_s is None else f"● live {interval_s:g} s"


def _settings(model: ViewerModel) -> str:
    how = model.how
    style = f"{how.style}: none for {model.dtype}" if how.wants_bits and _bits_missing(model) else how.words
    parts = [style]
    if model.reach == "off":
        parts.append("no colours")
    elif not _is_bool(model):
        seen = model.limits is not None and model.limits.seen_only
        parts.append(f"colours {model.reach}{' of what is seen' if seen else ''}")
    if model.view.arrangement:
        parts.append(f"{model.view.arrangement} along dim {model.view.along}")
    return " · ".join(parts)


def _bits_missing(model: ViewerModel) -> bool:
    cells = model.source.cells()
    return bool(cells) and all(cell.bits is None for cell in cells if cell.value is not None)


def _banner(model: ViewerModel) -> tuple[str, bool]:
    """Say what is wrong or has changed, and whether it is a problem."""
    source = model.source
    problem = source.problem
    if problem is not None:
        last = "; the values below are the last that were read" if model.facts is not None else ""
        match problem.kind:
            case "gone":
                return f"gone: {problem.message.rstrip('.')}{last}", True
            case "dead":
                return f"the kernel is gone: {problem.message.rstrip('.')}{last}", True
            case "slow":
                return f"{problem.message}{last}", False
            case "refused":
                return f"{problem.message.rstrip('.')}{last}", True
            case "no values":
                return "", False
    if source.resized_from is not None and model.facts is not None:
        before, now = words.shape(source.resized_from), words.shape(model.facts.tensor.shape)
        return f"resized: {before} → {now}", False
    if source.stale:
        what = "changed in place" if source.stale == "changed" else "another tensor"
        return f"{what} since these values were read: R reads them again, r follows them live", False
    return "", False


def panel_of(model: ViewerModel, compared: Compared | None) -> PanelData:
    """Return what the side panel shows."""
    problem = model.compute.problem
    data = PanelData(
        facts=model.facts,
        statistics=model.statistics,
        old=model.statistics_are_old,
        computing=model.compute.label,
        problem=problem.message if problem is not None and problem.kind != "no values" else "",
    )
    if compared is None:
        return data
    return PanelData(
        data.facts, data.statistics, data.old, data.computing, data.problem,
        compared.result, (compared.left, compared.right), (compared.rtol, compared.atol),
    )  # fmt: skip


def foot_of(model: ViewerModel, row: int, column: int, *, details: Cell | None, notice: str) -> FootData:
    """Return what the foot says of the cell under the cursor."""
    if model.facts is None or model.layout.empty:
        return FootData(notice=notice)
    place = cell_notation(model.view, model.layout, row, column)
    return FootData(place, model.source.cell(row, column), model.dtype, details, notice)
