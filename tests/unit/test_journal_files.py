from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tui.client.journal import Failed, JournalCell, Printed, Showed
from tui.client.notebook import to_notebook
from tui.client.saving import FileExists, FileRefused, cells_of, code_of, save
from tui.client.script import plain_python, to_script


def cell(code: str, count: int = 1, **options: Any) -> JournalCell:
    return JournalCell(
        f"id/{count}", code, count, options.pop("kernel", 0), options.pop("status", "ok"), **options
    )


CELLS = (
    cell("x = [1, 2]", 1),
    cell(
        "print('hé')\nx",
        2,
        outputs=[
            Printed("stdout", "hé\nthere", omitted=7),
            Showed({"text/plain": "[1, 2]", "image/png": "QUJD\n", "text/html": "<b>\n1</b>"}, 2),
            Showed({"text/plain": "shown"}, None),
        ],
    ),
    cell(
        "1/0",
        3,
        status="error",
        outputs=[Failed("ZeroDivisionError", "division by zero", ("\x1b[31ma\x1b[0m",))],
    ),
    cell("y = sum(x)", 4, outputs_omitted=True),
)


# -- scripts --------------------------------------------------------------------------------------


def run_script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "saved.py"
    path.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_runs_in_plain_python(tmp_path: Path) -> None:
    cells = [
        *CELLS,
        cell("%timeit x\nfiles = !ls\nprint(y)\nx?", 5),
        cell("%%bash\nexit 1", 6),
        cell("if y:\n    %time y\nprint('end')", 7),
        cell("await something()", 8),
        cell("for broken(", 9, status="error"),
        cell("text = '''\n%not a magic\n!nor this\n'''\nprint(text)", 10),
    ]
    assert run_script(tmp_path, to_script(cells)) == "hé\n3\nend\n\n%not a magic\n!nor this\n\n"


def test_a_script_tells_its_cells() -> None:
    text = to_script([*CELLS, cell("z = 1", 1, kernel=1, status="aborted")])
    assert re.findall(r"^# In .*", text, re.M) == [
        "# In [1]",
        "# In [2]",
        "# In [3]  raised ZeroDivisionError",
        "# In [4]",
        "# In [1]  did not end",
    ]
    assert "\n# 1/0\n" in text
    assert text.index("a fresh kernel") < text.index("z = 1")
    assert "import torch" not in text


@pytest.mark.parametrize(
    ("code", "imports"),
    [
        ("torch.zeros(3)", ["import torch"]),
        ("nn.Linear(torch.e, F.x)", ["import torch", "from torch import nn", "from torch.nn import functional as F"]),
        ("import torch\ntorch.zeros(3)", []),
        ("%timeit 1\ntorch.zeros(3)", ["import torch"]),
        ("F = 3\nF", []),
        ("x.torch", []),
    ],
)  # fmt: skip
def test_what_a_session_brings_along_is_imported(code: str, imports: list[str]) -> None:
    text = to_script([cell(code)])
    assert text.split("# In [1]")[0].split("\n")[: len(imports)] == imports
    first = json.loads(to_notebook([cell(code)]))["cells"][0]
    assert ("".join(first["source"]).split("\n") == imports) is bool(imports)


def test_plain_code_stays_as_it_is() -> None:
    code = "a = b % c\nd = {1: 2}\n\n@decorator\ndef f(): ...\nassert a != d"
    assert plain_python(code) == code


# -- notebooks ------------------------------------------------------------------------------------

CELL_KEYS = {"cell_type", "execution_count", "id", "metadata", "outputs", "source"}
OUTPUT_KEYS = {
    "stream": {"output_type", "name", "text"},
    "display_data": {"output_type", "data", "metadata"},
    "execute_result": {"output_type", "data", "metadata", "execution_count"},
    "error": {"output_type", "ename", "evalue", "traceback"},
}


def is_text(value: object) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(line, str) for line in value)
    )


def check_notebook(notebook: dict[str, Any]) -> None:
    """Hold a notebook of code cells against the format's description, 4.5."""
    assert set(notebook) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert {"name", "display_name"} <= set(notebook["metadata"]["kernelspec"])
    assert notebook["metadata"]["language_info"]["name"] == "python"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for item in notebook["cells"]:
        assert set(item) == CELL_KEYS
        assert item["cell_type"] == "code"
        assert re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", item["id"])
        assert item["execution_count"] is None or item["execution_count"] >= 0
        assert is_text(item["source"])
        for output in item["outputs"]:
            assert set(output) == OUTPUT_KEYS[output["output_type"]]
            assert all(is_text(text) for text in output.get("data", {}).values())
            assert is_text(output.get("text", ""))
            assert output.get("name", "stdout") in ("stdout", "stderr")


def test_a_notebook_keeps_code_and_outputs() -> None:
    notebook = json.loads(to_notebook(CELLS, python="3.11.7"))
    check_notebook(notebook)
    first, second, third, fourth = notebook["cells"]
    assert "".join(first["source"]) == "x = [1, 2]"
    assert second["execution_count"] == 2
    stream, result, shown = second["outputs"]
    assert "".join(stream["text"]) == "[7 characters before this were not kept]\nhé\nthere"
    assert result["data"]["image/png"] == "QUJD\n"
    assert "".join(result["data"]["text/html"]) == "<b>\n1</b>"
    assert shown["output_type"] == "display_data"
    assert third["outputs"][0]["ename"] == "ZeroDivisionError"
    assert "not kept" in "".join(fourth["outputs"][0]["text"])
    assert notebook["metadata"]["language_info"]["version"] == "3.11.7"


def test_any_text_can_be_stored(tmp_path: Path) -> None:
    odd = "\ud800 \x00 \u2028 \x1b[31m \r\n"
    cells = [cell(f"s = {odd!r}  # \ud800", outputs=[Printed("stdout", odd), Failed("E", odd, (odd,))])]
    for name in ("a.py", "a.ipynb"):
        save(tmp_path / name, cells)
    check_notebook(json.loads((tmp_path / "a.ipynb").read_text("utf-8")))


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    save(tmp_path / "a.ipynb", CELLS)
    assert cells_of(tmp_path / "a.ipynb") == [item.code for item in CELLS]
    assert code_of(tmp_path / "a.ipynb") == "\n\n".join(item.code for item in CELLS)
    save(tmp_path / "a.py", CELLS)
    assert code_of(tmp_path / "a.py") == to_script(CELLS).rstrip()


def test_notebooks_of_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "b.ipynb"
    path.write_text(
        json.dumps(
            {
                "nbformat": 4,
                "cells": [
                    {"cell_type": "markdown", "source": "# title"},
                    {"cell_type": "code", "source": ["a = 1\n", "b = 2"]},
                    {"cell_type": "code", "source": " \n"},
                    {"cell_type": "code", "source": "c"},
                ],
            }
        )
    )
    assert cells_of(path) == ["a = 1\nb = 2", "c"]
    path.write_text(
        json.dumps({"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["x"]}]}]})
    )
    assert cells_of(path) == ["x"]


# -- files ----------------------------------------------------------------------------------------


def test_a_file_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("mine")
    path.chmod(0o640)
    with pytest.raises(FileExists, match="exists already"):
        save(path, CELLS)
    assert path.read_text() == "mine"
    save(path, CELLS, overwrite=True)
    assert "# In [1]" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert save("~/a.py", CELLS) == tmp_path / "a.py"
    assert "x = [1, 2]" in code_of("~/a.py")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.txt", "must end with .py or .ipynb"),
        ("a", "must end with .py or .ipynb"),
        ("", "must end with"),
        ("no/such/a.py", "no/such does not exist"),
        ("folder.py", "is a folder"),
    ],
)
def test_where_it_cannot_be_saved_it_says_why(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(FileRefused, match=reason):
        save(tmp_path / name if name else "", CELLS)
    assert sorted(os.listdir(tmp_path)) == ["folder.py"]


def test_without_cells_nothing_is_saved(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="nothing has run"):
        save(tmp_path / "a.py", ())


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("none.py", None, "does not exist"),
        ("a.jpg", b"x", "must end with"),
        ("a.ipynb", b"{", "no notebook"),
        ("b.ipynb", b"[]", "no notebook"),
        ("c.ipynb", b'{"nbformat": 4}', "no cells"),
        ("d.ipynb", b"[" * 100_000, "no notebook"),
        ("bytes.py", b"\xff\xfe\x00", "no text"),
        ("coding.py", b"# coding: nonsense\n", "no text"),
        ("bytes.ipynb", b"\xff", "no text"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why(
    tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FileRefused, match=reason):
        code_of(tmp_path / name)


def test_a_coding_line_is_obeyed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("# coding: latin-1\ns = 'é'\n".encode("latin-1"))
    assert "s = 'é'" in code_of(tmp_path / "a.py")
