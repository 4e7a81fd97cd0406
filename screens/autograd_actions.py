"""What the keys of the Autograd screen ask for."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import cast

from textual import on

from screens.autograd_control import GraphControl, Refused
from screens.base import BaseScreen
from tui.client.session import KernelSession
from tui.protocol.autograd import BackwardMode
from tui.widgets import words
from tui.widgets.gradients.ask import AskLine, Choice
from tui.widgets.gradients.grid import GradientPanel
from tui.widgets.gradients.reading import read_call, read_descent, read_seed
from tui.widgets.gradients.start import Candidate

SEEDS = (
    Choice("ones", "every element counts the same: the gradient of its sum"),
    Choice("random", "normally distributed"),
    Choice("one-hot", "a single element: type its index, one-hot 0 or one-hot 1,2", complete=False),
)
RATES = ("0.1", "0.01", "0.001")


class AutogradActions(BaseScreen):
    """Actions of a screen with a `GraphControl`, an `AskLine` and a `GradientPanel`; mixed into it."""

    kernel: KernelSession
    control: GraphControl

    def say(self, notice: str, *, warning: bool = True) -> None:
        """Tell something in the line at the top until something else is done."""
        raise NotImplementedError

    def show_panel(self, panel: str) -> None:
        """Show one of the panels."""
        raise NotImplementedError

    def focus_here(self) -> None:
        """Give the keys to what is looked at."""
        raise NotImplementedError

    @property
    def asking(self) -> AskLine:
        """Where one line is typed."""
        return self.query_one(AskLine)

    @property
    def gradients(self) -> GradientPanel:
        """The table of gradients."""
        return self.query_one(GradientPanel)

    def wish(self, wish: Coroutine[None, None, Refused], *, then: str = "", group: str = "wish") -> None:
        """Do what needs the kernel; what is refused is said, else the panel `then` is shown."""

        async def carry_out() -> None:
            refused = await wish
            if refused:
                self.say(refused)
            elif then:
                self.show_panel(then)

        if group != "look":  # looking around leaves what was said
            self.say("")
        self.run_worker(carry_out(), group=group)

    # -- the graph --------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Ask which graph is to be opened."""
        self.ask_root("", "")

    def ask_root(self, expression: str, refused: str) -> None:
        """Ask which graph is to be opened, and say what was wrong with an expression."""
        choices = [Choice(one.expression, _words_of(one)) for one in self.control.candidates]
        self.asking.ask(
            "open",
            "graph of",
            value=expression,
            placeholder="loss, (out ** 2).mean()",
            choices=choices,
            refused=refused,
        )

    def open_root(self, expression: str) -> None:
        """Open the graph of an expression; one that has none stays to be corrected, with the reason."""

        async def carry_out() -> None:
            refused = await self.control.open(expression)
            if refused:
                self.ask_root(expression, refused)
            else:
                self.asking.close()
                self.show_panel("step")
                self.focus_here()

        self.say("")
        self.run_worker(carry_out(), group="wish")

    def action_backward(self, mode: str) -> None:
        """Run backward; a root that is no scalar needs a gradient to begin with, which is asked for."""
        opened = self.control.opened
        if opened is None:
            return
        how = cast("BackwardMode", mode)
        if opened.root.elements == 1:
            self.wish(self.control.backward(how), then="step")
            return
        self._mode = how
        label = f"{mode}: gradient for {words.shape(opened.root.shape)}"
        self.asking.ask("backward", label, placeholder="ones", choices=SEEDS)

    _mode: BackwardMode = "backward"

    def action_create_graph(self) -> None:
        """Switch whether the next backward gives the gradients a graph of their own."""
        self.control.create_graph = not self.control.create_graph
        on = self.control.create_graph
        self.say(
            "the next backward gives w.grad a graph of its own: open it as w.grad" if on else "",
            warning=False,
        )

    def action_record(self) -> None:
        """Switch the recording of the next cells."""
        self.wish(self.control.record())

    def action_diagnose(self) -> None:
        """Look for what is wrong."""
        self.wish(self.control.diagnose(), then="findings")

    # -- gradients --------------------------------------------------------------------------------

    def action_zero(self) -> None:
        """Clear the gradients."""
        self.wish(self.control.zero(), then="changes")

    def action_descend(self) -> None:
        """Ask for a learning rate or an optimizer."""
        table = self.control.table
        optimizers = [Choice(name, f"{name}.step()") for name in (table.optimizers if table else ())]
        rates = [Choice(rate, f"p -= {rate} * p.grad, under no_grad") for rate in RATES]
        label = "gradient descent: learning rate" + (" or optimizer" if optimizers else "")
        self.asking.ask("descend", label, placeholder="0.1", choices=[*optimizers, *rates])

    def action_check(self) -> None:
        """Ask for a function and its inputs."""
        self.asking.ask(
            "check",
            "gradcheck",
            value=self.control.call_here(),
            placeholder="f(x, w): a function of the namespace and its tensors",
        )

    def action_view(self, with_gradient: bool) -> None:
        """Look at a tensor in the viewer, its gradient beside it."""
        from screens.tensor_viewer import TensorViewer

        name, gradient = self.name_here(), self.gradient_here()
        if name:
            self.app.push_screen(TensorViewer(self.kernel, name, other=gradient if with_gradient else None))
        elif gradient:
            self.app.push_screen(TensorViewer(self.kernel, gradient))
        else:
            self.say("nothing to look at here: no variable holds this result, and no gradient of it was kept")

    def gradient_here(self) -> str:
        """Return the expression for the gradient that is looked at; empty where there is none.

        In the table that is a leaf's ``.grad``; in the graph what came in at the node in the last backward.
        """
        control = self.control
        if self.gradients.grid.has_focus or control.opened is None:
            row = self.gradients.grid.current
            return f"{row.name}.grad" if row is not None else ""
        step, node = control.step, control.nodes.get(control.node)
        if node is not None and node.kind in ("parameter", "input") and control.mode != "peek" and node.name:
            return f"{node.name}.grad"
        if step is None or step.node.node != control.node:
            return ""
        return next((flow.view for flow in step.incoming if flow.view), "")

    def view_expression(self, expression: str) -> None:
        """Open what an expression of the kernel's names."""
        from screens.tensor_viewer import TensorViewer

        self.app.push_screen(TensorViewer(self.kernel, expression))

    def name_here(self) -> str:
        """Return the name of the tensor that is looked at; empty where there is none."""
        if self.gradients.grid.has_focus or self.control.opened is None:
            row = self.gradients.grid.current
            return row.name if row is not None else ""
        node = self.control.nodes.get(self.control.node)
        return node.name.partition(", ")[0] if node is not None else ""

    @on(GradientPanel.Opened)
    def gradient_opened(self, event: GradientPanel.Opened) -> None:
        """Look at the chosen row: at its gradient beside its value, where it has one."""
        row = self.gradients.grid.current
        self.action_view(row is not None and row.grad_norm is not None)

    # -- what is typed ----------------------------------------------------------------------------

    @on(AskLine.Submitted)
    def take(self, event: AskLine.Submitted) -> None:
        """Do what was typed; what is refused stays in the line, with the reason."""
        if event.wish == "open":
            self.open_root(event.text)
            return

        async def carry_out() -> None:
            refused = await self._carry_out(event)
            if refused:
                self.asking.refuse(refused)
                return
            self.asking.close()
            self.show_panel("step" if event.wish == "backward" else "changes")

        self.say("")
        self.run_worker(carry_out(), group="wish")

    async def _carry_out(self, event: AskLine.Submitted) -> Refused:
        try:
            if event.wish == "backward":
                return await self.control.backward(self._mode, read_seed(event.text))
            if event.wish == "descend":
                table = self.control.table
                return await self.control.descend(read_descent(event.text, table.optimizers if table else ()))
            call = read_call(event.text)
        except ValueError as error:
            return str(error)
        return await self.control.check(call.function, call.inputs)

    @on(AskLine.Closed)
    def _asked(self) -> None:
        self.focus_here()


def _words_of(candidate: Candidate) -> str:
    shape = words.shape(candidate.shape) if candidate.shape else "scalar"
    of_run = "of the paused run's last batch" if candidate.of_run else ""
    return " · ".join(part for part in (shape, candidate.grad_fn, of_run, candidate.value) if part)
