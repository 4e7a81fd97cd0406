"""What the Training screen shows of a run beside its charts: header, log, and the list to choose from."""
