"""The commands. Everything slow is imported in the command that needs it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import tui

app = typer.Typer(
    name="torchtui",
    help="Explore PyTorch tensors and watch training, over one live kernel.",
    invoke_without_command=True,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


WIDE = 200


class Failure(Exception):
    """A command cannot be carried out; the message is printed."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class _Options:
    """The global options of this call."""

    python: str | None = None


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"torchtui {tui.__version__}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    python: Annotated[
        str | None, typer.Option(metavar="PATH", help="The Python that runs the kernel (with torch).")
    ] = None,
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Open the app with a fresh session."""
    _Options.python = python
    if context.invoked_subcommand is None:
        _need_terminal("torchtui")
        from tui.wiring import open_app

        raise typer.Exit(open_app(python=python))


@app.command()
def train(
    preset: Annotated[str | None, typer.Argument(metavar="PRESET|FILE.py", help="What to train.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a knob; may be repeated.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs, in place of the preset's.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed, in place of the preset's.")] = None,
    name: Annotated[str, typer.Option(help="A name for the run.")] = "",
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run from its last checkpoint.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Show progress in place of the app.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object (headless).")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Train in the background; print the session's id.")
    ] = False,
) -> None:
    """Train a preset or a file of your own, and watch it."""
    from tui.training_plan import plan_run

    spec = plan_run(preset, settings or [], device=device, epochs=epochs, seed=seed, name=name, resume=resume)
    if detach:
        from tui.headless import train_detached

        raise typer.Exit(train_detached(spec, python=_Options.python, as_json=as_json))
    if headless or as_json or not _has_terminal():
        from tui.headless import train_headless

        raise typer.Exit(train_headless(spec, python=_Options.python, as_json=as_json))
    from tui.wiring import open_app

    raise typer.Exit(open_app(python=_Options.python, spec=spec))


@app.command()
def presets(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the presets there are."""
    from tui.listing import preset_table, presets_json

    _show(presets_json, preset_table, as_json)


@app.command()
def runs(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the runs there are, newest first."""
    from tui.listing import run_table, runs_json

    _show(runs_json, lambda: run_table(_columns()), as_json)


@app.command()
def sessions(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the live sessions, newest first."""
    from tui.listing import session_table, sessions_json

    _show(sessions_json, session_table, as_json)


@app.command()
def watch(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN|FOLDER", help="A run, or a folder of runs or logs.")
    ] = None,
) -> None:
    """Watch runs, live or old, with no kernel."""
    _need_terminal("torchtui watch")
    from tui.wiring import open_watch

    raise typer.Exit(open_watch(run))


@app.command()
def attach(
    session: Annotated[
        str | None, typer.Argument(metavar="SESSION|CONNECTION.json", help="Which; default: the newest.")
    ] = None,
) -> None:
    """Open the app on a live session, or on a Jupyter kernel that has torch."""
    _need_terminal("torchtui attach")
    from tui.client.registry import find_session
    from tui.wiring import open_app

    if session is not None and session.endswith(".json"):
        path = Path(session).expanduser().absolute()
        if not path.is_file():
            raise Failure(f"there is no connection file {session}", 2)
        raise typer.Exit(open_app(python=None, foreign=path))
    raise typer.Exit(open_app(python=None, attach=find_session(session)))


@app.command()
def stop(session: Annotated[str, typer.Argument(metavar="SESSION", help="The session to end.")]) -> None:
    """End a session: its run saves a checkpoint first."""
    from tui.client.registry import find_session
    from tui.headless import stop_session

    info = find_session(session)
    stop_session(info)
    print(f"session {info.id} has ended")


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check torch, CUDA, terminal and folders, and say what to do about what does not work."""
    from tui.doctor import check_all, print_checks

    raise typer.Exit(print_checks(check_all(_Options.python), as_json=as_json))


# -- helpers ------------------------------------------------------------------------------------------


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _columns() -> int:
    """Return how wide a table may be: a file or a pipe has no edge at which names must be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE


def _need_terminal(command: str) -> None:
    if not _has_terminal():
        raise Failure(
            f"{command} opens an app and needs a terminal; "
            "without one, `torchtui train PRESET --headless` trains and `torchtui runs --json` lists",
            2,
        )


def _show(as_data: Any, as_table: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(as_data()))
    else:
        from rich.console import Console

        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = WIDE
        console.print(as_table())
