"""The palette: everything that can be placed, found by name, short name, group and what it does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tui.protocol.building import BlockKind, Catalogue, LayerKind


@dataclass(frozen=True)
class Offer:
    """Something that can be placed."""

    kind: BlockKind
    layer: str
    """``nn.Conv2d``; empty for what is no layer."""
    title: str
    group: str
    summary: str
    entry: LayerKind | None = None

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return self.layer or f"{self.kind} {self.title}"


STRUCTURES: Final = (
    Offer("sequence", "", "Sequence", "Structure", "blocks one after the other, under a name of their own"),
    Offer(
        "residual", "", "Residual", "Structure", "blocks whose input is added to their output, projected if need be"
    ),
    Offer("parallel", "", "Parallel", "Structure", "branches of one input, their outputs added"),
    Offer("parallel", "", "Concatenate", "Structure", "branches of one input, their outputs concatenated along dim"),
    Offer("repeat", "", "Repeat", "Structure", "the same blocks several times, each with parameters of its own"),
    Offer(
        "expression", "", "Expression", "Structure", "any expression of x: = x.mean(1), = x + skip, = F.relu(x)"
    ),
)  # fmt: skip

_ALIASES: Final = {
    "lin": "Linear", "fc": "Linear", "dense": "Linear", "drop": "Dropout", "do": "Dropout", "flat": "Flatten",
    "attn": "MultiheadAttention", "mha": "MultiheadAttention", "attention": "MultiheadAttention",
    "emb": "Embedding", "embed": "Embedding", "ln": "LayerNorm", "layernorm": "LayerNorm", "gn": "GroupNorm",
    "act": "ReLU", "lrelu": "LeakyReLU", "swish": "SiLU", "sm": "Softmax", "logsm": "LogSoftmax", "id": "Identity",
    "up": "Upsample", "encoder": "TransformerEncoderLayer", "transformer": "TransformerEncoderLayer",
    "seq": "Sequence", "sequential": "Sequence", "res": "Residual", "skip": "Residual", "par": "Parallel",
    "branch": "Parallel", "cat": "Concatenate", "concat": "Concatenate", "inception": "Concatenate",
    "rep": "Repeat", "times": "Repeat", "expr": "Expression", "=": "Expression", "rms": "RMSNorm",
}  # fmt: skip
_FAMILIES: Final = {
    "conv": "Conv", "convt": "ConvTranspose", "deconv": "ConvTranspose", "bn": "BatchNorm", "batchnorm": "BatchNorm",
    "norm": "BatchNorm", "in": "InstanceNorm", "pool": "MaxPool", "maxpool": "MaxPool", "max": "MaxPool",
    "avgpool": "AvgPool", "avg": "AvgPool", "gap": "AdaptiveAvgPool", "adaptive": "AdaptiveAvgPool",
    "pad": "ZeroPad",
}  # fmt: skip
"""Short names of layers that there are for one, two and three dimensions."""
_COMMON: Final = (
    "Linear", "Conv2d", "ReLU", "MaxPool2d", "Dropout", "Flatten", "BatchNorm2d", "GELU", "LayerNorm", "Embedding",
    "LSTM", "MultiheadAttention", "AdaptiveAvgPool2d", "GRU", "BatchNorm1d", "Sigmoid", "Tanh", "Softmax", "Conv1d",
    "AvgPool2d", "ConvTranspose2d", "TransformerEncoderLayer", "Upsample", "GroupNorm", "Dropout2d", "SiLU",
)  # fmt: skip
_RANK_OF_COMMON: Final = {name: index for index, name in enumerate(_COMMON)}
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9.]*$")


@lru_cache(maxsize=4)
def offers_of(catalogue: Catalogue) -> tuple[Offer, ...]:
    """Return everything that can be placed, by group, the usual layers first."""
    layers = [
        Offer("layer", entry.layer, entry.layer.removeprefix("nn."), entry.group, entry.summary, entry)
        for entry in catalogue.layers
    ]
    groups: dict[str, int] = {"Yours": -1}
    for offer in sorted(layers, key=_usual):
        groups.setdefault(offer.group, len(groups))
    layers.sort(key=lambda offer: (groups[offer.group], *_usual(offer)))
    return (*STRUCTURES, *layers)


def _usual(offer: Offer) -> tuple[int, str]:
    return _RANK_OF_COMMON.get(offer.title, len(_COMMON)), offer.title


def search(
    catalogue: Catalogue, words: Sequence[str], *, dimensions: int | None = None, recent: Sequence[str] = ()
) -> list[Offer]:
    """Return what fits all the words, the best first; without words all, those placed last before the others.

    `dimensions`: of space that what comes in has (2 for images), by which Conv1d, 2d and 3d are told apart.
    """
    everything = offers_of(catalogue)
    if not words:
        last = {key: index for index, key in enumerate(recent)}
        first = sorted((offer for offer in everything if offer.key in last), key=lambda one: last[one.key])
        return [*first, *(offer for offer in everything if offer.key not in last)]
    scored = [(_score(offer, words, dimensions), offer) for offer in everything]
    found = [(score, offer) for score, offer in scored if score > 0]
    found.sort(key=lambda pair: (-pair[0], *_usual(pair[1])))
    return [offer for _, offer in found]


def _score(offer: Offer, words: Sequence[str], dimensions: int | None) -> int:
    total = 0
    for word in words:
        one = _word_score(offer, word.lower().removeprefix("nn."), dimensions)
        if one == 0:
            return 0
        total += one
    return total


def _word_score(offer: Offer, word: str, dimensions: int | None) -> int:
    title = offer.title.lower()
    if title == word:
        return 100
    if word in _ALIASES:
        if _ALIASES[word] == offer.title:
            return 95
    elif word in _FAMILIES and (family := re.fullmatch(_FAMILIES[word] + r"(\d)d", offer.title)):
        return 95 if int(family[1]) == (dimensions or 2) else 80
    if title.startswith(word):
        return 70 if offer.title in _RANK_OF_COMMON else 60
    if len(word) > 1 and "".join(c for c in offer.title if c.isupper()).lower().startswith(word):
        return 50
    if word in title:
        return 40
    if offer.group.lower().startswith(word):
        return 25
    if len(word) > 2 and word in f"{offer.group} {offer.summary}".lower():
        return 15
    return 5 if len(word) > 2 and title[0] == word[0] and _in_order(word, title) else 0


def _in_order(word: str, title: str) -> bool:
    """Return whether the characters of a word come in a title in their order: ``drop2d`` in ``dropout2d``."""
    rest = iter(title)
    return all(character in rest for character in word)


def leading_words(tokens: Sequence[str]) -> list[str]:
    """Return the tokens at the beginning that may be words to search for: no number, no ``name=value``."""
    words: list[str] = []
    for token in tokens:
        if not (_WORD.match(token) or token == "=") or token in ("True", "False", "None"):
            break
        words.append(token)
    return words
