from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.kernel.building_designs import designs, plain
from tests.kernel.building_reference import Reference
from tui.kernel.building.check import check_design
from tui.protocol.building import CheckDesign, Design, DesignChecked

ALL = designs()
BATCH = 3


def check(design: Design, **asked: Any) -> DesignChecked:
    return check_design({}, CheckDesign(design, **asked))


def example(design: Design) -> list[Tensor]:
    """Real inputs of a design."""
    made = []
    for spec in design.inputs:
        shape = (BATCH, *spec.shape)
        made.append(torch.randint(0, 10, shape) if spec.dtype == "int64" else torch.randn(shape))
    return made


def built(code: str, name: str) -> nn.Module:
    """Run generated code, and build its model."""
    namespace: dict[str, Any] = {}
    exec(compile(code, "model.py", "exec"), namespace)
    made = namespace[name]
    model = made() if isinstance(made, type) else made
    assert isinstance(model, nn.Module)
    return model


def same_weights(model: nn.Module, other: nn.Module) -> None:
    """Give a model the weights of another one with the same layers in the same order."""
    ours, theirs = list(model.state_dict().values()), list(other.state_dict().values())
    assert [value.shape for value in ours] == [value.shape for value in theirs]
    model.load_state_dict(dict(zip(model.state_dict(), theirs, strict=True)))


@pytest.mark.parametrize("name", ALL)
def test_generated_code_computes_what_the_design_means(name: str) -> None:
    design = ALL[name]
    checked = check(design)
    assert [(row.label, row.error) for row in checked.blocks if row.error] == []
    assert checked.problem == ""
    torch.manual_seed(0)
    reference, model = Reference(design).eval(), built(checked.code, design.name).eval()
    inputs = example(design)
    with torch.no_grad():
        reference(*inputs)  # layers are built when they are met
        model(*inputs)
        same_weights(model, reference)
        expected, output = reference(*inputs), model(*inputs)
    torch.testing.assert_close(output, expected, rtol=0, atol=0)
    if isinstance(output, dict):
        shapes = str({key: tuple(value.shape) for key, value in output.items()})
        assert checked.output_shapes == re.sub(rf"\b{BATCH}\b", "N", shapes)
    else:
        assert checked.output_shapes == str(tuple(output.shape)).replace(str(BATCH), "N", 1)


@pytest.mark.parametrize("name", ALL)
def test_counts_are_those_of_the_model_that_was_built(name: str) -> None:
    design = ALL[name]
    checked = check(design)
    model = built(checked.code, design.name)
    with torch.no_grad():
        model(*example(design))
    parameters = list(model.parameters())
    assert checked.totals.trainable == sum(p.numel() for p in parameters if p.requires_grad)
    assert checked.totals.frozen == sum(p.numel() for p in parameters if not p.requires_grad)
    assert checked.totals.buffers == sum(buffer.numel() for buffer in model.buffers())


@pytest.mark.parametrize("name", plain())
def test_a_plain_model_is_offered_as_a_sequential_that_computes_the_same(name: str) -> None:
    design = ALL[name]
    checked = check(design)
    assert checked.sequential
    model, other = built(checked.code, design.name).eval(), built(checked.sequential, "model").eval()
    inputs = example(design)
    with torch.no_grad():
        model(*inputs), other(*inputs)
        same_weights(other, model)
        assert torch.equal(other(*inputs), model(*inputs))


def test_code_is_as_a_formatter_leaves_it() -> None:
    texts = [
        text for design in ALL.values() for text in (check(design).code, check(design).sequential) if text
    ]
    for text in texts:
        command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.stdout == "", done.stdout
