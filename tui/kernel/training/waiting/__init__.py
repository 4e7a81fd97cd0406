"""Where a run waits, what it shows there, and what the REPL is given."""
