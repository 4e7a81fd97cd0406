from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from tui.kernel.building.back_checkpoint import compare_checkpoint, model_keys
from tui.kernel.building.errors import BuildingError
from tui.kernel.training.keep.checkpoint import write_checkpoint
from tui.protocol.models import CheckpointCompared, CompareCheckpoint


def small() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))


def compare(path: Path, model: nn.Module | None = None) -> CheckpointCompared:
    return compare_checkpoint(
        {"model": model}, CompareCheckpoint(str(path), "" if model is None else "model")
    )


def refusal(path: Path, model: nn.Module | None = None) -> BuildingError:
    with pytest.raises(BuildingError) as caught:
        compare(path, model)
    return caught.value


def statuses(found: CheckpointCompared) -> dict[str, str]:
    return {row.key: row.status for row in found.rows if row.status != "match"}


def saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor], *, cut: int = 0) -> Path:
    """Write the format by hand, as its description has it."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        dtype = {torch.float32: "F32", torch.int64: "I64", torch.bfloat16: "BF16"}[tensor.dtype]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(at - cut))
    return path


def test_keys_are_those_of_the_state_dict() -> None:
    shared = nn.Linear(2, 2)
    model = nn.Sequential(nn.BatchNorm1d(2), shared, nn.ModuleDict({"a": shared, "b": nn.LSTM(2, 2)}))
    model.register_buffer("kept", torch.ones(3))
    model.register_buffer("dropped", torch.ones(3), persistent=False)
    keys, tied = model_keys(model)
    wanted = model.state_dict()
    assert sorted(keys) == sorted(wanted)
    assert {key: entry.shape for key, entry in keys.items()} == {k: tuple(v.shape) for k, v in wanted.items()}
    assert tied == {"2.a.weight": "1.weight", "2.a.bias": "1.bias"}
    model._modules["loop"] = model
    assert set(wanted) <= set(model_keys(model)[0])


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_fits(tmp_path: Path, zipped: bool) -> None:
    model = small()
    torch.save(model.state_dict(), tmp_path / "a.pth", _use_new_zipfile_serialization=zipped)
    found = compare(tmp_path / "a.pth", model)
    assert {row.status for row in found.rows} == {"match"}
    assert [row.key for row in found.rows] == list(model.state_dict())
    assert found.summary == "All 9 keys fit"
    assert found.rows[0].ours == found.rows[0].theirs == "(8, 4) float32"


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_problems_come_first(tmp_path: Path, suffix: str) -> None:
    model, path = small(), tmp_path / f"weights{suffix}"
    other = dict(model.state_dict())
    del other["0.bias"]
    other["0.weight"] = torch.zeros(8, 5)
    other["2.weight"] = other["2.weight"].bfloat16()
    other["new.weight"] = torch.zeros(1)
    found = compare(saved(path, other) if suffix == ".pt" else write_safetensors(path, other), model)
    assert [row.status for row in found.rows[:4]] == ["shape", "missing", "unexpected", "dtype"]
    assert statuses(found) == {
        "0.weight": "shape", "0.bias": "missing", "new.weight": "unexpected", "2.weight": "dtype"
    }  # fmt: skip
    assert found.rows[0].theirs == "(8, 5) float32"
    assert found.rows[3].theirs == "(2, 8) bfloat16"
    assert found.summary.startswith("6 of 10 keys fit: 1 of another shape, 1 missing")
    with pytest.raises(RuntimeError, match="size mismatch"):
        model.load_state_dict(other)


def test_weights_inside_a_training_checkpoint(tmp_path: Path) -> None:
    model = small()
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(3, 4)).sum().backward()
    optimizer.step()
    content = {"epoch": 3, "optimizer": optimizer.state_dict(), "ema": {"x": torch.ones(1)}}
    found = compare(saved(tmp_path / "a.pt", {**content, "model": model.state_dict()}), model)
    assert statuses(found) == {}
    assert found.summary == "All 9 keys fit (in ['model'] of the file)"
    deep = {**content, "state": {"inner": {"net.layers." + k: v for k, v in model.state_dict().items()}}}
    found = compare(saved(tmp_path / "b.pt", deep), model)
    assert statuses(found) == {}
    assert found.prefix == "net.layers."


def test_a_checkpoint_of_our_own(tmp_path: Path) -> None:
    model = small()
    write_checkpoint(tmp_path / "last.pt", {"model": model.state_dict(), "epoch": 1, "knobs": {"lr": 0.1}})
    assert statuses(compare(tmp_path / "last.pt", model)) == {}


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "_orig_mod.module.", "a.b.c."])
def test_prefixes_of_the_file(tmp_path: Path, prefix: str) -> None:
    model = small()
    found = compare(saved(tmp_path / "a.pt", {prefix + k: v for k, v in model.state_dict().items()}), model)
    assert found.prefix == prefix
    assert statuses(found) == {}


def test_prefix_of_the_model(tmp_path: Path) -> None:
    model = small()
    path = saved(tmp_path / "a.pt", model.state_dict())
    compiled = torch.compile(model)
    assert isinstance(compiled, nn.Module)
    found = compare(path, compiled)
    assert statuses(found) == {}
    assert found.prefix == ""
    assert "begin with _orig_mod." in found.summary


def test_a_file_of_another_model(tmp_path: Path) -> None:
    found = compare(saved(tmp_path / "a.pt", nn.Conv2d(1, 1, 1).state_dict()), small())
    assert found.prefix == ""
    assert {row.status for row in found.rows} == {"missing", "unexpected"}


def test_keys_of_a_file_alone(tmp_path: Path) -> None:
    found = compare(
        write_safetensors(tmp_path / "a.safetensors", {"a": torch.ones(2, 3), "n": torch.tensor(1)})
    )
    assert [(row.key, row.theirs) for row in found.rows] == [("a", "(2, 3) float32"), ("n", "() int64")]
    assert found.summary == "2 tensors, 7 values"


def test_tied_and_lazy_keys(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False), nn.LazyLinear(3))
    model[1].weight = model[0].weight
    content = {"0.weight": torch.zeros(5, 4), "2.weight": torch.zeros(3, 9), "2.bias": torch.zeros(3)}
    found = compare(saved(tmp_path / "a.pt", content), model)
    assert statuses(found) == {"1.weight": "missing"}
    assert found.rows[0].ours == "(5, 4) float32, tied with 0.weight"


def test_nothing_of_a_large_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    head = json.dumps(
        {"w": {"dtype": "F32", "shape": [1 << 18, 1 << 18], "data_offsets": [0, 1 << 38]}}
    ).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.truncate(8 + len(head) + (1 << 38))  # 256 GiB that take no room
    assert compare(path).rows[0].theirs == "(262144, 262144) float32"


# -- bad files ----------------------------------------------------------------------------------------


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_bomb_does_not_go_off(tmp_path: Path, zipped: bool) -> None:
    mark = tmp_path / "went off"
    content = {"weight": torch.ones(2), "x": Bomb(mark)}
    torch.save(content, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    (tmp_path / "b.pt").write_bytes(pickle.dumps(content["x"]))
    for name in ("a.pt", "b.pt"):
        error = refusal(tmp_path / name, small())
        assert error.kind == "bad file"
        assert "was not loaded" in str(error)
    assert "mkdir" in str(refusal(tmp_path / "a.pt"))
    assert not mark.exists()


def test_a_whole_model_and_a_script_are_refused_with_words(tmp_path: Path) -> None:
    assert "state_dict()" in str(refusal(saved(tmp_path / "a.pt", small())))
    (tmp_path / "b.pt").touch()
    with zipfile.ZipFile(tmp_path / "b.pt", "w") as archive:
        archive.writestr("m/data.pkl", b"")
        archive.writestr("m/constants.pkl", b"")
    assert "TorchScript" in str(refusal(tmp_path / "b.pt"))
    with zipfile.ZipFile(tmp_path / "c.pt", "w") as archive:
        archive.writestr("readme", b"")
    assert "zip file" in str(refusal(tmp_path / "c.pt"))


def test_an_archive_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", bytes(1 << 20))
    assert "compressed" in str(refusal(tmp_path / "a.pt"))


def test_damaged_files(tmp_path: Path) -> None:
    raw = saved(tmp_path / "a.pt", small().state_dict()).read_bytes()
    for name, content, words in (
        ("cut.pt", raw[: len(raw) // 2], "cut off"),
        ("text.pt", b"hello", "no file that torch.save"),
        ("noise.pt", bytes(range(200, 256)) * 50, "not loaded"),
        ("empty.pt", b"", "empty"),
        ("short.safetensors", b"\1\2", "no .safetensors"),
        ("noise.safetensors", b"\xff" * 64, "no .safetensors"),
        ("head.safetensors", struct.pack("<Q", 4000) + b"{}", "cut off"),
        ("json.safetensors", struct.pack("<Q", 90) + b"[" * 90, "damaged"),
        ("list.safetensors", struct.pack("<Q", 2) + b"[]", "damaged"),
        ("entry.safetensors", struct.pack("<Q", 12) + b'{"a": "text"}'[:12], "damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        error = refusal(tmp_path / name)
        assert (error.kind, words in str(error)) == ("bad file", True), (name, str(error))
    write_safetensors(tmp_path / "b.safetensors", {"a": torch.ones(100)}, cut=1)
    assert "is cut off" in str(refusal(tmp_path / "b.safetensors"))


def test_what_is_no_file_of_weights(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    assert refusal(tmp_path / "nothing.pt").kind == "gone"
    assert "is a folder" in str(refusal(tmp_path))
    assert "no ordinary file" in str(refusal(tmp_path / "pipe.pt"))
    assert refusal(Path("a\0b.pt")).kind == "bad file"
    assert "no dictionary of tensors" in str(refusal(saved(tmp_path / "a.pt", {"n": 1})))
    assert "no dictionary of tensors" in str(refusal(saved(tmp_path / "b.pt", torch.ones(3))))
    with pytest.raises(BuildingError, match="Name a file"):
        compare_checkpoint({}, CompareCheckpoint(" ", "model"))


def test_the_model_is_none(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pt", small().state_dict())
    with pytest.raises(BuildingError) as caught:
        compare_checkpoint({}, CompareCheckpoint(str(path), "model"))
    assert caught.value.kind == "gone"
