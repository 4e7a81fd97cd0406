from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from IPython.core import ultratb

from tui.widgets.drawn.lines import plain_of
from tui.widgets.transcript.outputs import FailureBlock
from tui.widgets.transcript.tracebacks import can_fold, traceback_lines

RULE = "\x1b[91m---------------------------------------------------------------------------\x1b[39m"
HEADER = "\x1b[91mRuntimeError\x1b[39m                              Traceback (most recent call last)"
CELL = (
    "\x1b[96mCell\x1b[39m\x1b[96m \x1b[39m\x1b[32mIn[2]\x1b[39m\x1b[32m, line 5\x1b[39m\n"
    "\x1b[92m----> \x1b[39m5 f(x)\n"
)
ERROR = "\x1b[91mRuntimeError\x1b[39m: mat1 and mat2 shapes cannot be multiplied (2x4 and 5x2)"
PACKAGES = "/env/lib/python3.11/site-packages"


def frame(path: str, name: str = "forward") -> str:
    return (
        f"\x1b[96mFile \x1b[39m\x1b[32m{path}:134\x1b[39m, in \x1b[36m{name}\x1b[39m\x1b[94m(self, input)\x1b[39m\n"
        "\x1b[92m-> \x1b[39m134 code()\n"
    )


def folded(*texts: str) -> list[str]:
    return [plain_of(line) for line in traceback_lines(texts, folded=True)]


def test_runs_of_library_frames_become_one_line_each() -> None:
    torch_frames = [
        frame(f"{PACKAGES}/torch/nn/modules/{name}.py")
        for name in ("module", "module", "container", "linear")
    ]
    mine = frame("/home/me/net.py")
    assert folded(
        RULE, HEADER, CELL, *torch_frames, mine, frame("/usr/lib/python3.12/json/decoder.py"), ERROR
    ) == [
        "Cell In[2], line 5",
        "----> 5 f(x)",
        "… 4 frames in torch/nn/modules/…",
        "File /home/me/net.py:134, in forward(self, input)",
        "-> 134 code()",
        "… 1 frame in json/decoder.py",
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x4 and 5x2)",
    ]


def test_the_full_traceback_keeps_every_frame() -> None:
    texts = (RULE, HEADER, CELL, frame(f"{PACKAGES}/torch/functional.py"), ERROR)
    lines = [plain_of(line) for line in traceback_lines(texts, folded=False)]
    assert lines[0] == "RuntimeError  Traceback (most recent call last)"
    assert f"File {PACKAGES}/torch/functional.py:134, in forward(self, input)" in lines
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("~/.venv/lib/python3.13t/site-packages/numpy/linalg.py", "numpy/linalg.py"),
        ("/usr/lib/python3/dist-packages/six.py", "six.py"),
        ("/opt/python/lib/python3.11/asyncio/runners.py", "asyncio/runners.py"),
        ("C:\\Python311\\Lib\\json\\decoder.py", "json/decoder.py"),
        ("<frozen importlib._bootstrap>", "frozen importlib._bootstrap"),
    ],
)
def test_installed_packages_and_the_standard_library_are_not_the_users(path: str, where: str) -> None:
    assert folded(CELL, frame(path), ERROR)[2].startswith("… 1 frame in ")
    assert folded(CELL, frame(path), ERROR)[2].endswith(where.removeprefix("frozen "))


@pytest.mark.parametrize(
    "path", ["/home/me/lib/net.py", "~/code/torch/exercise.py", "/data/my python3/a.py", "<string>"]
)
def test_other_files_are_the_users(path: str) -> None:
    assert not can_fold([CELL, frame(path), ERROR])


def test_frames_of_several_packages_are_named() -> None:
    frames = (
        frame(f"{PACKAGES}/torch/a.py"),
        frame(f"{PACKAGES}/numpy/b.py"),
        frame(f"{PACKAGES}/torch/c.py"),
    )
    assert folded(CELL, *frames, ERROR)[2] == "… 3 frames in torch, numpy"


def test_chained_exceptions_each_show_their_own() -> None:
    between = "\nDuring handling of the above exception, another exception occurred:\n"
    lines = folded(
        RULE, HEADER, CELL, "KeyError: 'a'", between, HEADER, CELL, frame(f"{PACKAGES}/torch/a.py"), ERROR
    )
    assert (
        lines.index("KeyError: 'a'") < lines.index(between.strip()) < lines.index("… 1 frame in torch/a.py")
    )
    assert lines[-1].startswith("RuntimeError: mat1")


def test_syntax_errors_and_foreign_text_stay_as_they_are() -> None:
    syntax = (
        "  \x1b[96mCell\x1b[39m In[3], line 1\n    x = (1,\n        ^\n"
        "\x1b[91mSyntaxError\x1b[39m: '(' was never closed\n"
    )
    assert folded(syntax)[-1] == "SyntaxError: '(' was never closed"
    assert folded("ValueError: a\nb\n\nFile c") == ["ValueError: a", "b", "", "File c"]
    assert not any("\x1b" in line for line in folded("\x1b[31mBad\x1b[0m: [red]\x1b[5n\x1b[2J"))


def test_a_block_unfolds_and_copies_the_whole() -> None:
    texts = (RULE, HEADER, CELL, frame(f"{PACKAGES}/torch/a.py"), ERROR)
    block = FailureBlock("RuntimeError", "mat1", texts)
    short, version = len(block.lines), block.version
    block.toggle()
    assert len(block.lines) > short
    assert block.version > version
    assert "torch/a.py:134" in block.copy_text
    block.toggle()
    assert len(block.lines) == short
    assert not FailureBlock("KeyError", "'a'", (RULE, HEADER, CELL, "KeyError: 'a'")).foldable


def raised(call: Callable[[], object]) -> list[str]:
    """Return what IPython makes of an exception."""
    formatter = ultratb.FormattedTB(mode="Context", theme_name="neutral", tb_offset=1)  # type: ignore[no-untyped-call]
    try:
        call()
    except Exception:  # noqa: BLE001 (whatever it is)
        return list(formatter.structured_traceback(*sys.exc_info()))
    raise AssertionError("nothing was raised")


def test_what_ipython_makes_folds_to_the_users_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("import json\ndef read(text):\n    return json.loads(text)\n")
    space: dict[str, Callable[[str], object]] = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    lines = folded(*raised(lambda: space["read"]("{")))
    assert any("mine.py:3, in read(text)" in line for line in lines)
    assert lines[-1].startswith("JSONDecodeError: ")
    hidden = [line for line in lines if line.startswith("… ")]
    assert len(hidden) == 1
    assert hidden[0].endswith(" frames in json/…")
    assert not any(str(Path(json.__file__).parent) in line for line in lines)
