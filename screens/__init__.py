"""The four screens: each composes, binds and routes.

What they show is made in `tui.widgets` and asked for through `tui.client`.
"""
