from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tui.widgets.builder.slots import MOST, Slot, claim, others


def claimed(path: Path) -> Slot:
    slot = claim(path)
    assert slot is not None
    return slot


def test_two_at_once_never_write_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "state" / "design.json"
    first = claimed(path)
    second = claimed(path)
    assert (first.path, second.path) == (path, path.with_name("design-2.json"))
    first.release()
    third = claimed(path)
    assert third.path == path
    for slot in (second, third):
        slot.release()
    assert claimed(path).path == path


def test_a_file_is_free_again_once_its_process_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    code = (
        "import sys; from pathlib import Path; from tui.widgets.builder.slots import claim;"
        "slot = claim(Path(sys.argv[1])); print(slot.path.name, flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline().strip() == "design.json"
    mine = claimed(path)
    assert mine.path.name == "design-2.json"
    mine.release()
    other.kill()
    other.communicate()
    again = claimed(path)
    assert again.path == path
    again.release()


def test_there_is_an_end_to_terminals(tmp_path: Path) -> None:
    held = [claimed(tmp_path / "design.json") for _ in range(MOST)]
    assert claim(tmp_path / "design.json") is None
    for slot in held:
        slot.release()


def test_designs_of_others_are_those_that_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    for name in ("design.json", "design-3.json", "design-copy.json"):
        (tmp_path / name).write_text("{}")
    assert [one.name for one in others(path, path)] == ["design-3.json"]
    assert [one.name for one in others(path, tmp_path / "design-3.json")] == ["design.json"]
