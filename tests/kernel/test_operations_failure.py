"""Why an operation failed: every rule with the real error of the installed torch, every cure carried out."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
import torch

from tests.kernel.operations_shell import Cells, cells

SETUP = """
import copy
import numpy as np, torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)
x, w, v = torch.rand(2, 3), torch.rand(4, 3), torch.rand(4)
u, n = torch.rand(2), torch.arange(3)
B, img = torch.rand(5, 2, 3), torch.rand(1, 28, 28)
g = torch.rand(3, requires_grad=True)
a = np.ones(3)
ids = torch.tensor([0, 1])
mask = torch.tensor([True, False, True])
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
        self.fc = nn.Linear(5, 2)
    def forward(self, t):
        return self.fc(self.body(t))
net, conv, lin = Net(), nn.Conv2d(3, 8, 3), nn.Linear(3, 2)
flat = nn.Linear(784, 10)
def inner(p, q):
    z = p + 1
    return z @ q
"""


@pytest.fixture(scope="module")
def shell() -> Iterator[Cells]:
    with cells(SETUP) as made:
        yield made
    torch.autograd.set_detect_anomaly(False)  # a cure that was tried turned it on


def _is_code(cure: str) -> bool:
    """Whether a cure is code as it stands: an expression of calls and operators, or a statement."""
    try:
        tree = ast.parse(cure)
    except SyntaxError:
        return False
    return not (
        len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr) and "(" not in cure and "@" not in cure
    )


# code that fails, a part of the words, the operands' names, the first cure (None: there is none)
CASES = [
    ("x @ w", "last dimension of x (2, 3) is 3", "x w", "x @ w.T  # (2, 3) @ (3, 4) → (2, 4)"),
    ("x @ v", "one dimension of v (4,) is 4", "x v", None),
    ("torch.mm(w, x)", "second to last of x (2, 3) is 2", "w x", "w @ x.T  # (4, 3) @ (3, 2) → (4, 2)"),
    ("torch.mm(B, w)", "last dimension of B", "B w", "B @ w.T  # (5, 2, 3) @ (3, 4) → (5, 2, 4)"),
    ("B @ torch.rand(5, 4, 3)", "is 4", None, "B @ torch.rand(5, 4, 3).mT  # (5, 2, 3) @ (5, 3, 4) → (5, 2, 4)"),
    ("B @ torch.rand(4, 3, 2)", "are a batch and must fit: (5,) of B", None, None),
    ("torch.dot(v, u)", "two vectors of equal length", "v u", None),
    ("torch.tensor(1.) @ x", "has no dimensions", None, "torch.tensor(1.0) * x"),
    ("torch.einsum('ij,jk->ik', x, w)", "j is 3 in one operand and 4", "x w", None),
    ("x + v", "Dimension 1 of x (2, 3) is 3, dimension 0 of v (4,) is 4", "x v", None),
    ("x + u", "must be equal, or one of them 1", "x u", "x + u.unsqueeze(1)  # → (2, 3)"),
    ("u * v", "must be equal", "u v", "u * v.unsqueeze(1)  # → (4, 2)"),
    ("torch.add(x, u)", "must be equal", "x u", "torch.add(x, u.unsqueeze(1))  # → (2, 3)"),
    ("x + x.T", "must be equal", None, "x + x  # → (2, 3)"),
    ("x.clone().add_(B)", "keeps its shape (2, 3)", None, "x.clone().add(B)"),
    ("torch.tensor('hello')", "holds numbers and bools, no text", None, None),
    ("n // 0", "Integers have no infinity", "n 0", "n.float() // 0  # ±inf, NaN for 0 by 0"),
    ("torch.from_numpy([1, 2])", "from_numpy takes NumPy arrays alone, and got a list", None, "torch.tensor([1, 2])"),
    ("x += B", "keeps its shape (2, 3), but the result has shape (5, 2, 3)", "x B", "x = x + B"),
    ("x.expand(2, 4)", "cannot be stretched to (2, 4)", "x", None),
    ("x[0] = v", "v has shape (4,)", "x v", "x[0] = v[:3]"),
    ("x.view(4, -1)", "6 values, which cannot be divided by 4", "x", "x.view(3, 2)"),
    ("x.reshape(4, 2)", "(4, 2) holds 8", "x", "x.reshape(-1, 2)"),
    ("x.T.view(6)", "not contiguous (strides (1, 3))", "x.T", "x.T.reshape(6)"),
    ("x.permute(0, 1, 2)", "there are 2, and 3 were given", "x", "x.permute(1, 0)  # turned around"),
    ("torch.cat([x, w.T])", "w.T (3, 4) has size 4", "x w.T", "torch.cat([x, w], dim=0)"),
    ("torch.cat([x, w], dim=1)", "in all others they must agree", "x w", "torch.cat([x, w], dim=0)"),
    ("torch.cat([x, torch.rand(3)])", "same number of dimensions", None, "torch.cat([x, torch.rand(3).unsqueeze(0)])"),
    ("torch.stack([x, v])", "all shapes must be the same: (2, 3) and (4,)", "x v", None),
    ("torch.cat(v, u)", "takes the tensors as one list", "v u", "torch.cat([v, u])"),
    ("x[5]", "valid are -2 to 1", "x", "x[-1]  # the last one"),
    ("x[0, 5]", "5 is past the end of dimension 1 of x (2, 3)", "x", "x[0, -1]  # the last one"),
    ("x[0, 0, 0]", "has 2 dimensions, and the index names 3", "x", "x[0, 0]"),
    ("x.sum(2)", "has dimensions -2 to 1", "x", "x.sum(-1)  # the last dimension"),
    ("torch.tensor(1.)[0]", "is one number", None, "torch.tensor(1.0).item()  # its value"),
    ("x[mask]", "mask is (3,), x is (2, 3)", "x mask", "x[:, mask]  # along dimension 1"),
    ("x[u]", "u is float32: an index must be of integers", "x u", "x[u.long()]"),
    ("nn.Embedding(10, 3)(torch.tensor([11]))", "table of 10 rows", None, None),
    ("x @ w.T.double()", "does not promote: x float32 (2, 3)", None, "x @ w.T.double().float()"),
    ("lin(x.double())", "lin has float32 weights and got float64", None, "lin(x.double().float())"),
    ("n.add_(0.5)", "n stays int64, and the result would be float32", "n", "n = n.add(0.5)"),
    ("n.mean()", "n is int64, which holds none", "n", "n.float().mean()"),
    ("n.softmax(0)", "softmax is not implemented for int64", "n", "n.float().softmax(0)"),
    ("torch.tensor([1, 2], requires_grad=True)", "Gradients are of real numbers", "",
     "torch.tensor([1, 2], dtype=torch.float32, requires_grad=True)"),
    ("F.cross_entropy(x, u)", "class ids as int64, and u is float32", "x u", "F.cross_entropy(x, u.long())"),
    ("F.cross_entropy(x, ids[:, None])", "(N,); the target is", None, "F.cross_entropy(x, ids[:, None].squeeze(1))"),
    ("F.cross_entropy(x, n)", "2 rows of scores and 3 targets", "x n", None),
    ("F.cross_entropy(x, ids + 7)", "from 0 to 2", None, None),
    ("F.binary_cross_entropy_with_logits(x[:, :1], u)", "target is (2)", None,
     "F.binary_cross_entropy_with_logits(x[:, :1], u.unsqueeze(1))"),
    ("F.binary_cross_entropy(x * 5, x)", "between 0 and 1", None, "F.binary_cross_entropy_with_logits(x * 5, x)"),
    ("x + torch.rand(2, 3, device='meta')", "x is on cpu", None, None),
    ("x.cuda()", "CUDA", "x", None),
    ("g.add_(1)", "g is such a leaf", "g", "with torch.no_grad(): g.add_(1)"),
    ("g += 1", "leaf that requires grad", "g 1", "with torch.no_grad(): g += 1"),
    ("g[0] = 1", "A part of a leaf", "g", "with torch.no_grad(): g[0] = 1"),
    ("y = g.exp()\ny.add_(1)\ny.sum().backward()", "1 change too many", None, None),
    ("y = (g * g).sum()\ny.backward()\ny.backward()", "good for one backward", "y", None),
    ("(g * 2).backward()", "starts from one number, and g * 2 (3,)", None, "(g * 2).sum().backward()"),
    ("x.sum().backward()", "has no graph", None, None),
    ("g.numpy()", "NumPy does not track gradients", "g", "g.detach().numpy()"),
    ("x.item()", "holds several values", "x", "x.tolist()"),
    ("float(x)", "holds several values", "x", "x.tolist()"),
    ("if x > 0:\n    pass", "x > 0 is many values", None, "(x > 0).any()  # if one suffices"),
    ("if x:\n    pass", "x is many values", "x", "x.any()  # if one suffices"),
    ("conv(img)", "conv takes 3 channels", None, "conv(img.expand(3, -1, -1))  # the one channel repeated"),
    ("conv(torch.rand(2, 28, 28, 3))", "has 28", None,
     "conv(torch.rand(2, 28, 28, 3).permute(0, 3, 1, 2))  # channels last → first"),
    ("nn.Conv2d(1, 8, 3)(img[0])", "takes 3 dimensions, or 4 with a batch", None,
     "nn.Conv2d(1, 8, 3)(img[0].unsqueeze(0))  # one channel"),
    ("flat(img)", "flat takes 784 features", None, "flat(img.flatten(1))"),
    ("nn.BatchNorm1d(4)(x)", "normalizes 4 features", None, "nn.BatchNorm1d(3)  # in place of it"),
    ("nn.LSTM(4, 5)(B)", "takes 4 features", None, "nn.LSTM(3, 5)  # in place of it"),
    ("a + x", "NumPy does not know tensors", "a x", "torch.from_numpy(a).float() + x"),
    ("a @ w.T", "NumPy does not know tensors", "a w.T", "torch.from_numpy(a).float() @ w.T"),
    ("lin(a)", "lin takes a tensor", None, "lin(torch.from_numpy(a).float())"),
    ("torch.tensor([[1, 2], [3]])", "equally long", "", None),
    ("mask - mask", "cannot be subtracted", "mask mask", "mask ^ mask  # where they differ"),
    ("x & x", "combines bools or bits", "x x", "(x > 0) & (x > 0)"),
    ("x + [1, 2, 3]", "takes tensors and numbers", "x", "x + torch.tensor([1, 2, 3])"),
    ("copy.deepcopy(g * 2)", "cannot be deep-copied", None, None),
    ("lin.load_state_dict(nn.Linear(4, 2).state_dict())", "weight is (2, 4) in the state", "", None),
]  # fmt: skip


@pytest.mark.parametrize(("code", "words", "operands", "cure"), CASES, ids=[case[0][:40] for case in CASES])
@pytest.mark.filterwarnings("ignore")
def test_a_failure_in_plain_words_and_its_cures(
    shell: Cells, code: str, words: str, operands: str | None, cure: str | None
) -> None:
    shell.shell.run_cell(SETUP)
    failure = shell.failure(code)
    assert words in failure.words
    if operands is not None:
        assert [operand.text for operand in failure.operands] == operands.split()
    if cure is not None:
        assert failure.cures[0].startswith(cure)
    assert failure.line.startswith("In [")
    for text in filter(_is_code, failure.cures):
        shell.shell.run_cell(SETUP)
        if "\n" in code:  # y is of the graph that the cell made
            shell.shell.run_cell("y = (g * g).sum()")
        result = shell.run(text)
        assert result.success, (text, result.error_in_exec)


def test_the_place_is_the_users_line_and_the_layer_has_its_path(shell: Cells) -> None:
    failure = shell.failure("\nnet(x)")
    assert failure.where == "self.fc(self.body(t))"
    assert failure.line.endswith("in forward")
    assert failure.operation == "Linear"
    assert [(o.text, o.shape) for o in failure.operands[:2]] == [
        ("input of net.fc", (2, 4)),
        ("net.fc.weight", (2, 5)),
    ]
    assert failure.cures[0] == "nn.Linear(4, 2)  # in place of net.fc"


def test_a_function_of_the_users_is_told_by_its_own_names(shell: Cells) -> None:
    failure = shell.failure("inner(x, w)")
    assert failure.where == "z @ q"
    assert [(o.text, o.shape) for o in failure.operands] == [("z", (2, 3)), ("q", (4, 3))]
    assert failure.cures == ("z @ q.T  # (2, 3) @ (3, 4) → (2, 4)",)


def test_temporaries_are_known_by_what_the_cell_noted(shell: Cells) -> None:
    failure = shell.failure("y = 1\nz = (x @ w.T) @ w.T")
    assert failure.line.endswith("line 2")
    assert [(o.text, o.shape) for o in failure.operands] == [("x @ w.T", (2, 4)), ("w.T", (3, 4))]
    assert failure.cures[0].startswith("x @ w.T @ w") or failure.cures[0].startswith("(x @ w.T) @ w")


@pytest.mark.parametrize(
    "code",
    ["1 / 0", "raise ValueError('mine')", "undefined", "tensor([1])", "[1][3]", "{}['k']", "int('a')", "assert False",
     "raise RuntimeError('index 5 is out of bounds for dimension 0 with size 2') if False else KeyError(1)",
     "def r(): return r()\nr()", "x.nothing", "open('/nowhere')", "import nothing_here", "'a' + 1"],
)  # fmt: skip
def test_other_errors_get_nothing(shell: Cells, code: str) -> None:
    assert shell.fail(code) is None


def test_an_exception_of_the_users_own_class_is_not_asked_for_its_text(shell: Cells) -> None:
    shell.run("asked = []\nclass Odd(RuntimeError):\n    def __str__(self):\n        asked.append(1)")
    shell.run("def odd(t):\n    raise Odd('mat1 and mat2 must have the same dtype, but got Long and Float')")
    before = shell.shell.user_ns["asked"]
    shell.run("asked.clear()")
    result = shell.run("try:\n    odd(x)\nexcept Odd as e:\n    kept = e")
    assert result.success
    from tui.kernel.operations.failure import Frames, failure_of

    failure_of(
        shell.shell.user_ns["kept"],
        Frames(shell.shell.user_ns, lambda name: "In [1]" if "input" in name else ""),
    )
    assert before == []


def test_the_dimensions_that_clash_are_marked(shell: Cells) -> None:
    assert [operand.roles for operand in shell.failure("x + v").operands] == [("", "met"), ("met",)]
    assert [operand.roles for operand in shell.failure("x @ w").operands] == [("", "met"), ("met", "")]


def test_a_condition_on_many_values_shows_no_lone_number(shell: Cells) -> None:
    assert shell.failure("if torch.zeros(3) > 0:\n    pass").operands == ()
