"""One batch through everything that a run would use, before the run."""
