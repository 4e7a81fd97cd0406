from __future__ import annotations

import pytest

from tui.protocol.building import Totals
from tui.protocol.models import (
    CheckpointCompared,
    KeyRow,
    ModelRead,
    ModelRow,
)
from tui.widgets.builder.details import totals_pieces
from tui.widgets.builder.questions import Choice, among
from tui.widgets.builder.reading import key_blocks, model_blocks
from tui.widgets.gradients.item_lines import Block

ROW = ModelRow(
    "net.layer1[0].conv1", "Conv2d", 3, "", "(32, 64, 56, 56)", "(32, 64, 56, 56)", 36_900, forward_ms=12.5,
    calls=1, statistics="Tensor[32, 64] x∈[-1, 1]",
)  # fmt: skip
READ = ModelRead(
    (ModelRow("net", "ResNet18", 0, "", "(32, 3, 224, 224)", "(32, 10)", 11_200_000), ROW), "", 25.0
)


def texts(blocks: list[Block]) -> list[str]:
    return [line.plain for block in blocks for line in block.lines]


@pytest.mark.parametrize("width", [72, 80, 120, 200])
def test_parameters_and_time_are_seen_in_any_terminal(width: int) -> None:
    line = texts(model_blocks(READ, width))[1]
    assert len(line) <= width
    for expected in ("conv1", "36.9k", "12.5 ms", "50 %", "(32, 64"):
        assert expected in line


def test_shapes_that_come_in_stand_there_where_there_is_room() -> None:
    assert "(32, 3, 224, 224) → (32, 10)" in texts(model_blocks(READ, 120))[0]
    narrow = texts(model_blocks(READ, 80))[0]
    assert "(32, 10)" in narrow
    assert "224" not in narrow


def test_why_a_key_does_not_fit_is_not_cut_off() -> None:
    row = KeyRow(
        "encoder.layers.0.self_attn.in_proj_weight", "shape", "(192, 64) float32", "(768, 256) float32"
    )
    lines = texts(key_blocks(CheckpointCompared((row,), ""), 60))
    assert "model (192, 64) float32 · file (768, 256) float32" in " ".join(" ".join(lines).split())
    assert all(len(line) <= 60 for line in lines)


def test_what_training_takes_is_seen_in_a_narrow_terminal() -> None:
    totals = Totals(57_792, 0, 258, 11_300_000, 0, 12_400_000, 25_300_000_000)
    wide, narrow = (
        "".join(text for text, _ in totals_pieces(totals, "(N, 64, 14, 14)", 32, "Adam", width))
        for width in (120, 78)
    )
    assert "12.4 MB to train (batch 32, Adam) of 25.3 GB" in wide
    assert "12.4 MB to train of 25.3 GB" in narrow[:78]


def test_titles_that_begin_with_what_is_typed_come_first() -> None:
    choices = [Choice("a", "file", "then run"), Choice("b", "rerun"), Choice("c", "Run it")]
    assert [one.key for one in among(choices)("run")] == ["c", "a", "b"]
    assert [one.key for one in among(choices)("")] == ["a", "b", "c"]
