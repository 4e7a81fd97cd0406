"""What the documentation of a layer says, in lines that fit on a screen: summary, arguments, shapes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Final

_SECTION: Final = re.compile(
    r"^(Args|Arguments|Parameters|Shape|Inputs?|Outputs?|Attributes|Examples?|Notes?|Warning|Returns|Raises)\b.*:.*$"
)
_ARGUMENT: Final = re.compile(r"^[`*]{0,2}(\w+)[`*]{0,2}\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_SYMBOLS: Final = {
    r"\times": "×", r"\text": "", r"\ldots": "…", r"\dots": "…", r"\cdot": "·", r"\left": "", r"\right": "",
    r"\lfloor": "⌊", r"\rfloor": "⌋", r"\lceil": "⌈", r"\rceil": "⌉", r"\leq": "≤", r"\geq": "≥", r"\le": "≤",
    r"\ge": "≥", r"\infty": "∞", r"\sum": "Σ", r"\prod": "Π", r"\sqrt": "√", r"\mu": "μ", r"\sigma": "σ",
    r"\beta": "β", r"\gamma": "γ", r"\alpha": "α", r"\epsilon": "ε", r"\lambda": "λ", r"\odot": "⊙", r"\star": "⋆",
    r"\in": "∈", r"\quad": " ", r"\,": " ", r"\_": "_", r"\{": "{", r"\}": "}", r"\mathcal": "", r"\mathrm": "",
    r"\\": " ", r"\operatorname": "", r"\exp": "exp", r"\max": "max", r"\min": "min", r"\log": "log",
    r"\tanh": "tanh", r"\big": "", r"\Big": "", r"\approx": "≈", r"\rightarrow": "→", r"\to": "→", r"\ast": "*",
    r"\phi": "Φ", r"\Phi": "Φ", r"\pi": "π",
}  # fmt: skip
_FRACTION: Final = re.compile(r"\\d?frac\{([^{}]*)\}\{([^{}]*)\}")
_ROLE: Final = re.compile(r":(\w+):`~?([^`]*)`")
_WIDTH: Final = 200


def cleaned(doc: str) -> str:
    """Return the documentation in plain characters: no roles, no formulas in LaTeX, no directives."""
    text = inspect.cleandoc(doc)
    text = _ROLE.sub(lambda found: _plain_role(found[1], found[2]), text)
    text = re.sub(r"``?([^`]*)``?", r"\1", text)
    text = re.sub(r"^\.\. (?:math|note|warning|image|_\w+)::? *", "", text, flags=re.MULTILINE)
    return "\n".join(line if "\\" not in line else formula(line) for line in text.splitlines())


def formula(text: str) -> str:
    r"""Return LaTeX as one reads it: ``(N, C_{\text{in}})`` as ``(N, C_in)``."""
    text = re.sub(r"\\(?:text|mathrm|mathcal|operatorname)\{([^{}]*)\}", r"\1", text)
    text = re.sub(r"_\{([^{}]*)\}", r"_\1", text)
    for _ in range(3):
        text = _FRACTION.sub(r"(\1) / (\2)", text)
    for command, symbol in sorted(_SYMBOLS.items(), key=lambda pair: -len(pair[0])):
        text = re.sub(re.escape(command) + (r"(?![a-zA-Z])" if command[-1].isalpha() else ""), symbol, text)
    text = re.sub(r"[{}]|\\(?=[a-zA-Z])", "", text)
    return re.sub(r"(?<=\S) {2,}", " ", text)


def summary_of(doc: str) -> str:
    """Return the first sentence, on one line."""
    paragraphs = cleaned(doc).strip().split("\n\n")
    paragraph = next((text for text in paragraphs if not text.startswith("__init__(")), "")
    line = " ".join(paragraph.split())
    sentence = re.match(r"(.+?[.!])(?:\s+[A-Z`(]|$)", line)
    return _cut(sentence[1] if sentence else line)


def arguments_of(doc: str) -> dict[str, str]:
    """Return for each argument that is documented one line about it."""
    found: dict[str, list[str]] = {}
    name, indent = "", 0
    for line in _section(doc, "Args", "Arguments", "Parameters"):
        depth = len(line) - len(line.lstrip())
        begins = _ARGUMENT.match(line.strip())
        if begins and (not name or depth <= indent):
            name, indent = begins[1], depth
            found[name] = [begins[2]]
        elif name:
            found[name].append(line.strip())
    return {name: _first_sentence(" ".join(lines)) for name, lines in found.items()}


def shape_formula(doc: str) -> str:
    """Return ``(N, C_in, H_in, W_in) → (N, C_out, H_out, W_out)``; empty where the documentation does not tell."""
    lines = list(_section(doc, "Shape", "Shapes"))
    inputs = [found for line in lines if (found := _shape_in(line, "Input"))]
    outputs = [found for line in lines if (found := _shape_in(line, "Output"))]
    if not inputs or not outputs:
        return ""
    joined = inputs[0] if len(inputs) == 1 else ", ".join(inputs)
    text = f"{joined} → {outputs[0]}"
    sizes = [found for line in lines if (found := _size_in(line)) and found.split()[0] in text]
    return _cut(text + (f", {', '.join(sizes[:1])}" if sizes else ""))


def _shape_in(line: str, word: str) -> str:
    found = re.match(rf"\s*[-*]?\s*\**{word}\d?[^:]*:\s*(.*)", line)
    if not found:
        return ""
    shapes = [_balanced(found[1][place.start() :]) for place in re.finditer(r"(?<![\w)])\(", found[1])]
    shapes = [re.sub(r"\(\s+", "(", shape) for shape in shapes if re.match(r"\(\s*[\w*…]", shape)]
    return next((shape for shape in shapes if shape.startswith("(N")), shapes[0] if shapes else "")


def _balanced(text: str) -> str:
    """Return the bracket that the text begins with, with what is in it."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[: place + 1]
    return ""


def _size_in(line: str) -> str:
    found = re.match(r"\s*(H_out|L_out|D_out) *= *(.*)", line)
    return (
        " ".join(f"{found[1]} = {found[2]}".split())
        if found and found[2].count("⌊") == found[2].count("⌋")
        else ""
    )


def _section(doc: str, *names: str) -> Iterator[str]:
    """Yield the lines of a section, without its heading."""
    inside = False
    for line in cleaned(doc).splitlines():
        heading = _SECTION.match(line)
        if heading:
            inside = heading[1] in names
        elif inside and line.strip():
            if not line.startswith((" ", "-", "*")):
                return
            yield line


def _plain_role(role: str, text: str) -> str:
    text = re.sub(r"\s*<[^>]*>$", "", text)
    return (
        formula(text)
        if role == "math"
        else text.rpartition(".")[2]
        if role in ("class", "func", "meth")
        else text
    )


def _first_sentence(text: str) -> str:
    line = " ".join(text.split())
    sentence = re.match(r"(.+?\.)(?:\s+(?!Default)|$)", line)
    return _cut(sentence[1] if sentence else line)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
