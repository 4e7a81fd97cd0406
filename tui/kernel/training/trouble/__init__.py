"""What goes wrong in a run, in words for the user."""
