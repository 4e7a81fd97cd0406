"""The preset contract, as far as it can be read without running the file.

A preset is a plain Python file (docstring, annotated knobs, ``data``, ``model``, ``loss``, ``optimizer``).
Reading it with `ast` lists presets, checks ``--set`` and shows a form with no torch and without running
anybody's code.
"""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tui.protocol.run import KnobValue

KnobType = Literal["int", "float", "str", "bool"]

REQUIRED: Final = {
    "data": "data() returning a dict of DataLoaders with the key 'train' (and 'val', 'test' where there are any)",
    "model": "model() returning an nn.Module",
    "loss": "loss() returning a callable (output, target) -> scalar tensor",
    "optimizer": "optimizer(parameters) returning a torch.optim.Optimizer",
}
"""The functions a preset must define, and what each has to be."""
OPTIONAL: Final = {
    "scheduler": "scheduler(optimizer) returning a learning-rate scheduler",
    "metrics": "metrics(output, target) returning a dict of name to value",
    "step": "step(model, batch, loss) returning a scalar tensor",
    "preview": "preview(model) returning a text or a tensor",
}
ARGUMENTS: Final = {
    "data": 0, "model": 0, "loss": 0, "optimizer": 1, "scheduler": 1, "metrics": 2, "step": 3, "preview": 1,
}  # fmt: skip
"""How many positional arguments each function of the contract is called with."""


class PresetError(ValueError):
    """A file breaks the preset contract, or none has the name; the message is for the user."""

    exit_code = 2
    """It is wrong usage: the command line exits with this."""

    def __init__(self, message: str, *, path: str = "", line: int | None = None) -> None:
        self.path = path
        self.line = line
        place = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(place + message)


@dataclass(frozen=True)
class Knob:
    """One top-level annotated constant of a preset."""

    name: str
    type: KnobType
    default: KnobValue
    help: str
    """The comment beside it; empty where there is none."""
    line: int


@dataclass(frozen=True)
class PresetInfo:
    """What a preset says of itself."""

    name: str
    """The file's stem."""
    path: str
    title: str
    """The docstring's first line."""
    description: str
    """The rest of the docstring."""
    knobs: tuple[Knob, ...]
    functions: dict[str, int]
    """The contract's functions that it defines, with their lines."""

    def knob(self, name: str) -> Knob:
        """Return the knob called `name`; raises PresetError naming the nearest one."""
        for knob in self.knobs:
            if knob.name == name:
                return knob
        names = [knob.name for knob in self.knobs]
        raise PresetError(
            f"{self.name} has no knob {name!r}{nearest(name, names)}; it has {', '.join(names) or 'none'}"
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known word, or nothing."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""


def read_preset(path: Path) -> PresetInfo:
    """Read what a preset says of itself, without running it.

    Raises:
        PresetError: the file cannot be read, is no Python, or lacks a function of the contract.
    """
    shown = str(path)
    try:
        source = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PresetError(f"cannot be read: {reason}", path=shown) from None
    try:
        tree = ast.parse(source, filename=shown)
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise PresetError(f"is not valid Python: {reason}", path=shown, line=line) from None

    functions = _defined(tree)
    for name, expected in REQUIRED.items():
        if name not in functions:
            raise PresetError(f"has no {name}; a preset defines {expected}", path=shown, line=1)
    title, _, description = (ast.get_docstring(tree) or "").partition("\n")
    return PresetInfo(
        name=path.stem,
        path=shown,
        title=title.strip(),
        description=description.strip(),
        knobs=tuple({knob.name: knob for knob in _knobs(tree, _comments(source), shown)}.values()),
        functions=functions,
    )


def _defined(tree: ast.Module) -> dict[str, int]:
    """Return the contract's names that the module defines or imports at top level, with their lines."""
    contract = {**REQUIRED, **OPTIONAL}
    found: dict[str, int] = {}
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.asname or alias.name for alias in node.names]
        found.update((name, node.lineno) for name in names if name in contract)
    return found


def _comments(source: str) -> dict[int, str]:
    """Return the comment on each line that has one."""
    comments: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = token.string.lstrip("#").strip()
    return comments


def _knobs(tree: ast.Module, comments: Mapping[int, str], path: str) -> Iterable[Knob]:
    for node in tree.body:
        if not (
            isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
        ):
            continue
        annotation = ast.unparse(node.annotation).strip("'\"")
        if annotation not in ("int", "float", "str", "bool"):
            continue
        kind: KnobType = annotation  # type: ignore[assignment]
        try:
            value = ast.literal_eval(node.value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            raise PresetError(
                f"knob {node.target.id} must be a plain {kind} such as {_EXAMPLE[kind]}, not an expression",
                path=path,
                line=node.lineno,
            ) from None
        if kind == "float" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value).__name__ != kind:
            message = f"knob {node.target.id} is annotated {kind} and its value is a {type(value).__name__}"
            raise PresetError(message, path=path, line=node.lineno)
        yield Knob(node.target.id, kind, value, comments.get(node.end_lineno or node.lineno, ""), node.lineno)


_EXAMPLE: Final = {"int": "10", "float": "1e-3", "str": "'adam'", "bool": "True"}
_WORDS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def parse_knob(knob: Knob, text: str) -> KnobValue:
    """Read what a user typed for a knob.

    Raises:
        PresetError: the text is not of the knob's type; names what would be.
    """
    cleaned = text.strip()
    try:
        if knob.type == "int":
            as_float = float(cleaned.replace("_", "")) if any(c in cleaned for c in "eE") else None
            if as_float is not None and as_float.is_integer():
                return int(as_float)  # 1e4 is how people write ten thousand
            return int(cleaned)
        if knob.type == "float":
            return float(cleaned)
        if knob.type == "bool":
            return _WORDS[cleaned.lower()]
    except (ValueError, KeyError, OverflowError):
        expected = "true or false" if knob.type == "bool" else f"{knob.type} such as {_EXAMPLE[knob.type]}"
        raise PresetError(f"{knob.name} takes {expected}, got {text!r}") from None
    return text


def parse_settings(preset: PresetInfo, settings: Iterable[str]) -> dict[str, KnobValue]:
    """Read ``NAME=VALUE`` settings against a preset's knobs.

    Raises:
        PresetError: no ``=``, an unknown knob (the nearest is named), or a wrong type.
    """
    values: dict[str, KnobValue] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise PresetError(f"--set takes NAME=VALUE, got {setting!r}")
        values[name.strip()] = parse_knob(preset.knob(name.strip()), text)
    return values


def find_preset(name: str, folders: Iterable[Path]) -> Path:
    """Find a preset by path or by name in `folders`, the first that has it.

    Raises:
        PresetError: there is none; names the nearest, or the ones there are.
    """
    given = Path(name).expanduser()
    if given.suffix == ".py" or "/" in name:
        if given.is_file():
            return given.resolve()
        if given.suffix == ".py":
            raise PresetError(f"there is no file {name}")
    known: dict[str, Path] = {}
    for path in preset_files(folders):
        known.setdefault(path.stem, path)
    if name in known:
        return known[name].resolve()
    raise PresetError(
        f"there is no preset {name!r}{nearest(name, known)}; there are {', '.join(known) or 'none'}"
    )


def preset_files(folders: Iterable[Path]) -> list[Path]:
    """Return every preset file of `folders`, earlier folders first, names in order, shadowed ones left out."""
    seen: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in sorted(folder.glob("*.py")):
                if not path.name.startswith("_"):
                    seen.setdefault(path.stem, path)
    return list(seen.values())
