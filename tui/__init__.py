"""torchtui: explore tensors and watch training in the terminal, over one live PyTorch kernel.

Two processes: the *kernel* (`tui.kernel`: ipykernel and torch) owns every tensor, module and run;
the *UI* (`tui.app`, `screens`, `tui.widgets`, `tui.client`, `tui.runs`) never imports torch.
Both know `tui.protocol`, and nothing else of each other.
"""

__version__ = "0.1.0"
