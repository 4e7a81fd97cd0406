"""What is said of a kernel that ended."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tui.client.launch import death_in_words, log_tail


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [
        (0, ("exit code 0",)),
        (3, ("exit code 3",)),
        (-signal.SIGKILL, ("SIGKILL", "memory")),
        (-signal.SIGSEGV, ("SIGSEGV", "native code")),
        (-signal.SIGABRT, ("SIGABRT",)),
        (-signal.SIGUSR1, ("SIGUSR1",)),
        (-200, ("signal 200",)),
        (None, ("gone",)),
    ],
)
def test_exit_code_or_signal_is_named(exit_code: int | None, words: tuple[str, ...]) -> None:
    said = death_in_words(exit_code)
    for word in words:
        assert word in said
    assert "\n" not in said


def test_the_last_lines_are_kept_without_blank_ones(tmp_path: Path) -> None:
    log = tmp_path / "kernel.log"
    log.write_text("".join(f"line {n}\n\n" for n in range(30)) + "unfinished")
    assert log_tail(log, 3) == ("line 28", "line 29", "unfinished")
    assert log_tail(tmp_path / "none") == ()


def test_a_long_log_is_read_from_its_end_alone(tmp_path: Path) -> None:
    log = tmp_path / "kernel.log"
    log.write_bytes(b"\xe2\x82\xac" * 1_000_000 + b"\nlast\n")
    tail = log_tail(log)
    assert tail[-1] == "last"
    assert sum(map(len, tail)) < 100_000


def test_of_a_crash_report_the_fault_and_the_innermost_frames_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "kernel.log"
    threads = "".join(f'  File "other.py", line {n} in wait\n' for n in range(50))
    log.write_text(
        "warning: something\nFatal Python error: Segmentation fault\n\n"
        f"Thread 0x1 (most recent call first):\n{threads}\n"
        "Current thread 0x2 (most recent call first):\n"
        '  File "mine.py", line 7 in crash\n' + "".join(f'  File "f{n}.py", line 1 in g\n' for n in range(50))
    )
    tail = log_tail(log, 6)
    assert tail[0] == "Fatal Python error: Segmentation fault"
    assert tail[1].startswith("Current thread")
    assert "mine.py" in tail[2]
    assert len(tail) == 6
