"""What it costs to catch the gradient at every node: a backward with and without, of two models of real size.

A ResNet-18 (11.7 million parameters) on images of 224 x 224 and a GPT-2 (124 million), built from plain `torch.nn`,
with small batches. Graphs are built anew before each backward, and gradients are dropped, as in a training loop.
A third figure is no part of the budget: the ResNet on a few tiny images, a backward of some 40 ms, all of whose
gradients are kept whole. There most of the cost is the memory that they take fresh from the system.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from tui.kernel.autograd.backward import run_backward
from tui.kernel.autograd.walk import walk_graph

BUDGET = 1.25
REPEATS = 6


class Residual(nn.Module):
    """The basic block of ResNet-18."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = stride == 1 and inputs == outputs
        self.shortcut: nn.Module = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def resnet18() -> nn.Module:
    """Return a ResNet-18 for 1000 classes."""
    widths, blocks = [64, 64, 128, 256, 512], []
    for inputs, outputs in pairwise(widths):
        stride = 1 if inputs == outputs else 2
        blocks += [Residual(inputs, outputs, stride), Residual(outputs, outputs, 1)]
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


class Block(nn.Module):
    """A block of GPT-2: attention and a feed-forward net, each after a normalization."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, -1).transpose(1, 2)
            for part in self.qkv(self.norm1(x)).split(width, -1)
        )
        y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class GPT2(nn.Module):
    """A GPT-2 of 124 million parameters, its embedding tied to its head."""

    def __init__(self, words: int = 50257, width: int = 768, layers: int = 12, heads: int = 12) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(words, width), nn.Embedding(1024, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1]))
        return nn.functional.linear(self.norm(self.blocks(x)), self.token.weight)


def measured(name: str, model: nn.Module, loss_of: Callable[[], Tensor]) -> float:
    """Return the time of a backward that catches all gradients over that of a plain one."""
    seed, kept, nodes = torch.tensor(1.0), 0, 0

    def once(catch: bool) -> float:
        nonlocal kept, nodes
        model.zero_grad(set_to_none=True)
        loss = loss_of()
        graph = walk_graph(loss) if catch else None  # the graph is open already when backward is asked for
        start_s = time.perf_counter()
        if graph is None:
            loss.backward()
        else:
            caught = run_backward(graph, "backward", seed)
            kept, nodes = len(caught.whole), len(graph)
            if caught.error:
                raise RuntimeError(caught.error)
        return time.perf_counter() - start_s

    once(False), once(True)
    pairs = [(once(False), once(True)) for _ in range(REPEATS)]
    # in turn, so that other load on the machine hits both
    plain_s, caught_s = (min(column) for column in zip(*pairs, strict=True))
    print(
        f"{name}: {nodes:,} nodes, {kept:,} kept whole; plain {1e3 * plain_s:.0f} ms, caught {1e3 * caught_s:.0f} ms"
    )
    return float(caught_s / plain_s)


def of_resnet18(batch: int, size: int) -> float:
    """Return the ratio of a ResNet-18 on a batch of square images."""
    model, images, classes = resnet18(), torch.randn(batch, 3, size, size), torch.randint(1000, (batch,))
    name = f"ResNet-18, {batch} x {size} x {size}"
    return measured(name, model, lambda: nn.functional.cross_entropy(model(images), classes))


def of_gpt2() -> float:
    """Return the ratio of a GPT-2 on 64 words."""
    model, words = GPT2(), torch.randint(50257, (1, 65))

    def loss() -> Tensor:
        return nn.functional.cross_entropy(model(words[:, :-1])[0], words[0, 1:])

    return measured("GPT-2, 1 x 64", model, loss)


def main() -> int:
    """Print both ratios; return 1 when one is over budget."""
    torch.manual_seed(0)
    small = of_resnet18(4, 128)
    ratios = [of_resnet18(8, 224), of_gpt2()]
    worst = max(ratios)
    print(f"tiny images    {small:.3f}")
    print("ratios         " + ", ".join(f"{ratio:.3f}" for ratio in ratios))
    print(f"backward_catch {worst:.2f}  budget <= {BUDGET:g}  {'ok' if worst <= BUDGET else 'OVER'}")
    return 0 if worst <= BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
