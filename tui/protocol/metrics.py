"""What the name of a metric tells: what is measured on which data, and which way is better."""

from __future__ import annotations

import re
from typing import Final, Literal

Split = Literal["train", "val", "test", "other"]
"""What a metric was measured on; `other`: its name does not tell."""
SPLITS: Final[dict[str, Split]] = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val", "eval": "val",
    "test": "test",
}  # fmt: skip
_HIGHER: Final = re.compile(
    "accuracy|acc|top1|top5|f1|fbeta|precision|recall|sensitivity|specificity|auc|auroc|auprc|roc|ap|map|iou|miou|dice|"
    "jaccard|score|r2|explained|psnr|ssim|bleu|rouge|correlation|corr|mcc|kappa|ndcg|mrr|hits|reward|elbo|return|"
    "likelihood|gain|win|success|correct"
)
"""Words of which a higher value is better; of any other it is taken to be worse, as of every loss."""
_LOWER: Final = re.compile(
    "loss|error|err|mae|mse|rmse|nll|perplexity|ppl|distance|regret|negative|reconstruction|bits"
)
"""Words that turn the others round: ``map_error``."""


def split_of(tag: str) -> tuple[str, Split]:
    """Return what a tag measures and on which data: ``val/loss`` → (``loss``, ``val``).

    The split may come first or last, after ``/`` or ``_``: ``val_loss``, ``Loss/val``, ``loss_val``; or with what is
    measured, as the folders that ``SummaryWriter.add_scalars`` makes: ``Loss_val/Loss``.
    """
    head, found, rest = tag.partition("/")
    name = tag.rpartition("/")[2]
    ahead = [(head, rest)] if found else []
    ahead.append((name.partition("_")[0], name.partition("_")[2]))
    for split, measured in ahead:
        if measured and split.lower() in SPLITS:
            return measured, SPLITS[split.lower()]
    folder = head.lower().removeprefix(rest.lower() + "_") if found and rest else ""
    if folder in SPLITS:
        return rest, SPLITS[folder]
    behind = [(tag.rpartition("/")[0], name)] if found else []
    behind.append((name.rpartition("_")[0], name.rpartition("_")[2]))
    for measured, split in behind:
        if measured and split.lower() in SPLITS:
            return measured, SPLITS[split.lower()]
    return tag, "other"


def larger_is_better(tag: str) -> bool:
    """Return whether a higher value of a metric is better, going by the words of its name, the split left out."""
    return _has(tag, _HIGHER) and not _has(tag, _LOWER)


def has_a_better(tag: str) -> bool:
    """Return whether the name of a metric tells which way is better: of ``val/kl`` it does not."""
    return _has(tag, _HIGHER) or _has(tag, _LOWER)


def _has(tag: str, words: re.Pattern[str]) -> bool:
    return any(words.fullmatch(word) for word in re.split(r"[^a-z0-9]+", tag.lower()))
