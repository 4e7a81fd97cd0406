"""The form that a run is started from: knobs, parts, device, length; a dry run; the learning rate as it will be.

Data in, messages out: what the kernel knows is asked for by the screen. Owns no file but the small one in `memory`.
"""
