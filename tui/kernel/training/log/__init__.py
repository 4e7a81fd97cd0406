"""What goes to the event log of a run, and what measures it at next to no cost."""
