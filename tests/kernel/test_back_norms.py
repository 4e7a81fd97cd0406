from __future__ import annotations

import pytest
import torch
from torch import nn

from tui.kernel.building.back_norms import shorten
from tui.kernel.building.back_read import read_model
from tui.protocol.models import ReadModel


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.BatchNorm1d(4), (3, 4)),
        (nn.BatchNorm1d(4), (3, 4, 7)),
        (nn.BatchNorm2d(4), (1, 4, 2, 3)),
        (nn.BatchNorm3d(4, affine=False), (2, 4, 2, 3, 2)),
        (nn.BatchNorm2d(4).eval(), (1, 4, 1, 1)),
        (nn.BatchNorm2d(4), (1, 4, 1, 1)),
        (nn.BatchNorm2d(5), (2, 4, 3, 3)),
        (nn.BatchNorm2d(4), (2, 4, 3)),
        (nn.BatchNorm1d(4), (2, 4, 3, 3)),
        (nn.BatchNorm2d(4).double(), (2, 4, 3, 3)),
    ],
)
def test_a_shortened_norm_gives_or_raises_what_torch_does(norm: nn.Module, shape: tuple[int, ...]) -> None:
    meta = norm.to("meta")
    given = torch.empty(shape, device="meta")

    def told() -> object:
        try:
            with torch.no_grad():
                output = meta(given)
        except (RuntimeError, ValueError) as error:
            return type(error), str(error)
        return output.shape, output.dtype, output.stride()

    expected = told()
    shorten([meta])
    assert told() == expected


def test_the_users_own_norm_runs_as_it_is() -> None:
    class Own(nn.BatchNorm2d):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            return super().forward(input).flatten(1)

    model = nn.Sequential(nn.Conv2d(1, 4, 3), Own(4), nn.Linear(4 * 36, 2))
    read = read_model({"model": model}, ReadModel("model", "(2, 1, 8, 8)"))
    assert read.output_shapes == "(2, 2)"
    assert "forward" not in vars(model[1])
