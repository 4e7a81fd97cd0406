"""What the name of a metric tells: which way is better."""

from __future__ import annotations

import re
from typing import Final

_HIGHER: Final = {
    *("accuracy", "acc", "top1", "top5", "f1", "fbeta", "precision", "recall", "sensitivity", "specificity"),
    *(
        "auc",
        "auroc",
        "auprc",
        "roc",
        "ap",
        "map",
        "iou",
        "miou",
        "dice",
        "jaccard",
        "score",
        "r2",
        "explained",
    ),
    *(
        "psnr",
        "ssim",
        "bleu",
        "rouge",
        "correlation",
        "corr",
        "mcc",
        "kappa",
        "ndcg",
        "mrr",
        "hits",
        "reward",
    ),
    *("elbo", "return", "likelihood", "gain", "win", "success", "correct"),
}
"""Words of which a higher value is better; of any other it is taken to be worse, as of every loss."""
_LOWER: Final = {
    "loss",
    "error",
    "err",
    "mae",
    "mse",
    "rmse",
    "nll",
    "perplexity",
    "ppl",
    "distance",
    "regret",
    "negative",
    "reconstruction",
    "bits",
}
"""Words that turn the others round: ``map_error``."""


def larger_is_better(tag: str) -> bool:
    """Return whether a higher value of a metric is better, going by the words of its name, the split left out."""
    words = _words(tag)
    return bool(words & _HIGHER) and not words & _LOWER


def has_a_better(tag: str) -> bool:
    """Return whether the name of a metric tells which way is better: of ``val/kl`` it does not."""
    return bool(_words(tag) & (_HIGHER | _LOWER))


def _words(tag: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", tag.lower()))
