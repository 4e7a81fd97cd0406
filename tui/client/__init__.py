"""The UI's door to a kernel: start, attach, ask, run cells, interrupt, restart, end.

asyncio and jupyter_client; knows no widget and never imports torch. `session.KernelSession` is what screens use.
"""
