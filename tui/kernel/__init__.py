"""The kernel side: everything that lives beside torch, in the kernel's process.

Owns the user's objects, the training runs and what is told of them. Imports the standard library, torch,
ipykernel and `tui.protocol`; never textual, never anything of the UI. Nothing imports this package: it is
started by path (`boot.py`), so that it also runs in an environment where torchtui is not installed.
"""
