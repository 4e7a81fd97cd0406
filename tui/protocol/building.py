"""What the Builder edits and asks: designs of models, what each part of one does, the code, models read back.

A `Design` is plain data, which the UI edits and undoes. The kernel interprets it on the meta device: it fills in what
was left open, builds each layer, runs it, and says what came of it, or why not, for each block by its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from tui.protocol.messages import Lane, Request

BlockKind = Literal["layer", "expression", "sequence", "residual", "parallel", "repeat"]
"""A module that is called · an expression of the values there are, e.g. ``x.mean(dim=1)`` · blocks one after the
other · a sequence whose input is added to its output · branches whose outputs are added or concatenated · a sequence
that stands so many times, each with parameters of its own."""


@dataclass(frozen=True)
class Argument:
    """An argument of a layer's constructor as it was given."""

    name: str
    text: str
    """A Python literal; a size that is left out is filled in from what comes in."""


@dataclass(frozen=True)
class Block:
    """A part of a design."""

    id: int
    """Unique in the design, and kept for as long as the block is."""
    kind: BlockKind
    name: str = ""
    """Attribute under which it is found in the model; empty: made from its class and place."""
    layer: str = ""
    """Of a layer ``nn.Conv2d`` or the name of a class in the namespace; of an expression its text; else empty."""
    arguments: tuple[Argument, ...] = ()
    inputs: tuple[str, ...] = ()
    """Names of the values it is called with, ``x`` being the one that runs on; empty: that one alone. Parts of values
    (``pool[1]``) and arguments by keyword (``key_padding_mask=mask``) can stand here too."""
    take: str = ""
    """Index of its output that runs on, e.g. ``[0]`` of an LSTM's; empty: all of it."""
    output: str = ""
    """Name under which its output, all of it (before `take`), can be used further on; empty: it only runs on as
    ``x``."""
    children: tuple[Block, ...] = ()
    """Of a parallel block the branches."""
    join: Literal["add", "concatenate"] = "add"
    """Of a parallel block."""
    dim: int = 1
    """That a parallel block concatenates along."""
    times: int = 1
    """Of a repeat."""
    project: bool = True
    """Of a residual: whether the input gets a projection where its shape differs (a 1x1 convolution or a Linear)."""
    frozen: bool = False
    """Whether its parameters require no grad."""
    init: str = ""
    """Of its weights, e.g. ``kaiming_normal_``; empty: the layer's own."""


@dataclass(frozen=True)
class InputSpec:
    """An argument of the model's `forward`."""

    name: str = "x"
    shape: tuple[int, ...] = (1, 28, 28)
    """Without the batch."""
    dtype: str = "float32"
    source: str = ""
    """An expression for a tensor, or ``preset PATH``, that shape and dtype are taken from, batch included; empty:
    as above."""


@dataclass(frozen=True)
class Design:
    """A model as it is being built."""

    name: str = "Model"
    """Of the class."""
    inputs: tuple[InputSpec, ...] = (InputSpec(),)
    body: tuple[Block, ...] = ()


# -- the palette ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """A parameter of a layer's constructor."""

    name: str
    kind: Literal["int", "float", "bool", "str", "choice", "size", "other"]
    """`size`: an int or a tuple of ints."""
    default: str = ""
    """As Python text; empty: it must be given, or is filled in."""
    inferred: bool = False
    """Whether it can be left open, to be filled in from what comes in."""
    choices: tuple[str, ...] = ()
    """Of `choice` the texts that are allowed."""
    minimum: float | None = None
    help: str = ""
    """One line of the documentation."""


@dataclass(frozen=True)
class LayerKind:
    """A class whose instances can be layers."""

    layer: str
    """``nn.Conv2d``, or the name of a class in the namespace."""
    group: str
    """``Convolution``, ``Pooling``, ``Activation``, ``Normalization``, ``Recurrent``, ``Attention``… or ``Yours``."""
    summary: str
    """First sentence of the documentation."""
    signature: str
    formula: str = ""
    """Of the output's shape, e.g. ``(N, C_in, H, W) → (N, C_out, H_out, W_out)``."""
    parameters: tuple[Parameter, ...] = ()
    documentation: str = ""


@dataclass(frozen=True)
class Catalogue:
    """Everything that can be placed."""

    layers: tuple[LayerKind, ...]
    inits: tuple[str, ...]
    """Functions of `torch.nn.init` that can stand in `Block.init`."""


@dataclass(frozen=True)
class ListLayers(Request[Catalogue]):
    """Ask for the layers of `torch.nn` and the user's own module classes."""

    lane: ClassVar[Lane] = "compute"


# -- the truth --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fix:
    """An edit that would mend a block."""

    label: str
    """E.g. ``in_features 400 → 256``."""
    replacement: tuple[Block, ...]
    """What stands in the block's place afterwards; new blocks have ids of 0 or less, the block itself keeps its own."""


@dataclass(frozen=True)
class BlockFacts:
    """What came of one block; numbers of a block with others inside are with theirs, those of a repeat for all
    rounds.
    """

    id: int
    status: Literal["ok", "failed", "not reached"]
    label: str
    """The layer as it will stand in the code: ``Conv2d(1, 32, 3)``."""
    name: str
    """The attribute it gets; its number in an `nn.Sequential`; empty where it has none."""
    input_shapes: str = ""
    """E.g. ``(N, 1, 28, 28)``; of several inputs one after the other."""
    output_shapes: str = ""
    dtype: str = ""
    filled: tuple[Argument, ...] = ()
    """What was left open, as it was filled in."""
    trainable: int = 0
    """Elements; what is shared with a block before counts there."""
    frozen: int = 0
    buffers: int = 0
    tied: bool = False
    macs: int | None = None
    """Multiply-adds for one sample; None where they are not known."""
    activation_bytes: int = 0
    """Of the outputs for the chosen batch."""
    receptive_field: int | None = None
    """Along one side, in the input's own elements; None where that means nothing."""
    error: str = ""
    """Why it failed, in plain words, with PyTorch's own message behind; empty where a block inside says it."""
    note: str = ""
    """What is strange about a block that runs; empty: nothing."""
    fixes: tuple[Fix, ...] = ()
    """For the error, or for what the note says."""


@dataclass(frozen=True)
class Totals:
    """The whole model."""

    trainable: int = 0
    frozen: int = 0
    buffers: int = 0
    macs: int | None = None
    activation_bytes: int = 0
    training_bytes: int = 0
    """Parameters, gradients, optimizer states and activations, for the chosen optimizer and batch."""
    device_bytes: int | None = None
    """What the device has; None where that is not known."""


@dataclass(frozen=True)
class CodeLine:
    """A line of the code that belongs to a block."""

    line: int
    """From 0."""
    block: int
    """Id of the innermost block that it is of."""


@dataclass(frozen=True)
class DesignChecked:
    """A design interpreted."""

    blocks: tuple[BlockFacts, ...]
    totals: Totals
    output_shapes: str
    code: str
    """The class, as far as it is known."""
    sequential: str = ""
    """The same as an `nn.Sequential`, where it is one."""
    problem: str = ""
    """What is wrong with the design as a whole (its name, its inputs); empty: nothing."""
    lines: tuple[CodeLine, ...] = ()
    """Of `code`, those that are of a block."""


@dataclass(frozen=True)
class CheckDesign(Request[DesignChecked]):
    """Ask what a design does; allocates nothing, as it runs on the meta device."""

    lane: ClassVar[Lane] = "view"
    design: Design
    batch: int = 32
    optimizer: Literal["SGD", "SGD momentum", "Adam"] = "Adam"


@dataclass(frozen=True)
class PresetComposed:
    """A file of the preset contract, which was tried on a batch of its data."""

    source: str
    note: str = ""
    """What was done to make the data fit; empty: nothing."""


@dataclass(frozen=True)
class ComposePreset(Request[PresetComposed]):
    """Ask for a preset that trains a design; refused with words where the design does not run."""

    lane: ClassVar[Lane] = "compute"
    design: Design
    data: str
    """Path of the preset whose data is taken over."""
    loss: str = "CrossEntropyLoss"
    """Of `torch.nn`."""
    optimizer: str = "Adam"
    """``SGD``, ``SGD momentum``, ``Adam`` or ``AdamW``."""
    lr: float = 1e-3
    epochs: int = 10
