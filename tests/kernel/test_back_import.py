from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tui.kernel.building.back_import import import_model
from tui.kernel.building.back_layers import NotRecovered, arguments_of
from tui.kernel.building.catalogue import layer_classes
from tui.kernel.building.check import check_design
from tui.kernel.building.errors import BuildingError
from tui.protocol.building import (
    Block,
    CheckDesign,
    Design,
    InputSpec,
)
from tui.protocol.models import Imported, ImportModel


def imported(model: nn.Module, **names: object) -> Imported:
    return import_model({"model": model, **names}, ImportModel("model"))


def refusal(model: object, **names: object) -> BuildingError:
    with pytest.raises(BuildingError) as caught:
        import_model({"model": model, **names}, ImportModel("model"))
    return caught.value


def outline(blocks: tuple[Block, ...]) -> list[Any]:
    """Blocks in few words: the layer, expression or kind, with a list behind for what is inside."""
    found: list[Any] = []
    for block in blocks:
        found.append(block.layer.removeprefix("nn.") or block.kind)
        if block.children:
            found.append(outline(block.children))
    return found


def rebuilt(design: Design) -> nn.Module:
    checked = check_design({}, CheckDesign(design))
    assert [row.error for row in checked.blocks if row.error] == []
    namespace: dict[str, Any] = {}
    exec(checked.code, namespace)
    made = namespace[design.name]()
    assert isinstance(made, nn.Module)
    return made


def assert_same_function(model: nn.Module, design: Design, *inputs: Tensor) -> None:
    """The model that the design makes gives the same, with the same weights."""
    copy = rebuilt(design)
    weights = dict(zip(copy.state_dict(), model.state_dict().values(), strict=True))
    copy.load_state_dict(weights)
    with torch.no_grad():
        torch.testing.assert_close(copy.eval()(*inputs), model.eval()(*inputs))


# -- layers -------------------------------------------------------------------------------------------


EXAMPLES = [
    nn.Linear(3, 4, bias=False),
    nn.Conv2d(1, 8, (3, 5), stride=2, padding=1, bias=False, padding_mode="circular"),
    nn.Conv1d(2, 4, 5, dilation=2, groups=2, padding="same"),
    nn.ConvTranspose2d(3, 4, 2, stride=2, output_padding=1),
    nn.MaxPool2d(3, stride=1, padding=1),
    nn.AdaptiveAvgPool2d((None, 7)),
    nn.BatchNorm1d(8, momentum=None, affine=False),
    nn.LayerNorm((4, 4), bias=False),
    nn.GroupNorm(2, 8),
    nn.LeakyReLU(0.2, inplace=True),
    nn.GELU("tanh"),
    nn.Unflatten(1, (8, 8)),
    nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
    nn.Embedding(10, 4, padding_idx=0, max_norm=1.0),
    nn.LSTM(5, 7, 2, batch_first=True, bidirectional=True, dropout=0.1, proj_size=3, bias=False),
    nn.RNN(5, 7, nonlinearity="relu"),
    nn.GRUCell(4, 5),
    nn.MultiheadAttention(8, 2, batch_first=True, bias=False, kdim=4, add_bias_kv=True),
    nn.TransformerEncoderLayer(8, 2, 32, 0.2, "gelu", batch_first=True, norm_first=True),
    nn.PReLU(4),
    nn.Bilinear(3, 4, 5),
    nn.ZeroPad2d((1, 2, 3, 4)),
    nn.ConstantPad1d(2, 3.5),
    nn.LazyConv2d(4, 3),
    nn.Hardtanh(-2, 2),
]


@pytest.mark.parametrize("layer", EXAMPLES, ids=lambda layer: type(layer).__name__)
def test_arguments_make_the_same_layer_again(layer: nn.Module) -> None:
    cls = type(layer)
    texts = {argument.name: argument.text for argument in arguments_of(layer, cls)}
    again = cls(**{name: eval(text) for name, text in texts.items()})
    assert repr(again) == repr(layer)
    if "Lazy" not in cls.__name__:
        assert [value.shape for value in again.parameters()] == [value.shape for value in layer.parameters()]


def test_only_what_is_not_the_default_is_given() -> None:
    assert [argument.name for argument in arguments_of(nn.Linear(3, 4), nn.Linear)] == [
        "in_features",
        "out_features",
    ]
    assert [argument.text for argument in arguments_of(nn.Conv2d(1, 8, 3), nn.Conv2d)] == ["1", "8", "3"]


def test_every_layer_that_needs_nothing_is_recovered() -> None:
    recovered = 0
    for cls in layer_classes().values():
        try:
            made = cls()
        except (TypeError, ValueError, AssertionError, RuntimeError):
            continue
        assert all(argument.text for argument in arguments_of(made, cls))
        recovered += 1
    assert recovered > 25


def test_a_layer_that_was_changed_is_not_made_again() -> None:
    layer = nn.Linear(3, 4)
    layer.weight = nn.Parameter(torch.zeros(4, 9))
    with pytest.raises(NotRecovered):
        arguments_of(layer, nn.Linear)


# -- models -------------------------------------------------------------------------------------------


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.pool = nn.MaxPool2d(2)
        self.fc1, self.fc2 = nn.Linear(256, 120), nn.Linear(120, 10)
        nn.init.kaiming_normal_(self.conv1.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        x = F.dropout(F.relu(self.fc1(x)), 0.3, training=self.training)
        return F.log_softmax(self.fc2(x), dim=1)


def test_a_model_written_by_hand() -> None:
    model = LeNet()
    design = imported(model).design
    assert design.name == "LeNet"
    assert design.inputs == (InputSpec("x", (1, 28, 28)),)
    assert outline(design.body) == [
        "Conv2d", "F.relu(x)", "MaxPool2d", "Conv2d", "F.relu(x)", "MaxPool2d", "x.view(x.size(0), -1)",
        "Linear", "F.relu(x)", "Dropout", "Linear", "F.log_softmax(x, dim=1)",
    ]  # fmt: skip
    assert [block.name for block in design.body if block.name] == ["conv1", "pool", "conv2", "fc1", "fc2"]
    assert design.body[0].init == "kaiming_normal_(nonlinearity='relu')"
    assert_same_function(model, design, torch.randn(2, 1, 28, 28))


class BasicBlock(nn.Module):
    def __init__(self, channels: int, made: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, made, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(made)
        self.conv2 = nn.Conv2d(made, made, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(made)
        self.relu = nn.ReLU(inplace=True)
        shortcut = nn.Sequential(nn.Conv2d(channels, made, 1, stride, bias=False), nn.BatchNorm2d(made))
        self.downsample = None if channels == made else shortcut

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return F.relu(out)


class ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.layer1 = nn.Sequential(*[BasicBlock(8, 8) for _ in range(2)])
        self.layer2 = nn.Sequential(BasicBlock(8, 16, 2), BasicBlock(16, 16))
        self.fc = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(self.stem(x)))
        return self.fc(x.mean((2, 3)))  # type: ignore[no-any-return]


def test_residuals_written_by_hand() -> None:
    model = ResNet()
    found = imported(model)
    stem, layer1, layer2, mean, _ = found.design.body
    body = ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d"]
    assert (layer1.kind, layer1.name, layer1.times) == ("repeat", "layer1", 2)
    assert outline(layer1.children) == ["residual", body, "F.relu(x)"]
    first, second = layer2.children
    assert outline(first.children) == [
        "parallel", ["sequence", body, "sequence", ["Conv2d", "BatchNorm2d"]], "F.relu(x)"
    ]  # fmt: skip
    assert first.children[0].join == "add"
    assert outline(second.children) == ["residual", body, "F.relu(x)"]
    assert (stem.layer, mean.layer) == ("nn.Conv2d", "x.mean((2, 3))")
    assert rebuilt(found.design)(torch.randn(2, 3, 16, 16)).shape == (2, 10)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enc1, self.enc2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.head = nn.Conv2d(16, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = F.relu(self.enc1(x))
        deep = F.relu(self.enc2(F.max_pool2d(skip, 2)))
        both = torch.cat([skip, self.up(deep)], dim=1)
        return torch.sigmoid(self.head(both))


def test_skip_connections_keep_their_names() -> None:
    model = UNet()
    design = imported(model).design
    assert outline(design.body) == [
        "Conv2d", "F.relu(x)", "F.max_pool2d(x, 2)", "Conv2d", "F.relu(x)", "ConvTranspose2d",
        "torch.cat([skip, x], dim=1)", "Conv2d", "torch.sigmoid(x)",
    ]  # fmt: skip
    assert [block.output for block in design.body if block.output] == ["skip"]
    assert_same_function(model, design, torch.randn(2, 1, 28, 28))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(8)
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm2 = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class Language(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.blocks = nn.ModuleList([Attention() for _ in range(4)])
        self.head = nn.Linear(8, 10)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)  # type: ignore[no-any-return]


def test_a_list_of_blocks_is_a_repeat() -> None:
    model = Language()
    design = imported(model).design
    assert design.inputs == (InputSpec("ids", (16,), "int64"),)
    assert outline(design.body) == [
        "Embedding", "repeat",
        [
            "residual", ["LayerNorm", "MultiheadAttention"],
            "residual", ["LayerNorm", "sequence", ["Linear", "GELU", "Linear"]],
        ],
        "Linear",
    ]  # fmt: skip
    assert design.body[1].times == 4
    assert_same_function(model, design, torch.randint(0, 10, (2, 5)))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 5, batch_first=True)
        self.fc = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        out, (h, _) = self.lstm(x)
        return self.fc(h[-1]) + out.mean(1)[:, :2]  # type: ignore[no-any-return]


def test_items_of_what_a_layer_returns() -> None:
    model = Recurrent()
    design = imported(model).design
    assert_same_function(model, design, torch.randn(2, 16, 4))


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b1 = nn.Conv2d(3, 4, 1)
        self.b2 = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([F.relu(self.b1(x)), self.b2(x), x], 1)


def test_branches() -> None:
    model = nn.Sequential(Inception(), nn.ReLU())
    design = imported(model).design
    assert outline(design.body) == [
        "parallel", ["sequence", ["Conv2d", "F.relu(x)"], "sequence", ["Conv2d", "Conv2d"], "sequence"], "ReLU"
    ]  # fmt: skip
    assert (design.body[0].join, design.body[0].dim) == ("concatenate", 1)
    assert_same_function(model, design, torch.randn(2, 3, 8, 8))


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(5, 4)

    def forward(self, left: Tensor, right: Tensor, flag: bool = False) -> Tensor:
        a = self.a(left)
        return a * self.b(right) + a  # type: ignore[no-any-return]


def test_several_inputs() -> None:
    model = Two()
    design = imported(model).design
    assert design.inputs == (InputSpec("left", (3,)), InputSpec("right", (5,)))
    assert_same_function(model, design, torch.randn(2, 3), torch.randn(2, 5))


def test_torchs_own_encoder() -> None:
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3, norm=nn.LayerNorm(8)
    )
    design = imported(nn.Sequential(nn.Linear(4, 8), encoder)).design
    assert outline(design.body) == [
        "Linear",
        "sequence",
        ["repeat", ["TransformerEncoderLayer"], "LayerNorm"],
    ]


def test_frozen_layers() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)))
    model[1].requires_grad_(False)
    first, second = imported(model).design.body
    assert not first.frozen
    assert second.frozen
    assert not any(child.frozen for child in second.children)


# -- what cannot be read ------------------------------------------------------------------------------


class Scaled(nn.Module):
    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Forks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Shares(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.fc(x))  # type: ignore[no-any-return]


class Raises(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise SystemExit("no")


def test_a_module_that_cannot_be_read_stands_by_its_name() -> None:
    model = nn.Sequential(nn.Linear(3, 5), Scaled(5))
    found = imported(model, Scaled=Scaled)
    assert found.opaque == ("model[1]",)
    block = found.design.body[1]
    assert (block.layer, [(argument.name, argument.text) for argument in block.arguments]) == (
        "Scaled",
        [("size", "5")],
    )
    assert "model[1] (Scaled)" in str(refusal(model))
    assert "parameters of its own, such as weight" in str(refusal(model))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Forks(), "depends on values"),
        (Shares(), "fc more than once"),
        (Raises(), "cannot be edited as blocks"),
    ],
)
def test_words_for_what_cannot_be_read(model: nn.Module, words: str) -> None:
    error = refusal(model)
    assert error.kind == "not readable"
    assert words in str(error)


def test_a_module_in_itself() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model._modules["loop"] = model
    assert "too deeply" in str(refusal(model))
    assert refusal(torch.ones(2)).kind == "not a module"


def test_the_model_stays_as_it_is() -> None:
    model = LeNet()
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    attributes = {name: set(vars(module)) for name, module in model.named_modules()}
    before = torch.get_rng_state()
    imported(model)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(kept[key], value) for key, value in model.state_dict().items())
    assert {name: set(vars(module)) for name, module in model.named_modules()} == attributes
    assert "forward" not in vars(model.conv1)


def test_a_training_in_another_thread_does_not_notice() -> None:
    trained, model = LeNet(), Language()
    x = torch.randn(2, 1, 28, 28)
    over, errors = threading.Event(), list[BaseException]()

    def train() -> None:
        while not over.is_set():
            try:
                trained(x).sum().backward()
            except BaseException as error:  # noqa: BLE001
                errors.append(error)
                return

    thread = threading.Thread(target=train)
    thread.start()
    try:
        for _ in range(10):
            imported(trained)
            imported(model)
    finally:
        over.set()
        thread.join()
    assert errors == []
