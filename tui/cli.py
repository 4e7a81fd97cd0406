"""The command line; with ``__main__`` the entry to everything.

``torchtui`` alone opens the app without even the parser of the command line, which its first frame need not wait for.
"""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn


def _command() -> object:
    completing = "_TORCHTUI_COMPLETE" in os.environ
    if not sys.argv[1:] and not completing and sys.stdin.isatty() and sys.stdout.isatty():
        from tui.wiring import open_app

        return open_app(python=None)
    from tui.commands import app

    return app(standalone_mode=False)


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a character that a terminal cannot show is no reason to fail
            stream.reconfigure(errors="replace")
    try:
        code = _command()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it exits
        code = 1
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        code = _explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> int:
    """Print an error in one or two lines and return the exit status."""
    from tui.widgets.foreign import clean

    message = str(error) or type(error).__name__
    format_message = getattr(error, "format_message", None)
    if format_message is not None:  # the command line's own errors
        message = f"{format_message()}\n`torchtui --help` lists the commands"
    elif not (isinstance(error, OSError) or type(error).__module__.startswith("tui.")):
        message = (
            f"{type(error).__name__}: {message}\nThis is a fault of torchtui; --debug shows the traceback"
        )
    print(f"torchtui: {clean(message)}", file=sys.stderr)
    code = getattr(error, "exit_code", 1)
    return code if isinstance(code, int) else 1


if __name__ == "__main__":
    main()
