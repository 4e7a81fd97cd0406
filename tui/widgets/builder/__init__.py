"""The Builder's widgets, and the editing of designs that they show.

`edit`, `draft`, `literals`, `commands`, `search`, `fields`, `templates` know no Textual: they turn a
`tui.protocol.building.Design` into another one. The widgets draw one and post what the user wants done with it.
Must not import `screens` nor ask a kernel anything.
"""
