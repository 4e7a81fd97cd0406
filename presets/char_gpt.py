"""A small GPT that learns Shakespeare letter by letter.

The text is As You Like It, 125,000 characters. The model reads up to `context` of them and scores
every character that may follow; each place looks back at those before it, never ahead.

Watch: the preview. At first it spells noise, then spaces and line ends come at the right rate, then short
words, then names in capitals before what they say. `val/loss` starts at log 68 = 4.2 nats, a blind guess;
knowing how frequent each character is makes it 3.4. Twelve rounds, a minute or two on two cores, reach 1.82 to
1.85 on the end of the play, which is 47 % of the characters named right.

Try: layers=0 (each character is guessed from the one before it alone: it stops at 2.45).
     context=8 (it sees no further back than a word: 1.98).
     layers=8 with width=512, heads=8, context=256, batch_size=256 (25 million parameters: work for a GPU,
     and far more than a single play can teach. Watch `val/loss` turn upwards).
"""

import functools
import gzip
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

epochs: int = 12  # rounds of training, each with a look at the validation text and a preview
steps: int = 100  # optimizer steps in a round
batch_size: int = 32  # pieces of text per step
context: int = 64  # characters that the model sees at once
layers: int = 3  # blocks of attention and a small network
heads: int = 4  # places that a character of one block can look at, at once
width: int = 64  # numbers that stand for a character; a multiple of `heads`
dropout: float = 0.0  # share of the numbers left out at each training step
lr: float = 2e-3  # AdamW's step size at its highest
weight_decay: float = 0.1  # how strongly weights are pulled towards zero
temperature: float = 0.8  # of the preview: below 1 likely characters become likelier

DATA = Path(__file__).parent / "data" / "as_you_like_it.txt.gz"


@functools.cache
def text():
    """The play as numbers, (125179), and the characters that the numbers stand for, 68."""
    with gzip.open(DATA, "rt") as file:
        play = file.read()
    letters = "".join(sorted(set(play)))
    return torch.tensor([letters.index(letter) for letter in play]), letters


def pieces(part, stride):
    """Pieces of `context` characters, and the same moved on by one: what follows each of them."""
    windows = part.unfold(0, context + 1, stride)  # (N, context + 1), a view: nothing is copied
    return TensorDataset(windows[:, :-1], windows[:, 1:])


def data():
    play, _ = text()
    train, val, test = play.split([100_000, 12_500, len(play) - 112_500])  # the end of the play is not seen
    train, val, test = pieces(train, 1), pieces(val, context), pieces(test, context)
    drawn = RandomSampler(train, replacement=True, num_samples=steps * batch_size)
    return {
        "train": DataLoader(train, batch_size, sampler=drawn),
        "val": DataLoader(val, len(val)),
        "test": DataLoader(test, len(test)),
    }


class Attention(nn.Module):
    """Every place gathers from the places before it what it is looking for."""

    def __init__(self):
        super().__init__()
        self.query_key_value = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)

    def forward(self, x):  # (B, T, width)
        B, T, _ = x.shape
        split = self.query_key_value(x).view(B, T, 3, heads, width // heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # (B, heads, T, width / heads) each
        # softmax(query @ key.mT / sqrt(width / heads)) @ value; is_causal hides the places ahead
        gathered = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.join(gathered.transpose(1, 2).reshape(B, T, width))  # heads side by side again


class Block(nn.Module):
    """Look around, then think about it; both are added to what was there."""

    def __init__(self):
        super().__init__()
        self.look = nn.Sequential(nn.LayerNorm(width), Attention(), nn.Dropout(dropout))
        self.think = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, x):  # (B, T, width)
        x = x + self.look(x)
        return x + self.think(x)


class GPT(nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.letter = nn.Embedding(letters, width)
        self.place = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, letters))

    def forward(self, ids):  # (B, T), T at most `context`
        places = torch.arange(ids.shape[1], device=ids.device)  # (T)
        x = self.letter(ids) + self.place(places)  # (B, T, width)
        return self.head(self.blocks(x))  # (B, T, letters): scores of what follows each place


def model():
    return GPT(len(text()[1]))


def loss():
    return lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten())


def optimizer(parameters):
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, betas=(0.9, 0.99))


def scheduler(optimizer):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)  # stepped after each round


def metrics(output, target):
    nats = F.cross_entropy(output.flatten(0, 1), target.flatten())
    return {
        "accuracy": (output.argmax(dim=-1) == target).float().mean(),
        "bits_per_character": nats / math.log(2),
    }


@torch.no_grad()
def preview(model):
    """What the model goes on to write, 200 characters, each drawn at random by its score."""
    _, letters = text()
    draw = torch.Generator().manual_seed(0)  # on the CPU, whatever the model runs on
    device = next(model.parameters()).device
    written = [letters.index("\n")]
    for _ in range(200):
        scores = model(torch.tensor([written[-context:]], device=device))[0, -1]  # (letters)
        chances = (scores / temperature).softmax(dim=0).cpu()
        written.append(torch.multinomial(chances, 1, generator=draw).item())
    return "".join(letters[number] for number in written).strip()
