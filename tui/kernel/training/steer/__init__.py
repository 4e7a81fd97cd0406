"""What is asked of a run in progress, and what of it may be changed."""
