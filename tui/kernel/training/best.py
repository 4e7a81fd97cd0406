"""Which validation metric tells that a state is the best so far, and which way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tui.protocol.preset import nearest

_HIGHER: Final = {
    *("accuracy", "acc", "top1", "top5", "f1", "fbeta", "precision", "recall", "sensitivity", "specificity"),
    *("auc", "auroc", "roc", "ap", "map", "iou", "miou", "dice", "jaccard", "score", "r2", "psnr", "ssim"),
    *("bleu", "rouge", "correlation", "corr", "mcc", "kappa", "ndcg", "mrr", "hits", "reward", "elbo"),
}
"""Words of which a higher value is better."""
_LOWER: Final = {"loss", "error", "err", "mae", "mse", "rmse", "nll", "perplexity", "ppl", "distance", "regret"}
"""Words that turn the others round: ``map_error``."""


@dataclass(frozen=True)
class Criterion:
    """What ``best.pt`` goes by."""

    name: str
    higher: bool
    """Whether a higher value is better."""
    problem: str = ""
    """Why it is another metric than the one asked for; empty where it is that one."""

    def is_better(self, value: float, best: float | None) -> bool:
        """Return whether a value is better than the best so far; NaN never is."""
        if value != value:
            return False
        return best is None or (value > best if self.higher else value < best)


def criterion(val: Mapping[str, float], wanted: str) -> Criterion:
    """Return what to go by: the metric asked for; else one called accuracy, where there is one; else the loss.

    Args:
        val: an evaluation's means by name.
        wanted: `RunSettings.best_by`.
    """
    name = wanted.removeprefix("val/")
    if name in val:
        return Criterion(name, is_better_high(name))
    default = "accuracy" if "accuracy" in val else "loss"
    problem = ""
    if name:
        hint = nearest(name, tuple(val))
        problem = f"best_by {name!r} is no metric of val{hint}: there are {', '.join(val)}; best.pt goes by {default}"
    return Criterion(default, is_better_high(default), problem)


def is_better_high(name: str) -> bool:
    """Return whether a higher value of a metric is better, going by the words of its name."""
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return bool(words & _HIGHER) and not words & _LOWER
