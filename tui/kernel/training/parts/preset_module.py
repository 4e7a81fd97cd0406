"""The preset's file as a module of its own, with its knobs set."""

from __future__ import annotations

import ast
import atexit
import hashlib
import itertools
import marshal
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from tui.protocol.preset import OPTIONAL, REQUIRED, PresetError, PresetInfo, read_preset
from tui.protocol.run import KnobValue

_serial = itertools.count(1)


@dataclass(frozen=True)
class Source:
    """A preset that has been read and checked, and not run."""

    info: PresetInfo
    text: str
    knobs: dict[str, KnobValue]
    """Every knob with the value it is to run with."""
    code: CodeType


def read_source(path: Path, knobs: Mapping[str, KnobValue]) -> Source:
    """Read a preset and give its knobs their values, without running it.

    Raises:
        PresetError: the file breaks the contract, or has no such knob, or a value is of another type.
    """
    info = read_preset(path)
    values = {knob.name: knob.default for knob in info.knobs}
    for name, value in knobs.items():
        kind = info.knob(name).type
        if kind == "float" and type(value) is int:
            value = float(value)
        if type(value).__name__ != kind:
            raise PresetError(f"knob {name} takes {kind}, got {value!r}", path=str(path))
        values[name] = value
    text = path.read_text(encoding="utf-8-sig")
    tree = ast.parse(text, filename=str(path))
    # The value is replaced where it is written, so that top-level expressions made of knobs see it too.
    for node in tree.body:
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value):
            continue
        if node.target.id in values:
            node.value = ast.copy_location(ast.Constant(values[node.target.id]), node.value)
    try:
        code = compile(tree, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:  # what parses but does not compile, e.g. a `return` at the top level
        raise PresetError(str(error.msg), path=str(path), line=error.lineno) from error
    return Source(info, text, values, code)


class ExperimentModule:
    """The module made of a preset's file; `close` takes it out of the interpreter again.

    It has a name of its own in ``sys.modules``, under which classes defined in it can be pickled, and a stub
    of that name on ``sys.path``, so that a DataLoader worker that was spawned (not forked) can import it.
    """

    def __init__(self, source: Source, place: Path | None = None) -> None:
        """`place`: the file that the source is a copy of, which finds its data beside itself; None: it is none."""
        path = place or Path(source.info.path)
        digest = hashlib.sha256(source.text.encode()).hexdigest()[:6]
        stem = "".join(c if c.isalnum() and c.isascii() else "_" for c in path.stem)
        self.name = f"experiment_{stem}_{digest}_{next(_serial)}"
        self.source = source
        self.module = ModuleType(self.name)
        self.module.__file__ = str(path)
        self._stub_folder = tempfile.mkdtemp(prefix="torchtui-")
        atexit.register(self._remove_stub)

    def run(self) -> None:
        """Run the file's top level; whatever it raises passes through."""
        stub = f"import marshal\n__file__ = {self.module.__file__!r}\n"
        stub += f"exec(marshal.loads({marshal.dumps(self.source.code)!r}))\n"
        Path(self._stub_folder, f"{self.name}.py").write_text(stub, encoding="utf-8")
        sys.path.append(self._stub_folder)
        beside = str(Path(str(self.module.__file__)).parent)
        if beside not in sys.path:
            sys.path.append(beside)  # for what lies beside the file, as `python file.py` would have it
        sys.modules[self.name] = self.module
        # `%reset` in the REPL takes it away, and no process could be spawned any more
        vars(sys.modules["__main__"]).setdefault("__spec__", None)
        exec(self.source.code, self.module.__dict__)

    def function(self, name: str) -> Callable[..., Any] | None:
        """Return one of the contract's functions, None where an optional one is absent.

        Raises:
            PresetError: it is not callable, or a required one is gone.
        """
        found = getattr(self.module, name, None)
        if callable(found):
            return found  # type: ignore[no-any-return]
        if name in REQUIRED:
            raise self.broken(name, f"has no callable {name}; a preset defines {REQUIRED[name]}")
        if found is not None and name in OPTIONAL and name in self.source.info.functions:
            raise self.broken(name, f"{name} must be a function: {OPTIONAL[name]}")
        return None

    def broken(self, function: str, message: str) -> PresetError:
        """Return the error that says how `function` breaks the contract, with its place."""
        line = self.source.info.functions.get(function)
        return PresetError(message, path=self.source.info.path, line=line)

    def forget(self) -> None:
        """Take the module out of the interpreter; its classes can no longer be pickled."""
        sys.modules.pop(self.name, None)
        self._remove_stub()

    def _remove_stub(self) -> None:
        with suppress(ValueError):
            sys.path.remove(self._stub_folder)
        shutil.rmtree(self._stub_folder, ignore_errors=True)
        atexit.unregister(self._remove_stub)
