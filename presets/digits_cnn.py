"""Handwritten digits with a small convolutional network.

1,797 images of 8x8 pixels, each a digit that somebody wrote by hand (data/README.md says where they are
from). 1,257 of them are trained on, 180 are looked at after each epoch, and 360 are kept until the very
end: the test set. Ten epochs reach 99 to 100 % there.

Watch: `val/accuracy` passes 95 % within an epoch or two. From then on `train/loss` goes on falling and
`val/loss` hardly does: what is learned now is about these very images, no longer about digits.

Try: lr=1 (each step goes much too far: the loss leaps, then rests at 2.3, which is log 10, a blind guess).
     channels=2 (434 parameters, and still four of five are read right).
     views=1 (a quarter of the work: how much was it worth?)
"""

import gzip
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

epochs: int = 10  # how often every training image is seen
views: int = 4  # how often an epoch shows each training image, shifted anew each time
batch_size: int = 16  # images per optimizer step
lr: float = 1e-3  # AdamW's step size at the start; it falls to nearly zero along a cosine
weight_decay: float = 1e-2  # how strongly weights are pulled towards zero
channels: int = 64  # feature maps of the first convolution; the others have twice as many
dropout: float = 0.25  # share of the features hidden from the last layer at each training step

DATA = Path(__file__).parent / "data" / "digits.csv.gz"


class Shifted(Dataset):
    """Training images, each moved by up to one pixel, anew whenever it is asked for."""

    def __init__(self, images, digits):
        self.images = images  # (N, 1, 8, 8)
        self.digits = digits  # (N)

    def __len__(self):
        return views * len(self.images)

    def __getitem__(self, index):
        index = index % len(self.images)
        down, right = torch.randint(0, 3, (2,)).tolist()
        wide = F.pad(self.images[index], (1, 1, 1, 1))  # (1, 10, 10)
        return wide[:, down : down + 8, right : right + 8], self.digits[index]


def data():
    with gzip.open(DATA, "rt") as file:  # one image per line: 64 pixels from 0 to 16, then its digit
        rows = torch.tensor([[int(number) for number in line.split(",")] for line in file])  # (1797, 65)
    images = rows[:, :64].view(-1, 1, 8, 8) / 16  # (B, C, H, W), from 0 to 1
    digits = rows[:, 64]  # (B), int64 as cross-entropy wants it

    # The generator has a seed of its own: another training seed must not move images between the sets.
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    train, val, test = order.split([1257, 180, 360])
    return {
        "train": DataLoader(Shifted(images[train], digits[train]), batch_size, shuffle=True),
        "val": DataLoader(TensorDataset(images[val], digits[val]), len(val)),
        "test": DataLoader(TensorDataset(images[test], digits[test]), len(test)),
    }


def model():
    c = channels
    return nn.Sequential(  # (B, 1, 8, 8)
        nn.Conv2d(1, c, kernel_size=3, padding=1),  # (B, c, 8, 8)
        nn.BatchNorm2d(c),
        nn.ReLU(),
        nn.Conv2d(c, 2 * c, kernel_size=3, padding=1),  # (B, 2c, 8, 8)
        nn.BatchNorm2d(2 * c),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (B, 2c, 4, 4)
        nn.Conv2d(2 * c, 2 * c, kernel_size=3, padding=1),  # (B, 2c, 4, 4)
        nn.BatchNorm2d(2 * c),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (B, 2c, 2, 2)
        nn.Flatten(),  # (B, 8c)
        nn.Dropout(dropout),
        nn.Linear(8 * c, 10),  # (B, 10): one score per digit, before softmax
    )


def loss():
    return nn.CrossEntropyLoss()  # takes scores, not probabilities: softmax is part of it


def optimizer(parameters):
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)


def scheduler(optimizer):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)  # stepped after each epoch


def metrics(output, target):
    return {"accuracy": (output.argmax(dim=1) == target).float().mean()}


def preview(model):
    """The 3x3 filters of the first convolution: strokes and edges, once it has learned some."""
    return model[0].weight.detach()[:, 0]  # (c, 3, 3)
