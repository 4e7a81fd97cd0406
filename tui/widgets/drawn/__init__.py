"""Values, operations, failures and images drawn as styled lines: pure functions of protocol dataclasses and a width.

Styles are names ("heat+3", "nan", "dim"); `styles` turns them into colours of a theme. No widget, no torch.
"""
