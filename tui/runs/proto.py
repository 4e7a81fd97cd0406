"""The few messages of TensorBoard's event format that we read, for protobuf's C parser.

Built here rather than imported: TensorBoard need not be installed, and where it is, its own registration of
the same names must not collide with ours. So they live in a pool and a package of their own. Fields that we
do not name are skipped by the parser.
"""

from __future__ import annotations

from typing import Protocol, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "torchtui.events"
SESSION_START = 1

_Field = tuple[str, int, str]
"""Name, number and type; ``*`` before the type: repeated; a capital: one of our messages."""

_MESSAGES: dict[str, tuple[_Field, ...]] = {
    "Dim": (("size", 1, "int64"),),
    "Shape": (("dim", 2, "*Dim"), ("unknown_rank", 3, "bool")),
    "Tensor": (
        ("dtype", 1, "int32"),
        ("tensor_shape", 2, "Shape"),
        ("tensor_content", 4, "bytes"),
        ("float_val", 5, "*float"),
        ("double_val", 6, "*double"),
        ("int_val", 7, "*int32"),
        ("int64_val", 10, "*int64"),
        ("bool_val", 11, "*bool"),
        ("half_val", 13, "*int32"),
    ),
    "Value": (("tag", 1, "string"), ("simple_value", 2, "float"), ("tensor", 8, "Tensor")),
    "Summary": (("value", 1, "*Value"),),
    "SessionLog": (("status", 1, "int32"),),
    "Event": (
        ("wall_time", 1, "double"),
        ("step", 2, "int64"),
        ("file_version", 3, "string"),
        ("summary", 5, "Summary"),
        ("session_log", 7, "SessionLog"),
    ),
}


class Dim(Protocol):
    """One axis of a shape."""

    size: int


class Shape(Protocol):
    """A tensor's shape."""

    dim: list[Dim]


class Tensor(Protocol):
    """A tensor, as TensorFlow 2's writers store scalars."""

    dtype: int
    tensor_shape: Shape
    tensor_content: bytes
    float_val: list[float]
    double_val: list[float]
    int_val: list[int]
    int64_val: list[int]
    bool_val: list[bool]
    half_val: list[int]


class Value(Protocol):
    """One value of a summary: a scalar where ``simple_value`` or a one-element ``tensor`` is set."""

    tag: str
    simple_value: float
    tensor: Tensor

    def HasField(self, field_name: str) -> bool: ...


class Summary(Protocol):
    """The values written together."""

    value: list[Value]


class SessionLog(Protocol):
    """Start or end of a writer's session."""

    status: int


class Event(Protocol):
    """One record of an event file."""

    wall_time: float
    step: int
    file_version: str
    summary: Summary
    session_log: SessionLog

    def HasField(self, field_name: str) -> bool: ...


class EventType(Protocol):
    """The class of ``Event``."""

    def FromString(self, data: bytes) -> Event: ...


def event_type() -> EventType:
    """Build the parser of ``Event`` messages."""
    file = descriptor_pb2.FileDescriptorProto(name="torchtui/events.proto", package=PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            _add_field(message, field_name, number, kind)
    _add_choice(file, "Event", "what", ("file_version", "summary", "session_log"))
    _add_choice(file, "Value", "value", ("simple_value", "tensor"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return cast(EventType, message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Event")))


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number)
    repeated, plain = kind.startswith("*"), kind.removeprefix("*")
    field.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if plain[0].isupper():
        field.type, field.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{plain}"
    else:
        field.type = getattr(field, f"TYPE_{plain.upper()}")


def _add_choice(
    file: descriptor_pb2.FileDescriptorProto, message_name: str, choice: str, names: tuple[str, ...]
) -> None:
    """Make a oneof of fields, so that an absent scalar is told from 0."""
    message = next(each for each in file.message_type if each.name == message_name)
    message.oneof_decl.add(name=choice)
    for field in message.field:
        if field.name in names:
            field.oneof_index = 0


EVENT: EventType = event_type()
