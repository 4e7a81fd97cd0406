"""The screens fail: what is printed last, and that the run lives on."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.terminal import ENDLESS, Home

CHANGED = '''
import sys

class Changed:
    """A module of torchtui that is another one on the disk by now."""
    def find_spec(self, name, path=None, target=None):
        if name == "tui.widgets.help":
            raise ImportError("cannot import name 'HelpScreen' from 'tui.widgets.help'")

sys.meta_path.insert(0, Changed())
'''


def test_files_that_changed_under_the_app_end_it_in_plain_words_and_the_run_goes_on(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CHANGED)
    home.env["PYTHONPATH"] = str(tmp_path)
    app = home.open("train", home.preset(), *ENDLESS)
    app.wait_for("▶ running", "─ train")
    app.press("f1")
    assert app.exit_status() == 1
    (session,) = home.sessions()
    text = app.text
    for expected in (
        "torchtui: the screens failed: ImportError: cannot import name 'HelpScreen'",
        f"torchtui attach {session['id']}",
        f"torchtui stop {session['id']}",
        "goes on in its kernel",
    ):
        assert expected in text
    assert "locals" not in text
    (kept,) = (home.folder / "crashes").iterdir()
    assert str(kept) in text.replace("\n", "")
    assert "Traceback (most recent call last)" in kept.read_text()
    (folder,) = home.folders()
    home.wait_for_step(home.record(folder)["step"] + 100, folder)
