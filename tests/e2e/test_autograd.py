"""Autograd in a real terminal: a graph opened, backward run, its steps gone through, a step of gradient descent."""

from __future__ import annotations

from tests.e2e.terminal import Home


def test_someone_new_sees_where_a_gradient_comes_from_and_takes_a_step(home: Home) -> None:
    app = home.open()
    app.wait_for("● idle", "torch 2.")
    app.enter("x = torch.tensor([1., 2., -3.]); w = torch.tensor([2., 1., 1.], requires_grad=True)")
    app.enter("b = torch.tensor(0.5, requires_grad=True)")
    app.enter("y = (x * w + b).relu().sum()")
    app.wait_for("all 3 values were added up")
    app.press("f3")
    app.wait_for("no graph open", "Results that have a graph")
    app.press("o")
    app.wait_for("graph of", "esc Cancel")
    app.type("y")
    app.press("enter")
    app.wait_for("graph of y", "relu", "live")
    app.press("p")  # a peek computes gradients and leaves .grad alone
    app.wait_for("step 1 of", "no gradients held")
    app.press("b")
    app.wait_for("gradients hold 1 backward", "spent")
    for step in range(2, 7):
        app.press("right")
        app.wait_for(f"step {step} of")
        if step == 5:
            app.wait_for("that is w.grad = g * x")
    app.wait_for("w.grad += g")
    app.press("s")
    app.wait_for("gradient descent: learning rate")
    app.type("0.1")
    app.press("enter")
    app.wait_for("p -= 0.1 * p.grad", "[1.9, 0.8, 1.0]")
    app.press("f2")
    app.wait_for("─ In [")
    app.enter("w.tolist()")  # 2 - 0.1 * 1, 1 - 0.1 * 2, and relu let nothing through to the last
    app.wait_for("[1.89", "1.0]")
