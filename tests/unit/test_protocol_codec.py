"""Dataclasses to JSON text and back, as they cross between the processes."""

from __future__ import annotations

import json
import math
import pkgutil
import types
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from importlib import import_module
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import protocol
from tui.client.registry import SessionInfo
from tui.protocol.codec import DecodeError, decode, encode
from tui.protocol.gradients import GradientRow
from tui.protocol.messages import Event, GetStatus, RunState, Variable, VariableTable, request_types
from tui.protocol.run import KnobValue, RunSpec

SCALARS: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(max_size=8),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(),
    type(None): st.none(),
}
NOT_SENT = ("codec", "metrics", "preset", "python_text")
"""Modules whose dataclasses stay in the process that made them."""
MODULES = [
    import_module(f"tui.protocol.{found.name}")
    for found in pkgutil.iter_modules(protocol.__path__)
    if found.name not in NOT_SENT
]
STRUCTS = [
    SessionInfo,
    *{
        kind
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and is_dataclass(kind)
    },
]
GRADIENT = GradientRow("w", (3,), "float32", "cpu", False, True, 1.0, None)


def values_of(kind: Any, inside: tuple[type, ...] = ()) -> st.SearchStrategy[Any]:
    """Every value that a field annotated `kind` may have; of blocks in blocks two levels: more would never end.

    `inside`: the dataclasses that it is a field of, and of which these are.
    """
    if kind in SCALARS:
        return SCALARS[kind]
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and is_dataclass(kind):
        hints, around = get_type_hints(kind), (*inside, kind)
        return st.builds(kind, **{field.name: values_of(hints[field.name], around) for field in fields(kind)})
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        # a float beside a str is not told from its text when it is not finite: that has a test of its own
        options = [
            st.floats(allow_nan=False, allow_infinity=False)
            if i is float and str in inner
            else values_of(i, inside)
            for i in inner
        ]
        return st.one_of(options)
    if origin is tuple and inner[1] is not Ellipsis:
        return st.tuples(*(values_of(i, inside) for i in inner))
    if origin is tuple and inside.count(inner[0]) == 2:
        return st.just(())
    if origin is tuple:
        return st.lists(values_of(inner[0], inside), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(values_of(inner[0], inside), values_of(inner[1], inside), max_size=3)
    raise AssertionError(f"no values for {kind}")


def crossed(value: Any) -> Any:
    return decode(type(value), json.loads(json.dumps(encode(value), allow_nan=False)))


@given(st.one_of([values_of(kind) for kind in STRUCTS]))
def test_every_dataclass_comes_back_as_it_went(value: object) -> None:
    assert repr(crossed(value)) == repr(value)  # repr: a NaN is not equal to itself, and 1 is not 1.0


def test_every_request_names_a_reply_that_crosses() -> None:
    assert {"GetStatus", "ListVariables", "StartRun", "ControlRun", "Shutdown"} <= set(request_types())
    for kind in request_types().values():
        assert kind in STRUCTS or kind is GetStatus, kind
        assert kind.reply_type() in (*STRUCTS, type(None)), kind


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1, -0.0, 5e-324])
def test_floats_travel_exactly_finite_or_not(value: float) -> None:
    back = crossed(replace(GRADIENT, grad_norm=value)).grad_norm
    assert repr(back) == repr(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_knob_that_is_not_finite_is_still_a_number(value: float) -> None:
    """`--set clip=inf` is a float for the preset, not the text "inf"."""
    back = crossed(RunSpec("/p.py", "/runs", knobs={"clip": value})).knobs["clip"]
    assert repr(back) == repr(value)


def test_knobs_keep_their_types() -> None:
    knobs: dict[str, KnobValue] = {"a": True, "b": 1, "c": 1.0, "d": "1", "e": "nan", "f": "true"}
    back = crossed(RunSpec("/p.py", "/runs", knobs=knobs)).knobs
    assert {name: (type(value), value) for name, value in back.items()} == {
        name: (type(value), value) for name, value in knobs.items()
    }


def test_what_a_newer_version_adds_is_passed_over_and_what_an_older_lacks_takes_its_default() -> None:
    data = encode(Event("run", "paused"))
    assert decode(Event, {**data, "since": 3, "kinds": [{}]}) == Event("run", "paused")
    assert decode(Event, {"kind": "run"}) == Event("run")


def test_a_required_field_that_is_absent_is_named() -> None:
    required = [field.name for field in fields(RunState) if field.default is MISSING]
    full = encode(RunState("1", "/r", "running", 1, 2))
    for name in required:
        with pytest.raises(DecodeError, match=rf"RunState.*'{name}'"):
            decode(RunState, {key: value for key, value in full.items() if key != name})


ROW = encode(Variable("w", "tensor", "Tensor", (2, 3)))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": 3}, r"rows\[0\]\.name"),
        ({"name": None}, r"rows\[0\]\.name"),
        ({"changed": 1}, r"rows\[0\]\.changed"),
        ({"shape": 5}, r"rows\[0\]\.shape"),
        ({"shape": [1, "2"]}, r"rows\[0\]\.shape"),
        ({"shape": [True]}, r"rows\[0\]\.shape"),
        ({"size_bytes": 1.5}, r"rows\[0\]\.size_bytes"),
        ({"grad": "sometimes"}, r"rows\[0\]\.grad"),
        ({"grad": []}, r"rows\[0\]\.grad"),
    ],
)
def test_a_wrong_type_is_refused_with_the_field_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(DecodeError, match=field):
        decode(VariableTable, {"rows": [{**ROW, **change}], "total_bytes": {}})


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ([], "VariableTable"),
        (None, "VariableTable"),
        ({"rows": {}, "total_bytes": {}}, "VariableTable.rows"),
        ({"rows": [3], "total_bytes": {}}, r"VariableTable.rows\[0\]"),
        ({"rows": [], "total_bytes": []}, "VariableTable.total_bytes"),
        ({"rows": [], "total_bytes": {"cpu": "many"}}, r"VariableTable.total_bytes\['cpu'\]"),
        ({"rows": [], "total_bytes": {}, "omitted": True}, "VariableTable.omitted"),
    ],
)
def test_a_wrong_shape_is_refused_with_the_place_named(data: object, field: str) -> None:
    with pytest.raises(DecodeError, match=field):
        decode(VariableTable, data)


def test_a_number_is_read_from_no_other_text() -> None:
    @dataclass(frozen=True)
    class Point:
        x: float

    assert decode(Point, {"x": 3}) == Point(3.0)
    with pytest.raises(DecodeError, match=r"Point\.x"):
        decode(Point, {"x": "three"})
    with pytest.raises(DecodeError, match=r"Point\.x"):
        decode(Point, {"x": True})


@pytest.mark.parametrize("value", [object(), {1, 2}, b"raw", 1j, RunSpec])
def test_what_the_protocol_does_not_carry_is_refused_where_it_is_made(value: object) -> None:
    with pytest.raises(TypeError, match="protocol"):
        encode({"x": [value]})
