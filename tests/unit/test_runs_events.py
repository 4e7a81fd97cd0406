"""Event files: what TensorBoard writes we read, what it reads we read alike, and damage costs only itself."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import google_crc32c
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from tui.runs.decode import Batch
from tui.runs.events import EventFile, masked


def framed(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    header = length + struct.pack("<I", masked(google_crc32c.value(length)))
    return header + payload + struct.pack("<I", masked(google_crc32c.value(payload)))


def scalar(step: int, value: float, tag: str = "loss", wall_time: float = 1.5) -> bytes:
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return framed(Event(wall_time=wall_time, step=step, summary=summary).SerializeToString())


def tensor(**fields: object) -> bytes:
    summary = Summary(value=[Summary.Value(tag="loss", tensor=TensorProto(**fields))])
    return framed(Event(wall_time=1.0, step=3, summary=summary).SerializeToString())


def restart(step: int) -> bytes:
    return framed(Event(step=step, session_log=SessionLog(status=SessionLog.START)).SerializeToString())


VERSION = framed(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.out.tfevents.1.host"


def read(file: EventFile, max_bytes: int = 1 << 20) -> Batch:
    batch = Batch()
    while file.poll(batch, max_bytes):
        pass
    return batch


def test_scalars_come_with_step_time_and_value(path: Path) -> None:
    steps = [0, 1, 127, 128, 300, 2**20, 2**40, 2**62, -1]
    path.write_bytes(VERSION + b"".join(scalar(step, step + 0.5, wall_time=1e9 + 0.25) for step in steps))
    points = read(EventFile(path)).points["loss"]
    assert points.steps == steps
    assert points.values == [struct.unpack("<f", struct.pack("<f", step + 0.5))[0] for step in steps]
    assert set(points.wall_times) == {1e9 + 0.25}


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"dtype": 1, "float_val": [0.5]}, 0.5),
        ({"dtype": 1, "tensor_content": struct.pack("<f", 0.25)}, 0.25),
        ({"dtype": 2, "double_val": [0.1]}, 0.1),
        ({"dtype": 2, "tensor_content": struct.pack("<d", 0.1)}, 0.1),
        ({"dtype": 3, "int_val": [-7]}, -7),
        ({"dtype": 9, "int64_val": [1 << 40]}, float(1 << 40)),
        ({"dtype": 10, "bool_val": [True]}, 1),
        ({"dtype": 14, "half_val": [0x3FC0]}, 1.5),
        ({"dtype": 14, "tensor_content": b"\xc0\x3f"}, 1.5),
        ({"dtype": 19, "half_val": [0x3E00]}, 1.5),
        ({"dtype": 19, "tensor_content": b"\x00\x3e"}, 1.5),
        ({"dtype": 1}, 0.0),
    ],
)
def test_scalars_written_as_tensors(path: Path, fields: dict[str, object], wanted: float) -> None:
    path.write_bytes(tensor(**fields))
    assert read(EventFile(path)).points["loss"].values == [wanted]


@pytest.mark.parametrize(
    "fields",
    [
        {"dtype": 7, "string_val": [b"text"]},
        {
            "dtype": 1,
            "float_val": [1, 2],
            "tensor_shape": TensorShapeProto(dim=[TensorShapeProto.Dim(size=2)]),
        },
        {"dtype": 1, "tensor_content": b"\x00" * 3},
    ],
)
def test_what_is_no_scalar_is_passed_over(path: Path, fields: dict[str, object]) -> None:
    path.write_bytes(tensor(**fields) + scalar(1, 2.0))
    assert read(EventFile(path)).points["loss"].values == [2.0]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["loss", "a/b", "μ [x]", ""]),
            st.integers(0, 10_000),
            st.floats(width=32, allow_nan=False),
            st.sampled_from(["point", "point", "point", "pair", "tensor", "restart"]),
        ),
        max_size=40,
    )
)
def test_reads_what_tensorboard_reads(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, int, float, str]]
) -> None:
    folder = tmp_path_factory.mktemp("log")
    path = folder / "events.out.tfevents.1.host"
    data = VERSION
    for tag, step, value, kind in events:
        if kind == "restart":
            data += restart(step)
            continue
        values = [Summary.Value(tag=tag, simple_value=value)]
        if kind == "pair":
            values.append(Summary.Value(tag="other", simple_value=-value))
        if kind == "tensor":
            values = [Summary.Value(tag="as tensor", tensor=TensorProto(dtype=1, float_val=[value]))]
        data += framed(Event(wall_time=step, step=step, summary=Summary(value=values)).SerializeToString())
    path.write_bytes(data)
    oracle = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    oracle.Reload()
    wanted = {
        tag: [(event.step, event.wall_time, event.value) for event in oracle.Scalars(tag)]
        for tag in oracle.Tags()["scalars"]
    }
    tensors = {tag: [event.step for event in oracle.Tensors(tag)] for tag in oracle.Tags()["tensors"]}
    batch = read(EventFile(path))
    found = {
        tag: list(zip(points.steps, points.wall_times, points.values, strict=True))
        for tag, points in batch.points.items()
        if tag != "as tensor"
    }
    assert {tag: points for tag, points in found.items() if points} == {t: p for t, p in wanted.items() if p}
    # TensorBoard drops no tensors when a run is resumed; we do.
    if "as tensor" in tensors and batch.purge_from is None:
        assert batch.points["as tensor"].steps == tensors["as tensor"]


def test_a_tail_that_is_cut_off_is_read_once_it_is_whole(path: Path) -> None:
    whole = VERSION + scalar(1, 1.0)
    added = scalar(2, 2.0)
    file = EventFile(path)
    for cut in range(len(added)):
        path.write_bytes(whole + added[:cut])
        if cut == 0:
            assert read(file).points["loss"].steps == [1]
        else:
            assert not read(file).points
        assert file.damage.waiting_bytes == cut
        assert not file.damage
    path.write_bytes(whole + added)
    assert read(file).points["loss"].steps == [2]
    assert file.damage.waiting_bytes == 0


def test_a_damaged_record_costs_only_itself(path: Path) -> None:
    bad = bytearray(scalar(2, 2.0))
    bad[20] ^= 0xFF
    nonsense = framed(b"\xff\xff\xff\xff\xff")
    path.write_bytes(VERSION + scalar(1, 1.0) + bytes(bad) + nonsense + scalar(3, 3.0))
    file = EventFile(path)
    assert read(file).points["loss"].steps == [1, 3]
    assert file.damage.records == 2


def test_a_damaged_header_costs_the_rest_of_the_file_and_is_said(path: Path) -> None:
    good = VERSION + scalar(1, 1.0)
    bad = bytearray(scalar(2, 2.0))
    bad[9] ^= 0xFF
    path.write_bytes(good + bytes(bad) + scalar(3, 3.0))
    file = EventFile(path)
    assert read(file).points["loss"].steps == [1]
    assert file.damage.unreadable_from == len(good)
    assert not file.poll(Batch(), 1 << 20)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.integers(1, 64))
def test_no_bytes_make_it_raise_or_spin(path: Path, data: bytes, max_bytes: int) -> None:
    path.write_bytes(VERSION + data)
    file = EventFile(path)
    polls = 0
    while file.poll(Batch(), max_bytes):
        polls += 1
        assert polls < 400


def test_a_poll_reads_as_much_as_it_may_and_says_that_there_is_more(path: Path) -> None:
    records = [scalar(step, 1.0) for step in range(100)]
    path.write_bytes(b"".join(records))
    file, batch = EventFile(path), Batch()
    assert file.poll(batch, 10 * len(records[50]))
    assert 8 <= batch.events <= 12
    assert read(file, 300).events + batch.events == 100


def test_a_record_longer_than_a_poll_is_read_whole(path: Path) -> None:
    path.write_bytes(framed(Event(graph_def=b"x" * 5000).SerializeToString()) + scalar(1, 1.0))
    assert read(EventFile(path), 64).points["loss"].steps == [1]


def test_a_resumed_run_drops_what_came_at_its_step_or_later(path: Path) -> None:
    path.write_bytes(b"".join(scalar(step, 1.0) for step in range(10)) + restart(4) + scalar(4, 2.0))
    batch = read(EventFile(path))
    assert batch.points["loss"].steps == [0, 1, 2, 3, 4]
    assert batch.points["loss"].values[-1] == 2.0
    assert batch.purge_from == 4


def test_nan_and_infinity_come_through(path: Path) -> None:
    path.write_bytes(scalar(1, math.nan) + scalar(2, math.inf) + scalar(3, -math.inf))
    values = read(EventFile(path)).points["loss"].values
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf]


def test_a_file_that_is_not_there_has_nothing_new(path: Path) -> None:
    file = EventFile(path)
    assert not file.poll(Batch(), 100)
    path.write_bytes(scalar(1, 1.0))
    assert read(file).points["loss"].steps == [1]
