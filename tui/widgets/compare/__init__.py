"""Runs side by side under their curves: a table of what differs, or a knob against a metric."""
