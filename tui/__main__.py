"""``python -m tui``: the same as ``torchtui``."""

from tui.cli import main

if __name__ == "__main__":
    main()
