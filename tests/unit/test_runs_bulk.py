"""Events read by the thousand are those read one by one, whatever stands between them and whatever is damaged."""

from __future__ import annotations

import struct
from pathlib import Path

import google_crc32c
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from tui.runs import bulk
from tui.runs.bulk import keys_of, read_known
from tui.runs.decode import Batch, layout_of
from tui.runs.events import EventFile, masked


def framed(event: Event) -> bytes:
    payload: bytes = event.SerializeToString()
    length = struct.pack("<Q", len(payload))
    header = length + struct.pack("<I", masked(google_crc32c.value(length)))
    return header + payload + struct.pack("<I", masked(google_crc32c.value(payload)))


def event(kind: str, tag: str, step: int, value: float) -> bytes:
    if kind == "restart":
        return framed(Event(step=step, session_log=SessionLog(status=SessionLog.START)))
    values = [Summary.Value(tag=tag, simple_value=value)]
    if kind == "pair":
        values.append(Summary.Value(tag="other", simple_value=-value))
    return framed(Event(wall_time=step + 0.5, step=step, summary=Summary(value=values)))


def told(path: Path, max_bytes: int) -> object:
    """What a file says, as text: NaN is not equal to itself."""
    file, batches = EventFile(path), []
    while True:
        batch = Batch()
        more = file.poll(batch, max_bytes)
        batches.append(repr((batch.points, batch.purge_from, batch.events)))
        if not more:
            return batches, file.damage


kinds = st.sampled_from(["scalar"] * 12 + ["pair", "restart"])
tags = st.sampled_from(["a", "b", "cc", "train/loss", "ünï"])
steps = st.integers(0, 300) | st.sampled_from([127, 128, 16_383, 16_384, 2**21, 2**28 - 1, 2**28, 2**40])


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(kinds, tags, steps, st.floats(width=32)), max_size=60),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 255)), max_size=2),
    st.integers(0, 60), st.sampled_from([300, 1 << 20]),
)  # fmt: skip
def test_many_at_once_are_the_same_as_one_by_one(
    path: Path,
    rows: list[tuple[str, str, int, float]],
    flips: list[tuple[int, int]],
    cut: int,
    max_bytes: int,
) -> None:
    data = bytearray(b"".join(event(*row) for row in rows))
    for place, bits in flips:
        if place < len(data):
            data[place] ^= bits
    path.write_bytes(data[: len(data) - cut] if cut < len(data) else data)
    found = []
    for least, look in ((1, 6), (1, 1 << 30), (1 << 30, 0)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bulk, "LEAST", least)
            patch.setattr(bulk, "LOOK", look)
            found.append(told(path, max_bytes))
    assert found[0] == found[2]
    assert found[1] == found[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.out.tfevents.1.host"


def loss(count: int, first: int = 1) -> list[bytes]:
    return [event("scalar", "loss", step, step / 4) for step in range(first, first + count)]


def headers_of(records: list[bytes]) -> dict[bytes, int]:
    return {record[:12]: len(record) - 16 for record in records}


@pytest.mark.parametrize("turns", [True, False])
def test_known_records_are_read_up_to_the_first_other_one(
    turns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LEAST", 5)
    monkeypatch.setattr(bulk, "LOOK", 10 if turns else 1 << 20)
    records = loss(100)
    data = b"".join([*records, event("pair", "loss", 200, 1.0), *records])
    stop, found = read_known(data, 0, headers_of(records), keys_of("loss", layout_of("loss")))
    steps = range(1, 101)
    assert stop == sum(map(len, records))
    assert found == {"loss": (list(steps), [step + 0.5 for step in steps], [step / 4 for step in steps])}


def test_records_that_come_in_turns_are_read_as_far_as_they_do() -> None:
    def turn(step: int) -> list[bytes]:
        return [event("scalar", tag, step, 1.0) for tag in ("a", "loss", "a")]

    turns = [record for step in range(128, 1128) for record in turn(step)]
    data = b"".join([*turns, event("scalar", "loss", 2000, 1.0), *turn(2001), *turn(2002)])
    known = keys_of("loss", layout_of("loss")) | keys_of("a", layout_of("a"))
    stop, found = read_known(data, 0, headers_of(turns), known)
    assert stop == sum(map(len, turns))
    assert found is not None
    assert found["loss"][0] == list(range(128, 1128))
    assert found["a"][0] == [step for step in range(128, 1128) for _ in range(2)]


@pytest.mark.parametrize("turns", [True, False])
@pytest.mark.parametrize("place", [12, 15, 21, 22, 30, -5, -1])
def test_a_record_that_does_not_hold_together_is_left_to_others(
    place: int, turns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "LEAST", 5)
    monkeypatch.setattr(bulk, "LOOK", 10 if turns else 1 << 20)
    records = loss(90)
    known = keys_of("loss", layout_of("loss"))
    bad = bytearray(records[70])
    bad[place] ^= 1
    before = b"".join(records[:70])
    data = before + bytes(bad) + b"".join(records[71:])
    stop, found = read_known(data, 0, headers_of(records), known)
    assert found is None or (stop, found["loss"][0]) == (len(before), list(range(1, 71)))
