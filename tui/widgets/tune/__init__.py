"""What can be changed of a run while it is in progress: fields of the optimizer, settings of the loop, frozen layers.

Data in, messages out; the screen asks the kernel.
"""
