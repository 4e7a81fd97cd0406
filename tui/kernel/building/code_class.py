"""Writes one class of a model: its layers in `__init__`, and `forward` with the shape after each line.

NOTE [Generated code]
Each block is a line of `forward`: ``x = self.conv1(x)  # (N, 32, 26, 26)``. ``x`` is what runs on; a value with a name
is kept beside it (``x = skip = self.down(x)``). A residual is ``x = x + self.residual(x)``, or with layers that are
written out ``skip = x`` … ``x = skip + x``; branches are ``torch.cat((self.a(x), self.b(x)), dim=1)`` or a sum; repeats
are an `nn.Sequential` of a comprehension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.kernel.building import naming
from tui.kernel.building.code_calls import RUNNING, argument, is_expression, renamed, takes_index
from tui.kernel.building.code_classes import ClassPlan
from tui.kernel.building.code_nodes import Nodes
from tui.kernel.building.code_plan import Plan
from tui.kernel.building.code_text import WIDTH, Line, Writer
from tui.kernel.building.labels import OPEN
from tui.kernel.building.parts import Part
from tui.kernel.building.values import Batch
from tui.kernel.safe_objects import cut

_INDENT = 8


@dataclass
class Written:
    """A class that was written."""

    setup: list[Line]
    """Lines of its `__init__`, behind the call of that of its base."""
    forward: list[Line]
    """Lines of its `forward`."""
    result: str
    """What `forward` returns."""
    names: dict[int, str]
    """Attributes by the blocks that they are for."""
    problems: dict[int, str]
    """What is wrong with names that blocks were given."""


class ClassWriter:
    """Writes the lines of one class."""

    def __init__(
        self,
        plan: Plan,
        nodes: Nodes,
        batch: Batch,
        *,
        own: ClassPlan | None = None,
        shapes: Mapping[int, str] | None = None,
        values: Sequence[str] = (),
    ) -> None:
        """`own`: the class to write; None: the model's. `shapes`: by id in memory of a part; None: of each its own."""
        self._plan = plan
        self._nodes = nodes
        self._batch = batch
        self._own = own
        self._shapes = shapes
        self._values = set(values)
        self._bare = id(own.sample[0]) if own is not None and own.bare else None
        self._names: list[str] = []
        self._reset()

    def _reset(self) -> None:
        self._wanted: list[tuple[str, str]] = []
        self._setup, self._after, self._forward = Writer(), Writer(), Writer()
        self._found: dict[int, str] = {}
        self._problems: dict[int, str] = {}
        self._variables = {RUNNING, *self._values}

    def write(self, parts: Sequence[Part], start: str = RUNNING) -> Written:
        """Write blocks one after the other; the first is called with the value `start`."""
        self._line(parts, start, RUNNING)  # for the names that are wanted
        self._names = naming.assigned(self._wanted)
        self._reset()
        result = self._line(parts, start, RUNNING)
        lines = [*self._setup.lines, *self._after.lines]
        return Written(lines, self._forward.lines, result, self._found, self._problems)

    # -- blocks -----------------------------------------------------------------------------------

    def _line(self, parts: Sequence[Part], source: str, target: str) -> str:
        for part in parts:
            source = self._part(part, source, target)
        return source

    def _part(self, part: Part, source: str, target: str) -> str:
        """Write a block that reads one variable and writes another; return where its output is."""
        kind, nothing = part.block.kind, not part.children
        if kind in ("sequence", "repeat") and nothing:
            return self._finish(part, self._start(part, source), target)
        if self._is_unit(part):
            return self._put(part, target, f"self.{self._define(part)}({self._called_with(part, source)})")
        if kind == "expression":
            return self._put(part, target, renamed(part.block.layer, self._start(part, source)))
        start = self._start(part, source)
        if kind == "sequence":
            return self._finish(part, self._line(part.children, start, target), target)
        if kind == "residual":
            return self._residual(part, start, target)
        if kind == "parallel":
            return self._parallel(part, start, target)
        return self._loop(part, start, target)

    def _is_unit(self, part: Part) -> bool:
        return id(part) != self._bare and self._plan.is_unit(part)

    def _residual(self, part: Part, start: str, target: str) -> str:
        if part.children and all(self._plan.is_inner_unit(child) for child in part.children):
            name = self._define(part)
            skip = self._projected(part, start, name)
            return self._put(part, target, f"{skip} + self.{name}({start})")
        skip = start
        if start == target and part.children:
            skip = self._variable("skip")
            self._forward.add(f"{skip} = {start}", part.block.id)
        result = self._line(part.children, start, target)
        return self._put(part, target, f"{self._projected(part, skip, '')} + {result}")

    def _projected(self, part: Part, value: str, name: str) -> str:
        """Return the input of a residual as it is added: itself, or projected."""
        condition = self._own.mixed.get(id(part)) if self._own is not None else None
        if part.projection is None and condition is None:
            return value
        base = f"{name}_projection" if name and id(part) != self._bare else "projection"
        attribute = self._attribute("", base)
        node = self._nodes.projection(part)
        inits = self._nodes.projected(part, f"self.{attribute}")
        if condition is None:
            self._setup.assign(f"self.{attribute}", node)
            self._after.lines += inits
        else:
            self._setup.add(f"self.{attribute}: nn.Module = nn.Identity()", part.block.id)
            self._setup.add(f"if {condition}:", part.block.id)
            inner = Writer()
            inner.assign(f"self.{attribute}", node, depth=3)
            self._setup.lines += [line.deeper() for line in (*inner.lines, *inits)]
        if part.frozen:
            self._after.add(f"self.{attribute}.requires_grad_(False)", part.block.id)
        return f"self.{attribute}({value})"

    def _parallel(self, part: Part, start: str, target: str) -> str:
        terms = []
        for child in part.children:
            inline = self._is_unit(child) and not child.block.output
            if inline and (child.children or child.block.kind == "layer"):
                call = (
                    f"self.{self._define(child)}({self._called_with(child, start)}){self._leaves(child)[0]}"
                )
                terms.append((child, call))
            else:
                terms.append((child, self._part(child, start, self._variable("branch"))))
        expression = self._joined(part, [text for _, text in terms])
        if len(f"{target} = {expression}") > WIDTH - _INDENT:
            results = []
            for child, text in terms:
                name = text if text.isidentifier() else self._variable("branch")
                if name is not text:
                    self._statement(f"{name} = {text}", child)
                results.append(name)
            expression = self._joined(part, results)
        return self._put(part, target, expression)

    def _joined(self, part: Part, terms: Sequence[str]) -> str:
        if part.block.join == "add":
            return " + ".join(terms) or RUNNING
        inner = ", ".join(terms) + ("," if len(terms) == 1 else "")
        return f"torch.cat(({inner}), dim={part.block.dim})"

    def _loop(self, part: Part, start: str, target: str) -> str:
        """Write a repeat whose rounds take values from outside as well."""
        name = self._define(part)
        plan = self._plan.class_of_round(part.children)
        extra = "".join(f", {value}" for value in plan.extra) if plan is not None else ""
        if start != target:
            self._forward.add(f"{target} = {start}", part.block.id)
        variable = "block" if "block" not in self._variables else "block_"
        self._forward.add(f"for {variable} in self.{name}:", part.block.id)
        self._statement(f"    {target} = {variable}({target}{extra})", part)
        return self._finish(part, target, target)

    # -- attributes -------------------------------------------------------------------------------

    def _define(self, part: Part) -> str:
        """Write the layers of a block into `__init__`, and return their attribute."""
        given = "" if id(part) == self._bare else part.block.name
        name = self._attribute(given, self._base(part), part.block.id)
        bare = id(part) == self._bare and part.block.kind != "repeat"
        node = self._nodes.body(part, self._found) if bare else self._nodes.node(part, self._found)
        self._setup.assign(f"self.{name}", node)
        self._found[part.block.id] = name
        self._after.lines += self._nodes.after(part, f"self.{name}", own=id(part) == self._bare)
        return name

    def _base(self, part: Part) -> str:
        if part.block.kind == "layer":
            return naming.base_name(part.block.layer)
        if id(part) == self._bare:
            return "body"
        return {"sequence": "layers", "repeat": "blocks", "parallel": "branches"}.get(
            part.block.kind, part.block.kind
        )

    def _attribute(self, given: str, base: str, block: int | None = None) -> str:
        if given:
            taken = {name for name, _ in self._wanted if name}
            problem = naming.problem_of(given, taken)
            if problem and block is not None:
                self._problems[block] = problem
                given = ""
        self._wanted.append((given, base))
        index = len(self._wanted) - 1
        return self._names[index] if index < len(self._names) else (given or base)

    # -- statements -------------------------------------------------------------------------------

    def _start(self, part: Part, source: str) -> str:
        """Return the value that a container begins with."""
        return self._called_with(part, source)

    def _called_with(self, part: Part, source: str) -> str:
        if not part.block.inputs or id(part) == self._bare:
            return source
        together = ", ".join(argument(text, source) for text in part.block.inputs)
        return together if is_expression(f"f({together})") else OPEN

    def _put(self, part: Part, target: str, expression: str) -> str:
        """Write the line that gives a block's output to the variable that runs on, and to its own name."""
        block, (take, output) = part.block, self._leaves(part)
        if take and not output and not takes_index(expression):
            expression = f"({expression})"
        if output and take:
            self._forward.add(f"{output} = {expression}", block.id)
            self._statement(f"{target} = {output}{take}", part)
        elif output:
            self._statement(f"{target} = {output} = {expression}", part)
        else:
            self._statement(f"{target} = {expression}{take}", part)
        return target

    def _finish(self, part: Part, result: str, target: str) -> str:
        """Give what a written out container came to its name, and take of it what runs on."""
        take, output = self._leaves(part)
        if output:
            self._forward.add(f"{output} = {result}", part.block.id)
        if take:
            self._statement(f"{target} = {result}{take}", part)
            return target
        return result

    def _leaves(self, part: Part) -> tuple[str, str]:
        """Return the index that is taken of a block's output, and the name that it gets."""
        if id(part) == self._bare:
            return "", ""
        take, output = part.block.take.strip(), part.block.output
        return (
            take if take.startswith(("[", ".")) and is_expression(f"x{take}") else "",
            "" if output and naming.value_problem(output) else output,
        )

    def _statement(self, text: str, part: Part) -> None:
        comment = self._shape(part)
        beside = not comment.startswith("{") and len(text) + len(comment) + 4 <= WIDTH - _INDENT + 12
        if comment and beside:
            text = f"{text}  # {comment}"
        elif comment:
            indent = text[: len(text) - len(text.lstrip())]
            self._forward.add(f"{indent}# {comment}", part.block.id)
        self._forward.add(text, part.block.id)

    def _shape(self, part: Part) -> str:
        if self._shapes is not None:
            return self._shapes.get(id(part), "")
        if part.status == "failed" and part.error:
            words = " ".join(part.error.split(". ")[0].split())
            return f"fails: {cut(''.join(letter if letter.isprintable() else '?' for letter in words))}"
        return self._batch.text(part.goes_out.value) if part.goes_out is not None else ""

    def _variable(self, base: str) -> str:
        number, name = 2, base if base != "branch" else "branch1"
        while name in self._variables:
            name, number = f"{base}{number}", number + 1
        self._variables.add(name)
        return name
