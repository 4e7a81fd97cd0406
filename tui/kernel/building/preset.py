"""Writes a file of the preset contract with a model of the Builder in it, on the data of another preset."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from torch import nn

from tui.kernel.building.check import check_design, inputs_of
from tui.kernel.building.errors import BuildingError
from tui.kernel.building.preset_parts import PresetParts, read_parts
from tui.kernel.building.preset_trial import resized, try_preset, why_not
from tui.protocol.building import (
    CheckDesign,
    ComposePreset,
    Design,
    DesignChecked,
    PresetComposed,
)

_OPTIMIZERS: Final = {
    "SGD": "torch.optim.SGD(parameters, lr=lr)",
    "SGD momentum": "torch.optim.SGD(parameters, lr=lr, momentum=0.9)",
    "Adam": "torch.optim.Adam(parameters, lr=lr)",
    "AdamW": "torch.optim.AdamW(parameters, lr=lr)",
}
_CONTRACT: Final = frozenset(
    {"data", "model", "loss", "optimizer", "scheduler", "metrics", "step", "preview"}
)


def compose_preset(namespace: Mapping[str, object], request: ComposePreset) -> PresetComposed:
    """Return the source of a preset that trains the design, tried on a batch of its data in another process.

    Raises:
        BuildingError: there can be none, or the model does not fit the data.
    """
    checked = check_design(namespace, CheckDesign(request.design))

    def source(first: str = "") -> str:
        return preset_source(
            request.design,
            checked,
            loss=request.loss,
            optimizer=request.optimizer,
            lr=request.lr,
            epochs=request.epochs,
            data=request.data,
            first=first,
        )

    text, note = source(), ""
    trial = try_preset(text)
    shape, dtype = inputs_of(request.design, namespace)[0]
    layer = resized(trial.given, shape) if trial.stage == "model" else ""
    if layer and trial.given is not None:
        text, sizes = source(layer), ["x".join(map(str, one)) for one in (trial.given.shape[2:], shape[1:])]
        note = f"its images of {sizes[0]} are brought to {sizes[1]} on the way in"
        trial = try_preset(text)
    if trial.stage:
        wanted = f"({', '.join(['N', *map(str, shape)])}) {str(dtype).removeprefix('torch.')}"
        raise BuildingError("bad request", why_not(trial, wanted, request.loss, request.data))
    return PresetComposed(text, note)


def preset_source(
    design: Design,
    checked: DesignChecked,
    *,
    loss: str,
    optimizer: str,
    lr: float,
    epochs: int,
    data: str,
    first: str = "",
) -> str:
    """Return a file of the preset contract with this model, which trains at once.

    Args:
        design: the model.
        checked: what came of it.
        loss: name of a loss of `torch.nn`, e.g. ``CrossEntropyLoss``.
        optimizer: ``SGD``, ``SGD momentum``, ``Adam`` or ``AdamW``.
        lr: step size at the start.
        epochs: how often all training data is seen.
        data: path of the preset whose `data` function is taken over.
        first: a layer that stands before the model; empty: none.

    Raises:
        BuildingError: the model does not run, or the loss, optimizer or preset is none.
    """
    _refuse(design, checked, loss, optimizer)
    parts = read_parts(Path(data).expanduser().resolve(), loss)
    model = ast.parse(checked.code)
    imports = [node for node in model.body if isinstance(node, ast.Import | ast.ImportFrom)]
    classes = {node.name for node in model.body if isinstance(node, ast.ClassDef)}
    clash = sorted(classes & (parts.names | _CONTRACT))
    if clash:
        words = f"The preset has a {clash[0]} of its own: give the model, or the block, another name."
        raise BuildingError("bad request", words)
    needed = [*imports, *parts.imports, *ast.parse("import torch\nfrom torch import nn").body]
    knobs = [
        f"epochs: int = {epochs}  # how often all training data is seen",
        f"lr: float = {lr!r}  # step size at the start",
        *parts.knobs,
    ]
    made = f"nn.Sequential({first}, {design.name}())" if first else f"{design.name}()"
    sections = [
        _docstring(design, parts, Path(data)),
        "\n".join(_imports(node for node in needed if isinstance(node, ast.Import | ast.ImportFrom))),
        "\n".join(knobs),
        *_definitions(parts),
        _body(checked.code),
        f"def model():\n    return {made}",
        f"def loss():\n    return nn.{loss}()",
        f"def optimizer(parameters):\n    return {_OPTIMIZERS[optimizer]}",
    ]
    if parts.metrics:
        sections.append(parts.metrics)
    head, rest = sections[:3], sections[3:]
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(rest) + "\n"


def _refuse(design: Design, checked: DesignChecked, loss: str, optimizer: str) -> None:
    """Raise `BuildingError` for what cannot be trained."""
    failed = next((row for row in checked.blocks if row.status != "ok" and row.error), None)
    if checked.problem or failed is not None:
        why = checked.problem or (f"{failed.label}: {failed.error}" if failed is not None else "")
        raise BuildingError("bad request", f"The model does not run yet. {why}")
    if len(design.inputs) != 1:
        raise BuildingError("bad request", "A preset hands its model one input, and this one takes several.")
    if not checked.totals.trainable:
        raise BuildingError("bad request", "The model has no parameters to train.")
    held = vars(nn).get(loss)
    if not (isinstance(held, type) and held.__module__ == "torch.nn.modules.loss"):
        raise BuildingError(
            "bad request", f"torch.nn has no loss {loss}, such as CrossEntropyLoss or MSELoss."
        )
    if optimizer not in _OPTIMIZERS:
        raise BuildingError(
            "bad request", f"The optimizer is one of {', '.join(_OPTIMIZERS)}, not {optimizer}."
        )


def _docstring(design: Design, parts: PresetParts, path: Path) -> str:
    title = f"{design.name} on the data of {path.stem}."
    shape = ", ".join(map(str, (*design.inputs[0].shape,))) or "one value"
    return f'"""{title}\n\nIts data: {parts.title.rstrip(".")}. An input is ({shape}).\n"""'


def _body(code: str) -> str:
    """Return the code of a model without its imports."""
    tree = ast.parse(code)
    last = max(
        (n.end_lineno or 0 for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)), default=0
    )
    return "\n".join(code.splitlines()[last:]).strip("\n")


def _definitions(parts: PresetParts) -> list[str]:
    """Return what the data needs, single lines together."""
    groups: list[str] = []
    for text in parts.definitions:
        single = not text.startswith(("def ", "class ", "@", "async "))
        if single and groups and not groups[-1].startswith(("def ", "class ", "@", "async ")):
            groups[-1] += "\n" + text
        else:
            groups.append(text)
    return groups


def _imports(nodes: Iterable[ast.Import | ast.ImportFrom]) -> list[str]:
    """Return import statements merged and sorted: the standard library, then the rest."""
    plain: set[str] = set()
    names: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            plain |= {ast.unparse(ast.Import([alias])) for alias in node.names}
            continue
        module = "." * node.level + (node.module or "")
        names.setdefault(module, set()).update(
            alias.name + (f" as {alias.asname}" if alias.asname else "") for alias in node.names
        )
    lines = sorted(plain) + [
        f"from {module} import {', '.join(sorted(names[module], key=_constants_first))}"
        for module in sorted(names)
    ]
    standard = [line for line in lines if line.split()[1].partition(".")[0] in sys.stdlib_module_names]
    rest = [line for line in lines if line not in standard]
    return [*standard, *([""] if standard and rest else []), *rest]


def _constants_first(name: str) -> tuple[int, str]:
    """Sort names as import sorters do: classes before functions and modules."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)
