"""A watched shell is as it was: nothing of ours disturbs a cell, nothing stays behind."""

from __future__ import annotations

import builtins
import gc
import re
import weakref
from collections.abc import Iterator

import pytest
import torch

from tests.kernel.operations_shell import Cells, cells
from tui.kernel.operations import steps
from tui.kernel.operations.instrument import KEEP

SETUP = "import torch\nfrom torch import nn\nx, w = torch.rand(2, 3), torch.rand(4, 3)"


@pytest.fixture(scope="module")
def shell() -> Iterator[Cells]:
    with cells(SETUP) as made:
        yield made


@pytest.mark.parametrize(
    "code",
    ["x @ w", "y = (x\n     .view(2, 3)\n     .reshape(7, 7))", "nn.Linear(2, 2)(x)", "x[0][1, 2]", "x += w",
     "x[0] = w", "(1).missing + 1", "[1, 2][x.sum().long() + 5]", "x.sum() + undefined",
     "raise ValueError(x.sum() * 0)"],
)  # fmt: skip
def test_ipythons_traceback_is_the_same(shell: Cells, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for wanted in (True, False):
        shell.wanted = wanted
        shell.run(code)
        out = capsys.readouterr().out
        texts.append(re.sub(r"0x[0-9a-f]+|In\[\d+\]|input-\d+", "", out))
    shell.wanted = True
    assert "Error" in texts[0]
    assert texts[0] == texts[1]


def test_the_result_and_the_display_are_the_same(shell: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run("torch.ones(2) + 1")
    assert "tensor([2., 2.])" in capsys.readouterr().out
    shell.run("torch.ones(2) + 1;")
    assert "tensor" not in capsys.readouterr().out


def test_await_magics_and_reset_work(shell: Cells, capsys: pytest.CaptureFixture[str]) -> None:
    assert shell.step("import asyncio\nawait asyncio.sleep(0, x + 1)").operation == "+"
    shell.run("%timeit -n1 -r1 x + 1")
    assert "per loop" in capsys.readouterr().out
    assert shell.step(f"%reset -f\n{SETUP}\nx + 1").operation == "+"


def test_a_cell_that_is_not_wanted_is_not_touched(shell: Cells) -> None:
    shell.wanted = False
    shell.run("x + 1")
    shell.wanted = True
    assert shell.told == []


def test_a_cell_within_a_cell(shell: Cells) -> None:
    shell.run("get_ipython().run_cell('x @ x.T') and x + 1")
    assert len(shell.told) == 1


def test_nothing_is_kept_alive_after_the_cell(shell: Cells) -> None:
    shell.run("big = torch.rand(10)\nsmall = (big * 2).view(2, 5)")
    watched = weakref.ref(shell.shell.user_ns["big"])
    shell.run("del big")
    gc.collect()
    assert watched() is None


def test_nothing_is_kept_alive_within_the_cell(shell: Cells) -> None:
    shell.run(
        "import weakref\n"
        "def make():\n"
        "    held = torch.rand(10)\n"
        "    return (lambda x: x + held[0]), weakref.ref(held)\n"
        "f, ref = make()\n"
        "y = f(x)\n"
        "del f\n"
        "in_closure = ref() is not None\n"
        "class Holder:\n"
        "    def __init__(self): self.held = torch.rand(10)\n"
        "    def __call__(self, x): return x * 2\n"
        "holder = Holder()\n"
        "ref = weakref.ref(holder.held)\n"
        "y = holder(x)\n"
        "del holder\n"
        "in_object = ref() is not None\n"
        "z = torch.rand(10)\n"
        "ref = weakref.ref(z)\n"
        "z.reshape(2, 5)\n"
        "del z\n"
        "in_operand = ref() is not None"
    )
    ns = shell.shell.user_ns
    assert (ns["in_closure"], ns["in_object"], ns["in_operand"]) == (False, False, False)


@pytest.mark.parametrize("builtins_of_theirs", ["{}", "{'len': len}", "__import__('types')"])
def test_cells_with_builtins_of_their_own_run(shell: Cells, builtins_of_theirs: str) -> None:
    namespace = shell.shell.user_ns
    usual = namespace["__builtins__"]
    try:
        shell.run(f"__builtins__ = {builtins_of_theirs}")
        result = shell.run("x + 1")
        assert result.error_in_exec is None
        assert torch.equal(result.result, namespace["x"] + 1)
    finally:
        namespace["__builtins__"] = usual
    assert shell.step("x + 1").operation == "+"


def test_a_builtin_of_ours_that_was_deleted_comes_back(shell: Cells) -> None:
    shell.run(f"import builtins\ndel builtins.{KEEP}")
    assert shell.step("x + 1").operation == "+"


def test_a_tensor_put_into_a_dictionary_is_no_operation(shell: Cells) -> None:
    assert shell.explain("table = {}\ntable['x'] = x") is None
    assert shell.step("y = x.clone()\ny[0] = x[1]").operation == "[ ] ="


def test_an_interrupt_before_a_cell_ends_it(shell: Cells, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(namespace: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shell.watch._ledger, "begin", interrupted)
        result = shell.run("ran = True")
        assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert "ran" not in shell.shell.user_ns
    assert shell.step("x + 1").operation == "+"


def test_an_interrupt_after_a_cell_is_no_fault(
    shell: Cells, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(records: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(steps, "steps_of", interrupted)
        assert shell.explain("x + 1") is None
    assert "Interrupt" not in "".join(capsys.readouterr())
    assert shell.step("x + 1").operation == "+"


def test_a_subclass_with_attributes_of_its_own_is_not_asked(shell: Cells) -> None:
    shell.run(
        "asked = []\n"
        "class Odd(torch.Tensor):\n"
        "    @property\n"
        "    def dtype(self): asked.append('dtype'); raise RuntimeError\n"
        "    def __getattribute__(self, name): asked.append(name); return super().__getattribute__(name)\n"
        "odd = x.as_subclass(Odd)"
    )
    step = shell.step("asked.clear(); odd + 1")
    assert step.inputs[0].dtype == "float32"
    shell.wanted = False
    ours = list(shell.shell.user_ns["asked"])
    shell.run("asked.clear(); odd + 1")
    shell.wanted = True
    assert ours == shell.shell.user_ns["asked"]


def test_autograd_versions_and_the_random_stream_are_untouched(shell: Cells) -> None:
    shell.run("torch.manual_seed(1)\np = torch.rand(3, requires_grad=True)\nq = p * 2\nr = torch.rand(1)")
    ns = shell.shell.user_ns
    told = ns["p"]._version, ns["q"]._version, ns["r"].item()
    shell.wanted = False
    shell.run("torch.manual_seed(1)\np = torch.rand(3, requires_grad=True)\nq = p * 2\nr = torch.rand(1)")
    shell.wanted = True
    assert told == (ns["p"]._version, ns["q"]._version, ns["r"].item())


def test_a_hostile_object_is_only_asked_for_its_type(shell: Cells) -> None:
    shell.run(
        "asked = []\n"
        "class Hostile:\n"
        "    def __getattribute__(self, name): asked.append(name); raise RuntimeError(name)\n"
        "    def __repr__(self): asked.append('repr'); raise RuntimeError\n"
        "    def __len__(self): asked.append('len'); raise RuntimeError\n"
        "    def __eq__(self, other): asked.append('eq'); raise RuntimeError\n"
        "    def __add__(self, other): return x\n"
        "class Loud(torch.Tensor):\n"
        "    @classmethod\n"
        "    def __torch_function__(cls, function, types, args=(), kwargs=None):\n"
        "        asked.append(function)\n"
        "        return super().__torch_function__(function, types, args, kwargs or {})\n"
        "hostile, loud = Hostile(), x.as_subclass(Loud)"
    )
    shell.run("asked.clear(); y = hostile + 1")
    assert shell.shell.user_ns["asked"] == []
    shell.run("asked.clear(); y = loud + 1")
    assert len(shell.shell.user_ns["asked"]) == 1
    shell.run("asked.clear(); x @ hostile")
    assert "repr" not in shell.shell.user_ns["asked"]


def test_an_error_that_holds_a_hostile_object_is_not_asked_for_its_text(shell: Cells) -> None:
    shell.run(
        "asked = []\n"
        "class Text:\n"
        "    def __str__(self): asked.append('str'); raise SystemExit\n"
        "    __repr__ = __str__"
    )
    counts = []
    for wanted in (True, False):
        shell.wanted = wanted
        shell.run("asked.clear(); raise ValueError(Text())")
        counts.append(len(shell.shell.user_ns["asked"]))
    shell.wanted = True
    assert counts[0] == counts[1]


def test_a_fault_of_ours_is_swallowed(
    shell: Cells, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(records: object) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(steps, "steps_of", broken)
    assert shell.explain("x + 1") is None
    assert "ours" not in "".join(capsys.readouterr())
    monkeypatch.undo()
    assert shell.step("x + 1").operation == "+"


def test_it_can_be_removed() -> None:
    before = hasattr(builtins, KEEP)
    with cells(SETUP) as made:
        assert hasattr(builtins, KEEP)
        made.watch.remove()
        assert not hasattr(builtins, KEEP)
        assert made.shell.run_cell("x + 1").success
        assert made.told == []
        made.watch.install()
    assert hasattr(builtins, KEEP) in (before, False)


def test_backward_tells_whose_gradients_it_filled() -> None:
    with cells(SETUP) as shell:
        shell.run("a = torch.ones(3, requires_grad=True); b = torch.ones((), requires_grad=True)")
        shell.run("c = b.detach().requires_grad_()")
        step = shell.step("(a * b * 2).sum().backward()")
        assert step.operation == "backward"
        assert step.notes == (
            "into .grad of a (3,) norm 3.464 · b () norm 6",
            "no gradient for c: nothing of this result was computed from it",
        )
        step = shell.step("(a * c).sum().backward()")
        assert step.notes[0] == "into .grad of a (3,) norm 5.196 · c () norm 3"
        assert step.notes[1].startswith("added to what a had")
        shell.run("c.requires_grad_(False); net = nn.Linear(3, 2)")
        explanation = shell.explain("loss = net(x).sum()\nloss.backward()")
        assert explanation is not None
        assert explanation.target == "loss"
        weight = shell.shell.user_ns["net"].weight.grad
        told = f"into .grad of net.weight (2, 3) norm {weight.norm():.4g} · net.bias (2,) norm 2.828"
        assert explanation.steps[-1].notes == (told,)
        shell.run("deep = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))")
        assert shell.step("deep(x).sum().backward()").notes == ("into .grad of 8 parameters of deep",)
        code = "class Own:\n    def backward(self): pass\nOwn().backward()"
        assert shell.explain(code) is None
