"""ctrl+q with a run in progress asks, and does what was answered."""

from __future__ import annotations

from tests.e2e.terminal import ENDLESS, Home, Terminal

TITLE = "A run is in progress"


def ask_to_quit(app: Terminal) -> None:
    app.press("ctrl+q")
    app.wait_for(TITLE, "Detach", "Stop and quit", "Cancel")


def test_cancel_goes_on_detach_leaves_it_running_stop_ends_it(home: Home) -> None:
    app = home.open("train", home.preset(), *ENDLESS)
    app.wait_for("▶ running", "─ train")
    (folder,) = home.folders()

    ask_to_quit(app)
    app.press("escape")
    app.wait_gone(TITLE)
    ask_to_quit(app)
    app.press("tab", "tab", "enter")
    app.wait_gone(TITLE)
    home.wait_for_step(home.record(folder)["step"] + 100, folder)
    app.wait_for("▶ running")

    ask_to_quit(app)
    app.press("enter")
    assert app.exit_status() == 0
    (session,) = home.sessions()
    assert home.json("sessions")[0]["id"] == session["id"]
    home.wait_for_step(home.record(folder)["step"] + 100, folder)
    assert home.record(folder)["status"] == "running"

    again = home.open("attach", session["id"][:4])
    again.wait_for("▶ running", "─ train")
    ask_to_quit(again)
    again.press("tab", "enter")
    assert again.exit_status() == 0
    assert home.record(folder)["status"] == "stopped"
    assert (folder / "checkpoints" / "last.pt").exists()
    home.wait_for_no_session()


def test_a_detached_session_is_offered_when_the_app_is_opened(home: Home) -> None:
    started = home.json("train", home.preset(), *ENDLESS, "--detach")
    app = home.open()
    app.wait_for(started["session"], "running", "without a terminal", "● idle")
    app.press("ctrl+q")
    assert app.exit_status() == 0
    assert [session["id"] for session in home.sessions()] == [started["session"]]


def test_quitting_before_the_kernel_is_up_leaves_no_kernel_behind(home: Home) -> None:
    app = home.open()
    app.wait_for("F2 Tensors")
    app.press("ctrl+q")
    assert app.exit_status() == 0
    home.wait_for_no_session()
