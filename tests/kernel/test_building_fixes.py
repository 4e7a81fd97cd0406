from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.kernel.building_designs import (
    conv,
    expression,
    flatten,
    layer,
    linear,
    model,
    parallel,
    pool,
    relu,
    residual,
    sequence,
)
from tui.kernel.building.check import check_design
from tui.protocol.building import (
    Block,
    BlockFacts,
    CheckDesign,
    Design,
    Fix,
)


def check(design: Design) -> tuple[BlockFacts, ...]:
    return check_design({}, CheckDesign(design)).blocks


def mended(design: Design, block: int, fix: Fix) -> Design:
    """The design after an edit, with ids for the blocks that are new."""
    fresh = (
        replace(new, id=new.id if new.id > 0 else 10_000 + index) for index, new in enumerate(fix.replacement)
    )
    new = tuple(fresh)

    def edit(blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        found: list[Block] = []
        for one in blocks:
            found += new if one.id == block else (replace(one, children=edit(one.children)),)
        return tuple(found)

    return replace(design, body=edit(design.body))


def failing(design: Design) -> BlockFacts:
    return next(row for row in check(design) if row.error)


WRONG: dict[str, tuple[Design, str, tuple[str, ...]]] = {
    "linear": (
        model("M", (400,), linear(120, in_features=256)),
        "Linear takes 256 features in the last dimension (256 → 120), and its input (N, 400) has 400.",
        ("in_features 256 → 400",),
    ),
    "linear after a convolution": (
        model("M", (1, 8, 8), conv(4), linear(10, in_features=256)),
        "Linear takes 256 features",
        ("insert Flatten before it",),
    ),
    "linear after a convolution, of another size": (
        model("M", (1, 8, 8), conv(4), linear(10, in_features=100)),
        "Linear takes 100 features",
        ("insert Flatten, in_features 100 → 256", "in_features 100 → 8"),
    ),
    "channels": (
        model("M", (3, 8, 8), conv(4, in_channels=1)),
        "Conv2d takes 1 channels, dimension 1, and its input (N, 3, 8, 8) has 3.",
        ("in_channels 1 → 3",),
    ),
    "channels last": (
        model("M", (8, 9, 3), conv(4, in_channels=3)),
        "Conv2d takes 3 channels",
        ("insert x.permute(0, 3, 1, 2): channels last → first", "in_channels 3 → 8"),
    ),
    "no channels": (
        model("M", (28, 28), conv(4)),
        "Conv2d takes (N, C, H, W); its input (N, 28, 28) has no dimension for channels.",
        ("insert x.unsqueeze(1): one channel", "Conv1d in its place"),
    ),
    "flat image": (
        model("M", (784,), conv(4)),
        "Conv2d takes (N, C, H, W), and its input is (N, 784).",
        ("insert Unflatten to (1, 28, 28)",),
    ),
    "groups": (
        model("M", (6, 8, 8), conv(4, groups=4)),
        "in_channels = 6 is no multiple",
        ("groups 4 → 2",),
    ),
    "kernel": (
        model("M", (1, 4, 4), conv(4, 7, padding=0)),
        "Conv2d has a kernel of 7 × 7, larger than its input of 4 × 4.",
        ("kernel_size 7 → 4", "padding 0 → 2"),
    ),
    "pooling": (
        model("M", (4, 2, 2), pool(3)),
        "MaxPool2d has a kernel of 3 × 3, larger than its input of 2 × 2.",
        ("kernel_size 3 → 2", "padding = 1"),
    ),
    "padding of a pooling": (
        model("M", (4, 8, 8), layer("MaxPool2d", kernel_size=2, padding=2)),
        "MaxPool2d pads at most half of its kernel 2, and padding is 2.",
        ("padding 2 → 1",),
    ),
    "batch norm": (
        model("M", (3, 8, 8), layer("BatchNorm2d", num_features=5)),
        "BatchNorm2d normalizes 5 channels, dimension 1, and its input (N, 3, 8, 8) has 3.",
        ("num_features 5 → 3",),
    ),
    "batch norm of features": (
        model("M", (8,), layer("BatchNorm2d")),
        "BatchNorm2d takes (N, C, H, W), and its input is (N, 8).",
        ("BatchNorm1d in its place",),
    ),
    "group norm": (
        model("M", (6, 8, 8), layer("GroupNorm", num_groups=4)),
        "GroupNorm splits 6 channels",
        ("num_groups 4 → 3",),
    ),
    "layer norm": (
        model("M", (5, 8), layer("LayerNorm", normalized_shape=9)),
        "LayerNorm normalizes the last dimensions (9,), and its input is (N, 5, 8).",
        ("normalized_shape 9 → 8",),
    ),
    "embedding": (
        model("M", (7,), layer("Embedding", num_embeddings=5, embedding_dim=3)),
        "Embedding looks rows up by whole numbers, int64, and its input is float32.",
        ("insert x.long()",),
    ),
    "floats": (
        model("M", (7,), linear(3), dtype="int64"),
        "Linear computes in float32, and its input is int64.",
        ("insert x.float()",),
    ),
    "doubles": (
        model("M", (3, 8, 8), conv(3), dtype="float64"),
        "Conv2d computes in float32, and its input is float64.",
        ("insert x.float()",),
    ),
    "heads": (
        model("M", (5, 30), layer("TransformerEncoderLayer", nhead=4, batch_first=True)),
        "TransformerEncoderLayer splits 30 features among its heads, and 4 heads do not divide 30.",
        ("nhead 4 → 3",),
    ),
    "attention of one value": (
        model("M", (5, 8), layer("MultiheadAttention", num_heads=2, batch_first=True)),
        "MultiheadAttention takes query, key and value",
        ("attend to itself: (x, x, x)[0]",),
    ),
    "width of attention": (
        model("M", (5, 8), layer("TransformerEncoderLayer", d_model=16, nhead=2, batch_first=True)),
        "TransformerEncoderLayer takes 16 features in the last dimension, and its input is (N, 5, 8).",
        ("d_model 16 → 8",),
    ),
    "recurrent": (
        model("M", (5, 8), layer("GRU", input_size=9, hidden_size=3, batch_first=True, _take="[0]")),
        "GRU takes 9 features in the last dimension, and its input is (N, 5, 8).",
        ("input_size 9 → 8",),
    ),
    "a map for a recurrent layer": (
        model("M", (3, 4, 5), layer("LSTM", hidden_size=3, batch_first=True, _take="[0]")),
        "LSTM takes (N, time, features) with batch_first, and its input is (N, 3, 4, 5).",
        ("insert x.flatten(2).transpose(1, 2): each place of a map one step of time",),
    ),
    "a tuple that was not taken apart": (
        model("M", (5, 8), layer("LSTM", hidden_size=3, batch_first=True), linear(2)),
        "Linear takes a tensor, and its input is a tuple: ((N, 5, 3), ((1, N, 3), (1, N, 3))).",
        ("insert x[0]: the first of them",),
    ),
    "residual without projection": (
        model("M", (8,), residual(linear(4), project=False)),
        "Its input is (N, 8) and its body gives (N, 4), which cannot be added.",
        ("project the input",),
    ),
    "branches": (
        model("M", (3, 8, 8), parallel(conv(4), conv(6), join="add")),
        "Branches of other shapes cannot be added: (N, 4, 8, 8), (N, 6, 8, 8).",
        ("concatenate along dimension 1",),
    ),
    "branches along another dimension": (
        model("M", (3, 8, 8), parallel(relu(), expression("x[:, :, :5]"))),
        "Along dimension 1 only that one may differ, and the branches differ in dimension 2",
        ("concatenate along dimension 2",),
    ),
    "upsampling": (
        model("M", (3, 8, 8), layer("Upsample")),
        "Upsample needs a size or a scale_factor.",
        ("scale_factor = 2",),
    ),
    "unflatten": (
        model("M", (12,), layer("Unflatten", dim=1, unflattened_size=(3, 5))),
        "Unflatten splits dimension 1, of 12, into (3, 5), whose product is another.",
        ("unflattened_size (3, 5) → (3, 4)",),
    ),
    "a dimension that is not there": (
        model("M", (12,), layer("Softmax", dim=2)),
        "Softmax asks for dimension 2, and its input (N, 12) ends with 1.",
        ("dim 2 → 1",),
    ),
    "inside a sequence": (
        model("M", (3, 8, 8), sequence(conv(4), sequence(conv(4, in_channels=3))), flatten(), linear(2)),
        "Conv2d takes 3 channels",
        ("in_channels 3 → 4",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_told_in_words_and_each_fix_mends_it(name: str) -> None:
    design, words, labels = WRONG[name]
    row = failing(design)
    assert row.error.startswith(words) or words in row.error
    assert tuple(fix.label for fix in row.fixes) == labels
    for fix in row.fixes:
        after = check(mended(design, row.id, fix))
        assert [(row.label, row.error) for row in after if row.error] == [], fix.label


NOTED: dict[str, tuple[Design, str, str]] = {
    "linear on maps": (
        model("M", (4, 5, 6), linear(3)),
        "It works on the last dimension alone, 6 features at each place of (N, 4, 5, 6)",
        "insert Flatten, in_features 120",
    ),
    "time before the batch": (
        model("M", (5, 8), layer("GRU", hidden_size=3, _take="[0]")),
        "Without batch_first GRU takes dimension 0 for time, and that is the batch: (N, 5, 8).",
        "batch_first = True",
    ),
    "a tuple": (
        model("M", (5, 8), layer("LSTM", hidden_size=3, batch_first=True)),
        "Its output is a tuple, ((N, 5, 3), ((1, N, 3), (1, N, 3)))",
        "take [0] of the tuple",
    ),
    "softmax": (
        model("M", (8,), layer("Softmax"), relu()),
        "Softmax guesses the dimension",
        "dim = 1",
    ),
    "GPUs alone": (
        model("M", (3, 8, 8), layer("SyncBatchNorm")),
        "It runs on GPUs alone",
        "BatchNorm2d in its place",
    ),
}


@pytest.mark.parametrize("name", NOTED)
def test_what_runs_but_hardly_as_meant_is_noted(name: str) -> None:
    design, words, label = NOTED[name]
    row = check(design)[0]
    assert row.status == "ok"
    assert row.note.startswith(words)
    assert row.fixes[0].label == label
    after = check(mended(design, row.id, row.fixes[0]))
    assert [(row.error, row.note) for row in after if row.error or row.note] == []


def test_scores_that_a_loss_will_softmax_again() -> None:
    last = check(model("M", (8,), linear(3), layer("Softmax", dim=1)))[-1]
    assert "CrossEntropyLoss" in last.note


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"out_channels": 4}, "Conv2d needs kernel_size: a number or a tuple such as 3 or (3, 3)."),
        (
            {"out_channels": 4, "kernel_size": 3, "paddin": 1},
            "Conv2d has no argument paddin. Did you mean padding?",
        ),
        ({"out_channels": 4, "kernel_size": 0}, "kernel_size is 1 or more, not 0."),
        ({"out_channels": -4, "kernel_size": 3}, "out_channels is 1 or more, not -4."),
        ({"out_channels": 4.5, "kernel_size": 3}, "out_channels is a whole number, not 4.5."),
        ({"out_channels": 4, "kernel_size": 3, "bias": 1}, "bias is True or False, not 1."),
        ({"out_channels": 4, "kernel_size": 3, "padding_mode": "zero"}, "Did you mean zeros?"),
        ({"out_channels": 10**30, "kernel_size": 3}, "too large for a size"),
    ],
)
def test_a_wrong_argument_is_told_in_words(arguments: dict[str, Any], words: str) -> None:
    assert words in failing(model("M", (3, 8, 8), layer("Conv2d", **arguments))).error


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nn.Conv2dd", "Did you mean nn.Conv2d?"),
        ("nn.MSELoss", "a loss, which is chosen for the training"),
        ("nn.Sequential", "no layer of its own"),
        ("Absent", "no class Absent"),
        ("", "Say which layer"),
    ],
)
def test_a_layer_that_is_none_is_told_in_words(kind: str, words: str) -> None:
    assert words in failing(model("M", (8,), Block(1, "layer", layer=kind))).error
