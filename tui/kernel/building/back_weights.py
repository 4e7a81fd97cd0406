"""The keys, shapes and dtypes of a file of weights; no values are read, and nothing in the file is executed.

`.safetensors` files have them in a header of JSON; others are loaded by torch with ``weights_only=True``, mapped into
memory, onto the meta device.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import stat
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor

from tui.kernel.building.errors import BuildingError
from tui.kernel.safe_objects import cut, is_a

MOST_KEYS: Final = 100_000
_HEADER_BYTES: Final = 100_000_000
"""Of a .safetensors file, as the format itself has it."""
_PICKLE_BYTES: Final = 256_000_000
"""Of the description of the tensors in a .pt file."""
_LEGACY_BYTES: Final = 4 << 30
"""Of a file in the format before torch 1.6, which cannot be mapped and is read as a whole."""
_DTYPES: Final = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
    "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
}  # fmt: skip
_DEEPEST: Final = 4


@dataclass(frozen=True)
class Entry:
    """A tensor as a file describes it."""

    shape: tuple[int, ...] | None
    """None: it is no tensor with a shape of its own (a lazy parameter, a number)."""
    dtype: str

    def __str__(self) -> str:
        return f"{'(?)' if self.shape is None else self.shape} {self.dtype}"


Weights = dict[str, Entry]


@dataclass(frozen=True)
class WeightsFile:
    """What a file holds."""

    found: dict[str, Weights]
    """Each dictionary of tensors with the path to it, e.g. ``["model"]``; empty for the file itself."""


def read_weights(path_text: str) -> WeightsFile:
    """Return the dictionaries of tensors that a file holds.

    Raises:
        BuildingError: there is no such file, it is damaged, or it holds something else than weights.
    """
    path = Path(path_text.strip()).expanduser()
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise BuildingError("gone", f"There is no file {path}.") from None
    except (OSError, ValueError) as error:
        raise BuildingError("bad file", f"{cut(str(path), 200)} cannot be read: {error}.") from None
    if stat.S_ISDIR(status.st_mode):
        raise BuildingError("bad file", f"{path} is a folder: name a file in it, .pt, .pth or .safetensors.")
    if not stat.S_ISREG(status.st_mode):
        raise BuildingError("bad file", f"{path} is no ordinary file.")
    if not status.st_size:
        raise BuildingError("bad file", f"{path.name} is empty.")
    try:
        if path.suffix.lower() == ".safetensors":
            return WeightsFile({"": _read_safetensors(path, status.st_size)})
        return WeightsFile(_read_torch(path, status.st_size))
    except OSError as error:
        raise BuildingError("bad file", f"{path.name} cannot be read: {error.strerror or error}.") from None
    except MemoryError:
        raise BuildingError("bad file", f"{path.name} needs more memory to be read than there is.") from None


# -- safetensors --------------------------------------------------------------------------------------


def _read_safetensors(path: Path, size: int) -> Weights:
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= _HEADER_BYTES:
            raise BuildingError(
                "bad file", f"{path.name} is no .safetensors file: it does not begin with a header."
            )
        if length > size - 8:
            words = f"its header alone should have {length:,} bytes, the file has {size:,}"
            raise BuildingError("bad file", f"{path.name} is cut off, or no .safetensors file: {words}.")
        raw = file.read(length)
    try:
        header = json.loads(raw.decode("utf-8"))
        if not isinstance(header, dict):
            raise ValueError
        entries = {key: _entry(value) for key, value in header.items() if key != "__metadata__"}
        end = max((int(header[key]["data_offsets"][1]) for key in entries), default=0)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise BuildingError(
            "bad file", f"{path.name} is no .safetensors file: its header is damaged."
        ) from None
    if 8 + length + end > size:
        words = f"its tensors end at byte {8 + length + end:,}, the file at {size:,}"
        raise BuildingError("bad file", f"{path.name} is cut off: {words}.")
    _check_count(path, len(entries))
    return entries


def _entry(value: Mapping[str, object]) -> Entry:
    shape = value["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError
    dtype = str(value["dtype"])
    return Entry(tuple(shape), _DTYPES.get(dtype, cut(dtype, 20)))


# -- torch --------------------------------------------------------------------------------------------


def _read_torch(path: Path, size: int) -> dict[str, Weights]:
    zipped = zipfile.is_zipfile(path)
    if not zipped and _begins_as_zip(path):
        raise BuildingError(
            "bad file", f"{path.name} is cut off: its end, which tells where things are, is missing."
        )
    if zipped:
        _check_zip(path)
    elif size > _LEGACY_BYTES:
        words = "is in the format of torch before 1.6, and too large to be read as a whole"
        raise BuildingError("bad file", f"{path.name} {words}; save it anew with torch.save.")
    try:
        content = torch.load(path, map_location="meta", weights_only=True, mmap=True if zipped else None)
    except pickle.UnpicklingError as error:
        raise BuildingError("bad file", f"{path.name} {_refusal(str(error))}") from None
    except (OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a damaged file raises whatever its bytes lead to
        if not zipped:
            raise BuildingError("bad file", f"{path.name} is no file that torch.save has written.") from None
        text = cut(" ".join(str(error).split("\n")[0].split()) or type(error).__name__, 200)
        raise BuildingError("bad file", f"{path.name} is damaged or holds no weights: {text}.") from None
    found: dict[str, Weights] = {}
    _collect(content, "", 0, found)
    if not found:
        raise BuildingError("bad file", f"{path.name} holds no dictionary of tensors.")
    _check_count(path, max(map(len, found.values())))
    return found


def _begins_as_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _check_zip(path: Path) -> None:
    """Refuse an archive that is damaged, TorchScript, or would unpack to much more than it is."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BuildingError("bad file", f"{path.name} is damaged: {error}.") from None
    names = [member.filename.split("/", 1)[-1] for member in members]
    if "constants.pkl" in names:
        words = "is a TorchScript archive, which holds code: load it with torch.jit.load in the REPL"
        raise BuildingError("bad file", f"{path.name} {words}.")
    if "data.pkl" not in names:
        raise BuildingError("bad file", f"{path.name} is a zip file, but none that torch.save has written.")
    if sum(member.file_size for member in members if member.filename.endswith(".pkl")) > _PICKLE_BYTES:
        raise BuildingError("bad file", f"The description of the tensors in {path.name} is too large.")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise BuildingError("bad file", f"{path.name} is compressed, which torch.save never does.")


def _refusal(message: str) -> str:
    """Return in plain words why torch would not load a file with weights_only."""
    named = re.search(r"(?:GLOBAL|global) [`']?([\w.]+)[`']?", message)
    if named is not None:
        return (
            f"was not loaded: it holds more than weights, here {cut(named[1], 80)}, and such a file can run code when"
            " it is opened. Save model.state_dict() instead, or load it in the REPL if you trust it."
        )
    reason = message.split("WeightsUnpickler error:")[-1].strip().split("\n")[0]
    return f"was not loaded: it is damaged, or holds more than weights ({cut(reason, 160)})."


def _check_count(path: Path, count: int) -> None:
    if count > MOST_KEYS:
        raise BuildingError("bad file", f"{path.name} holds {count:,} tensors, more than can be compared.")


def _collect(value: object, where: str, depth: int, found: dict[str, Weights]) -> None:
    """Add each dictionary that maps names to tensors."""
    if not is_a(value, dict) or depth > _DEEPEST:
        return
    items = list(dict.items(cast("dict[object, object]", value)))
    weights = {key: _described(held) for key, held in items if type(key) is str and is_a(held, Tensor)}
    if weights:
        found[where] = weights
    for key, held in items:
        if type(key) is str and is_a(held, dict) and len(found) < 1000:
            _collect(held, f"{where}[{key!r}]", depth + 1, found)


def _described(tensor: Tensor) -> Entry:
    dtype = str(tensor.dtype).removeprefix("torch.")
    try:
        return Entry(tuple(int(size) for size in tensor.size()), dtype)
    except (RuntimeError, TypeError, ValueError):  # nested: its sizes vary
        return Entry(None, dtype)
