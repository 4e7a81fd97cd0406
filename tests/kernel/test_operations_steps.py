"""What an operation did: shapes, roles, storage and dtypes, with torch itself as the oracle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.kernel.operations_shell import Cells, cells

SETUP = """
import numpy as np, torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)
x, w, b = torch.rand(2, 3), torch.rand(3, 4), torch.rand(4)
c, r = torch.rand(3, 1), torch.rand(4)
B, K = torch.rand(5, 1, 2, 3), torch.rand(4, 3, 6)
i, h = torch.arange(3), torch.rand(3).half()
a = np.ones(3)
mask = x > 0.5
pred, target = torch.rand(5), torch.rand(5, 1)
lin, emb, conv = nn.Linear(3, 5), nn.Embedding(10, 4), nn.Conv2d(3, 8, 3, padding=1)
"""


@pytest.fixture(scope="module")
def shell() -> Iterator[Cells]:
    with cells(SETUP) as made:
        yield made


@pytest.fixture(autouse=True)
def fresh(shell: Cells) -> None:
    assert shell.shell.run_cell(SETUP).success


# code, storage, roles of the first input, a part of the notes
CASES = [
    ("x + 1", "new", "", ""),
    ("c + r", "new", " stretched", "r: (4,) is taken as (1, 4); dimension 0 (1) is repeated 3 times"),
    ("x @ w", "new", "kept met", "the last dimension of x (3) met the second to last of w (3) and vanished"),
    ("torch.matmul(B, K)", "new", "batch stretched kept met", "a batch: (5, 4) products side by side"),
    ("b @ b", "new", "met", "one number is left"),
    ("torch.einsum('ij,jk->ik', x, w)", "new", "kept met", "j (3) met in “ij” and “jk” and vanished"),
    ("torch.einsum('ij->j', x)", "new", "summed kept", "i (2) was added up"),
    ("torch.tensordot(x, w, dims=1)", "new", "kept met", "dimension 1 of x (3) met dimension 0 of w"),
    ("F.linear(x, w.T, b)", "new", "batch met", "b is added"),
    ("torch.outer(b, b)", "new", "kept", "every value of b met every value of b"),
    ("x.sum()", "new", "summed summed", "all 6 values were added up"),
    ("x.sum(0)", "new", "summed kept", "dimension 0 (2) was added up and vanished"),
    ("x.mean(dim=-1, keepdim=True)", "new", "kept summed", "stays with size 1 (keepdim)"),
    ("torch.sum(x, dim=(0, 1))", "new", "summed summed", "and vanished"),
    ("x.max(1)", "new", "kept summed", "two results, values and indices, each (2,)"),
    ("x.argmax()", "new", "summed summed", "an index into the flattened values"),
    ("mask.sum()", "new", "summed summed", "how many are true"),
    ("F.softmax(x, dim=-1)", "new", "", "the values along dimension 1 (3) add up to 1"),
    ("x.view(3, -1)", "view", "", "-1 became 2: 6 / 3"),
    ("x.T.reshape(6)", "new", "", "copied: it is not contiguous"),
    ("x.T", "view", "", "strides (1, 3), not contiguous"),
    ("B.permute(3, 0, 1, 2)", "view", "", "dimension 3 (3) is now dimension 0"),
    ("x.transpose(0, 1)", "view", "", "dimensions 0 (2) and 1 (3) changed places"),
    ("B.squeeze(1)", "view", "kept removed kept kept", "dimension 1 of size 1 is gone"),
    ("x.squeeze()", "view", "kept kept", "nothing changed"),
    ("x.unsqueeze(-1)", "view", "", "a new dimension 2 of size 1"),
    ("c.expand(3, 4)", "view", "kept stretched", "dimension 1 (1) looks 4 long"),
    ("c.repeat(1, 4)", "new", "", "3 became 12"),
    ("torch.cat([x, x])", "new", "new kept", "along dimension 0: 2 + 2 = 4"),
    ("torch.stack([x, x], dim=1)", "new", "", "a new dimension 1: one place for each of the 2 tensors"),
    ("x.split(1)", "view", "", "dimension 0 (2) in 2 pieces, each (1, 3)"),
    ("x[0]", "view", "removed kept", "0 picks one place of dimension 0 (2): it is gone"),
    ("x[:, 1:]", "view", "kept kept", "1: keeps part of dimension 1 (3)"),
    ("x[None, ..., -1]", "view", "kept removed", "None adds 1 dimension"),
    ("x[mask]", "new", "removed removed", "the mask mask (2, 3) keeps the values where it is True"),
    ("x[:, [0, 2]]", "new", "kept removed", "[0, 2] names 2 places of dimension 1"),
    ("x[0, 1]", "view", "removed removed", ".item() makes it a Python number"),
    ("x[0] = 5", "same", "", "written into x in place"),
    ("i.float()", "new", "", "int64 → float32: a copy"),
    ("x.long()", "new", "", "the fractions are cut off towards 0"),
    ("x.float()", "", "", "x itself: it is float32 already"),
    ("x.contiguous()", "", "", "nothing was copied"),
    ("x.detach()", "view", "", "shares memory with x"),
    ("x.clone()", "new", "", "a copy with memory of its own"),
    ("x.numpy()", "shared", "", "shares memory with the tensor x"),
    ("torch.from_numpy(a)", "shared", "", "shares memory with the NumPy array a"),
    ("torch.tensor(a)", "new", "", "torch.from_numpy shares the memory"),
    ("torch.tensor([1, 2])", "new", "", "whole numbers make int64"),
    ("i / 2", "new", "", "integers give float32"),
    ("i // 2", "new", "", "rounds down"),
    ("i * h", "new", "", "floating point wins over integer"),
    ("h + 1.5", "new", "", "stays float16"),
    ("i + 0.5", "new", "", "a Python float makes int64 float32"),
    ("torch.where(mask, x, 0.)", "new", "", ""),
    ("x == 1", "new", "", "one bool for each value compared"),
    ("x.add_(1)", "same", "", "in place: x itself was changed"),
    ("x += 1", "same", "", "x is still the same tensor"),
    ("lin(x)", "new", "batch met", "the weight (5, 3) and became 5"),
    ("emb(i)", "new", "", "a row of 4 values out of 10"),
    ("conv(torch.rand(2, 3, 8, 8))", "new", "", "channels 3 → 8"),
    ("x[0, 0].item()", "", "", "Python float"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "storage", "roles", "note"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.filterwarnings("ignore")
def test_one_operation(shell: Cells, code: str, storage: str, roles: str, note: str) -> None:
    step = shell.step(code)
    assert step.storage == storage
    assert note in " | ".join(step.notes)
    if roles:
        assert step.inputs[0].roles == tuple(roles.split(" "))
    for operand in (*step.inputs, step.output):
        assert not operand.roles or len(operand.roles) == len(operand.shape or ())
    result = shell.shell.user_ns.get("_")
    if isinstance(result, torch.Tensor) and "=" not in code.replace("==", ""):
        assert step.output.shape == tuple(result.shape)
        assert step.output.strides == result.stride()
        assert step.output.dtype == str(result.dtype).removeprefix("torch.")
        assert step.output.contiguous == result.is_contiguous()


def test_a_broadcast_is_drawn_aligned_and_equal_shapes_are_not(shell: Cells) -> None:
    assert shell.step("c + r").aligned
    assert not shell.step("x + x").aligned
    assert shell.step("c + r").inputs[1].text == "r"


@pytest.mark.parametrize("code", ["F.mse_loss(pred, target)", "pred - target", "nn.MSELoss()(pred, target)"])
@pytest.mark.filterwarnings("ignore")
def test_n_against_n_by_1_is_warned_of(shell: Cells, code: str) -> None:
    notes = [note for note in shell.step(code).notes if note.startswith("Warning")]
    assert notes
    assert "(5,) against (5, 1) gives (5, 5)" in notes[0]
    assert "target.squeeze(1)" in notes[0]


def test_a_change_in_place_names_the_variables_that_share_the_memory(shell: Cells) -> None:
    shell.run("base = torch.zeros(2, 3)\nrow, flat, other = base[0], base.view(-1), torch.zeros(3)")
    for code, sharers in [
        ("row += 1", "base and flat look"), ("base[1, 0] = 5", "row and flat look"),
        ("flat.zero_()", "base and row look"), ("torch.relu_(base)", "row and flat look"),
    ]:  # fmt: skip
        assert sharers in shell.step(code).notes[-1], code
    assert not any("same memory" in note for note in shell.step("other += 1").notes)
    assert not any("same memory" in note for note in shell.step("row + 1").notes)


def test_a_tensor_made_as_a_part_of_the_result_is_not_told(shell: Cells) -> None:
    assert shell.explain("{'ids': torch.tensor([1, 2]), 'loss': torch.tensor(0.5)}") is None
    assert shell.step("ids = torch.tensor([1, 2])").operation == "tensor"


def test_a_seed_is_explained(shell: Cells) -> None:
    step = shell.step("torch.manual_seed(1)")
    assert "the same each time" in step.notes[0]


def test_square_matrices_times_each_other_are_told_from_a_product(shell: Cells) -> None:
    assert "@ is the matrix product" in shell.step("torch.rand(3, 3) * torch.rand(3, 3)").notes[0]
    assert shell.step("x * x").notes == ()


def test_what_the_code_asks_for_is_no_trap(shell: Cells) -> None:
    assert not any("against" in note for note in shell.step("pred[:, None] - pred").notes)


def test_a_mask_that_chooses_is_not_promoted(shell: Cells) -> None:
    assert shell.step("torch.where(mask, x, 0.)").notes == ()
    assert shell.step("x.masked_fill(mask, 0)").notes == ()


def test_several_targets_are_named(shell: Cells) -> None:
    explanation = shell.explain("values, places = x.max(dim=0)")
    assert explanation is not None
    assert explanation.target == "values, places"


def test_steps_come_in_the_order_in_which_they_ran(shell: Cells) -> None:
    explanation = shell.explain("y = F.relu(x @ w + b).sum(dim=1)")
    assert explanation is not None
    assert explanation.target == "y"
    assert [step.operation for step in explanation.steps] == ["@", "+", "relu", "sum"]
    assert explanation.steps[1].inputs[0].text == "x @ w"


def test_the_last_eight_are_told_and_the_others_counted(shell: Cells) -> None:
    explanation = shell.explain("x" + " + 1" * 12)
    assert explanation is not None
    assert len(explanation.steps) == 8
    assert explanation.omitted == 4


@pytest.mark.parametrize(
    "code",
    ["torch.zeros(2, 3)", "x", "x.shape", "len(x)", "print(x)", "1 + 1", "y = 3", "'a' * 3", "x.size(0)",
     "for k in range(2):\n    x + k", "def q():\n    return x + 1", "x + 1\nfor k in 'a':\n    pass", "%time x + 1"],
)  # fmt: skip
def test_where_there_is_nothing_to_say(shell: Cells, code: str) -> None:
    assert shell.explain(code) is None


@pytest.mark.parametrize(
    "code", ["z = x @ w\nz", "z = x @ w\nprint(z.shape)", "with torch.no_grad():\n    z = x @ w"]
)
def test_the_operation_before_a_look_at_its_result_is_told(shell: Cells, code: str) -> None:
    explanation = shell.explain(code)
    assert explanation is not None
    assert explanation.target == "z"
    assert explanation.steps[0].operation == "@"


@pytest.mark.parametrize(
    "make",
    ["torch.empty(0, 3)", "torch.tensor(1.5)", "torch.rand(2, 3).to_sparse()", "torch.rand(2, 3, device='meta')",
     "torch.rand(2, 3, dtype=torch.complex64)", "torch.quantize_per_tensor(torch.rand(2, 3), 0.1, 0, torch.qint8)",
     "torch.nested.nested_tensor([torch.rand(2), torch.rand(3)])", "torch.rand(2, 3).to(torch.float8_e4m3fn)",
     "torch.rand(2, 3).to_sparse_csr()", "nn.Parameter(torch.rand(2, 3))", "nn.LazyLinear(2).weight"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_tensors_of_every_kind_can_go_in(shell: Cells, make: str) -> None:
    assert shell.explain(f"k = {make}\nq = k.data") is not None
