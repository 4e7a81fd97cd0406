"""Random designs: the code computes what they mean, and nothing that is typed makes the check fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kernel.building_designs import (
    expression,
    layer,
    linear,
    model,
    parallel,
    repeat,
    residual,
    sequence,
)
from tests.kernel.building_reference import Reference
from tests.kernel.test_building_code import built, same_weights
from tui.kernel.building.check import check_design
from tui.protocol.building import (
    Argument,
    Block,
    CheckDesign,
    Design,
)

MAKERS: tuple[Callable[[], Block], ...] = (
    lambda: linear(4), lambda: linear(6), lambda: linear(6, bias=False), lambda: layer("ReLU"),
    lambda: layer("LayerNorm"), lambda: layer("Tanh"), lambda: layer("PReLU"),
    lambda: layer("Linear", out_features=4, _name="named"), lambda: expression("x * 2 + 1"),
    lambda: expression("torch.cat((x, x), dim=1)"), lambda: expression("F.relu(x)[:, :3]"),
    lambda: layer("Linear", out_features=5, _output="kept"), lambda: expression("x.mean(dim=1, keepdim=True) + x"),
    lambda: layer("Linear", out_features=4, _inputs=("first",)), lambda: layer("Dropout", _take="[:, :2]"),
)  # fmt: skip
LEAVES = st.sampled_from(MAKERS).map(lambda make: make())


def lines(blocks: st.SearchStrategy[Block]) -> st.SearchStrategy[list[Block]]:
    return st.lists(blocks, max_size=3)


def containers(blocks: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    names = st.sampled_from(["", "", "", "part"])
    outputs = st.sampled_from(["", "", "", "inner"])
    takes = st.sampled_from(["", "", "", "[:, :3]"])
    return st.one_of(
        st.builds(
            lambda b, n, o, t: sequence(*b, name=n, output=o, take=t), lines(blocks), names, outputs, takes
        ),
        st.builds(lambda b, n, o: residual(*b, name=n, output=o), lines(blocks), names, outputs),
        st.builds(
            lambda b, n, o: parallel(*b, name=n, output=o),
            st.lists(blocks, min_size=1, max_size=3),
            names,
            outputs,
        ),
        st.builds(lambda b, n, t: repeat(n, *b, take=t), lines(blocks), st.integers(1, 3), takes),
    )


BLOCKS = st.recursive(LEAVES, containers, max_leaves=8)
BODIES = st.lists(BLOCKS, min_size=1, max_size=4)


def anew(block: Block, serial: list[int]) -> Block:
    """The block with ids of its own: what is drawn may stand in several places."""
    serial[0] += 1
    return replace(block, id=serial[0], children=tuple(anew(child, serial) for child in block.children))


def random_design(body: list[Block]) -> Design:
    serial = [0]
    first = replace(expression("x + 0"), output="first")
    return model("Drawn", (4,), *(anew(block, serial) for block in [first, *body]))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(BODIES)
def test_code_of_random_designs_computes_what_they_mean(body: list[Block]) -> None:
    design = random_design(body)
    checked = check_design({}, CheckDesign(design))
    compile(checked.code, "drawn.py", "exec")
    if any(row.error and row.status == "failed" and not row.output_shapes for row in checked.blocks):
        return
    reference, run = Reference(design).eval(), built(checked.code, "Drawn").eval()
    x = torch.randn(5, 4)
    with torch.no_grad():
        reference(x), run(x)
        same_weights(run, reference)
        expected, output = reference(x), run(x)
    assert torch.equal(output, expected)
    assert checked.output_shapes == str(tuple(output.shape)).replace("5", "N", 1)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    BODIES,
    st.sampled_from(["layer", "take", "output", "name", "init", "inputs", "argument"]),
    st.text(max_size=6)
    | st.sampled_from(["[0", "x, ", "x=", ")", "a.b", "nn.Linear", "*x", "nn", "lambda: 0", "'"]),
)
def test_nothing_that_is_typed_makes_the_check_fail(body: list[Block], field: str, text: str) -> None:
    design = random_design(body)

    def spoiled(block: Block) -> Block:
        values: dict[str, Any] = {field: text}
        if field == "inputs":
            values = {"inputs": (text,)}
        if field == "argument":
            values = {"arguments": (*block.arguments, Argument(text, text), Argument("bias", text))}
        return replace(block, **values)

    last = design.body[-1]
    checked = check_design({}, CheckDesign(replace(design, body=(*design.body[:-1], spoiled(last)))))
    compile(checked.code, "spoiled.py", "exec")
    assert checked.problem == ""


@pytest.mark.parametrize("field", ["take", "inputs", "layer"])
def test_a_text_nested_without_end_is_refused(field: str) -> None:
    text = "(" * 900 + "x" + ")" * 900
    values: dict[str, Any] = {
        field: (text,) if field == "inputs" else f"[{text}]" if field == "take" else text
    }
    block = replace(expression("x"), **values)
    checked = check_design({}, CheckDesign(model("M", (4,), block)))
    assert checked.blocks[0].status == "failed"
