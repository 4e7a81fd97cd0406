"""What crosses between the UI and the kernel: frozen dataclasses and the formats both agree on.

Imports the standard library only, because it is loaded into the kernel's Python, which may be another
environment than the UI's.
"""
