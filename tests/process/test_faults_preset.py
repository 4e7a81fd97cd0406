"""A preset that cannot be trained is told of in words, and what was good before is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.e2e.terminal import Home, home_in, losses

NAN_FROM_STEP_30 = {
    "loss": """
        calls = 0

        def loss():
            def squared_error(output, target):
                global calls
                calls += 1
                return nn.functional.mse_loss(output, target) * (float("nan") if calls >= fails_at else 1)

            return squared_error
    """,
    "metrics": "fails_at: int = 30  # the first step whose loss is NaN\n",
}


def nan_preset(home: Home) -> str:
    """Write a preset whose loss is NaN from step 30 on, or from another that a knob tells."""
    return home.preset("nan", loss=NAN_FROM_STEP_30["loss"], metrics=NAN_FROM_STEP_30["metrics"])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with home_in(tmp_path) as made:
        yield made


def assert_told(text: str, *words: str) -> None:
    """Assert that a message on stderr names what matters in a line or two, with no traceback."""
    for word in words:
        assert word in text
    assert "Traceback" not in text


def test_a_syntax_error_is_told_with_its_line_before_anything_starts(home: Home) -> None:
    path = home.preset("slip", model="def model()\n    return nn.Linear(3, 1)\n")
    done = home.run("train", path, "--headless")
    assert done.returncode == 2
    line = Path(path).read_text().split("\n").index("def model()") + 1
    assert_told(done.stderr, f"{path}:{line}: is not valid Python", "expected ':'")
    assert len(done.stderr.splitlines()) <= 2
    assert home.folders() == []
    assert home.sessions() == []


def test_a_preset_without_model_is_told_what_model_has_to_be(home: Home) -> None:
    path = home.preset("bare", model="")
    done = home.run("train", path, "--headless")
    assert done.returncode == 2
    assert_told(done.stderr, path, "has no model", "model() returning an nn.Module")
    assert len(done.stderr.splitlines()) <= 2
    assert home.folders() == []


def test_a_model_that_raises_fails_the_run_where_it_raised(home: Home) -> None:
    path = home.preset("weak", model="def model():\n    raise ValueError('no model today')\n")
    done = home.run("train", path, "--json")
    assert done.returncode == 1
    line = Path(path).read_text().split("\n").index("    raise ValueError('no model today')") + 1
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["status"] == "failed"
    assert result["steps"] == 0
    record = home.record()
    assert record["status"] == "failed"
    assert record["error"]["kind"] == "ValueError"
    assert "no model today" in record["error"]["message"]
    assert f"weak.py:{line} in model" in record["error"]["where"]
    assert record["ended_at"]
    assert "no model today" in done.stderr
    home.wait_for_no_session()


def test_an_empty_loader_fails_the_run_and_names_data(home: Home) -> None:
    done = home.run(
        "train", home.preset("void", data="def data():\n    return {'train': []}\n"), "--headless"
    )
    assert done.returncode == 1
    assert_told(done.stderr, "data()['train'] has no batches", "void.py:")
    assert home.record()["status"] == "failed"


def test_a_loss_that_is_nan_at_once_fails_the_first_step(home: Home) -> None:
    done = home.run("train", nan_preset(home), "--set", "fails_at=1", "--headless")
    assert done.returncode == 1
    assert_told(done.stderr, "the run failed", "loss is nan at step 1", "epoch 1, step 1")
    (folder,) = home.folders()
    assert home.record()["error"]["kind"] == "NotFinite"
    assert not (folder / "checkpoints" / "last.pt").exists(), "there was no good state to keep"


def test_a_later_nan_keeps_the_last_good_checkpoint_and_the_run_goes_on_from_it(home: Home) -> None:
    path = nan_preset(home)
    done = home.run("train", path, "--headless", "--epochs", "3")
    assert done.returncode == 1
    record = home.record()
    assert record["status"] == "failed"
    assert record["error"]["where"] == "failed in epoch 2, step 30"
    (folder,) = home.folders()
    kept = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    assert kept["step"] == 20, "the end of the first epoch"
    assert all(torch.isfinite(value).all() for value in kept["model"].values())

    again = home.run("train", "--resume", folder.name, "--set", "fails_at=1000", "--json")
    assert again.returncode == 0, again.stderr
    result = json.loads(again.stdout.splitlines()[-1])
    assert (result["status"], result["epochs"], result["steps"]) == ("finished", 3, 60)
    assert sorted(losses(folder)) == list(range(1, 61))
