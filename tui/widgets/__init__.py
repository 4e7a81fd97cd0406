"""Widgets: data in, messages out. They know the protocol's dataclasses; never the kernel, the client or torch."""
