from __future__ import annotations

import itertools
import linecache
import re
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.kernel.building_designs import (
    conv,
    designs,
    expression,
    layer,
    model,
    parallel,
    relu,
    repeat,
    residual,
    sequence,
)
from tui.kernel.building.back_import import import_model
from tui.kernel.building.check import check_design
from tui.protocol.building import (
    Block,
    CheckDesign,
    Design,
    DesignChecked,
)
from tui.protocol.models import Imported, ImportModel

ALL = designs()
_files = itertools.count()


def code_of(design: Design) -> DesignChecked:
    return check_design({}, CheckDesign(design))


def built(code: str, name: str, *, with_source: bool = True) -> nn.Module:
    """Run generated code as a cell is run, whose source can be asked for, or as text, whose source cannot."""
    file = f"<generated {next(_files)}>"
    if with_source:
        linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(compile(code, file, "exec"), namespace)
    made = namespace[name]()
    assert isinstance(made, nn.Module)
    return made


def imported(module: nn.Module) -> Imported:
    return import_model({"model": module}, ImportModel("model"))


def plain(block: Block) -> Block:
    """A block but for its id."""
    return replace(block, id=0, children=tuple(map(plain, block.children)))


def normal(code: str) -> str:
    """Code but for what is called after blocks that got a name: projections, and classes beside the model."""
    code = re.sub(r"\w*projection\d*", "projection", code)
    for number, name in enumerate(re.findall(r"^class (\w+)", code, re.MULTILINE)[:-1]):
        code = re.sub(rf"\b{name}\b", f"Class{number}", code)
    return code


@pytest.mark.parametrize("name", ALL)
def test_generated_code_comes_back_as_the_design_that_it_is_of(name: str) -> None:
    design = ALL[name]
    code = code_of(design).code
    found = imported(built(code, design.name))
    assert found.opaque == ()
    assert found.design.inputs == design.inputs
    again = code_of(found.design).code
    assert normal(again) == normal(code)
    # from there on it is the same design, block by block
    second = imported(built(again, design.name)).design
    assert tuple(map(plain, second.body)) == tuple(map(plain, found.design.body))


@pytest.mark.parametrize("name", ALL)
def test_code_without_a_source_comes_back_as_the_same_function(name: str) -> None:
    design = ALL[name]
    original = built(code_of(design).code, design.name, with_source=False).eval()
    found = imported(original)
    assert found.opaque == ()
    checked = code_of(replace(found.design, inputs=design.inputs))
    assert [row.error for row in checked.blocks if row.error] == []
    copy = built(checked.code, design.name).eval()
    inputs = [
        torch.randint(0, 10, (2, *spec.shape)) if spec.dtype == "int64" else torch.randn(2, *spec.shape)
        for spec in design.inputs
    ]
    with torch.no_grad():
        for one in (original, copy):
            one(*inputs)  # lazy layers get their weights now
    weights = list(original.state_dict().values())
    assert [value.shape for value in copy.state_dict().values()] == [value.shape for value in weights]
    copy.load_state_dict(dict(zip(copy.state_dict(), weights, strict=True)))
    with torch.no_grad():
        torch.testing.assert_close(copy(*inputs), original(*inputs))


def trees() -> st.SearchStrategy[Block]:
    """Blocks that take images of 8 channels and give such."""
    kinds = st.sampled_from(["conv", "relu", "norm", "expression"])
    leaf = st.tuples(kinds, st.booleans(), st.sampled_from(_INITS)).map(lambda drawn: _leaf(*drawn))

    widths = st.sampled_from([4, 12])
    around_all = st.fixed_dictionaries({"frozen": st.booleans(), "init": st.sampled_from(_INITS)})

    def around(children: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
        lines = st.lists(children, min_size=1, max_size=3).map(tuple)
        return st.one_of(
            st.tuples(lines, around_all).map(lambda pair: sequence(*pair[0], **pair[1])),
            st.tuples(lines, around_all).map(lambda pair: residual(conv(8), *pair[0], **pair[1])),
            st.tuples(lines, widths, around_all).map(lambda three: _projected(*three)),
            st.tuples(lines, st.integers(1, 3), around_all).map(
                lambda three: repeat(three[1], *three[0], **three[2])
            ),
            st.lists(lines, min_size=2, max_size=3).map(_added),
            st.lists(lines, min_size=2, max_size=3).map(_concatenated),
        )

    return st.recursive(leaf, around, max_leaves=8)


_INITS = ("", "", "", "kaiming_normal_", "normal_(std=0.02)")


def _leaf(kind: str, frozen: bool, init: str) -> Block:
    made = {
        "conv": conv(8, _frozen=frozen, _init=init),
        "relu": relu(),
        "norm": layer("BatchNorm2d", _frozen=frozen),
        "expression": expression("F.relu(x) * 2"),
    }
    return made[kind]


def _projected(line: tuple[Block, ...], width: int, fields: dict[str, Any]) -> Block:
    return sequence(residual(*line, conv(width), **fields), conv(8, 1))


def _added(lines: list[tuple[Block, ...]]) -> Block:
    return parallel(*(sequence(conv(8), *line) for line in lines), join="add")


def _concatenated(lines: list[tuple[Block, ...]]) -> Block:
    return sequence(parallel(*(sequence(conv(8), *line) for line in lines)), conv(8, 1))


@settings(max_examples=25, deadline=None)
@given(st.lists(trees(), min_size=1, max_size=4))
def test_any_tree_comes_back(body: list[Block]) -> None:
    design = model("Net", (8, 6, 6), *body)
    checked = code_of(design)
    assert [row.error for row in checked.blocks if row.error] == []
    net = built(checked.code, "Net")
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    assert sum(map(torch.numel, trained)) == checked.totals.trainable
    again = code_of(imported(net).design)
    assert normal(again.code) == normal(checked.code)
