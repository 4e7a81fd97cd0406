"""What can be known of a preset without running it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui.protocol.preset import (
    Knob,
    PresetError,
    PresetInfo,
    find_preset,
    nearest,
    parse_knob,
    parse_settings,
    preset_files,
    read_preset,
)

FUNCTIONS = "def data(): ...\ndef model(): ...\ndef loss(): ...\ndef optimizer(parameters): ...\n"


def written(tmp_path: Path, source: str, name: str = "mine.py") -> Path:
    path = tmp_path / name
    path.write_text(source, encoding="utf-8")
    return path


def read(tmp_path: Path, source: str) -> PresetInfo:
    return read_preset(written(tmp_path, source))


def error_of(path: Path) -> PresetError:
    with pytest.raises(PresetError) as caught:
        read_preset(path)
    assert str(path) in str(caught.value)
    return caught.value


def test_title_and_description_are_the_docstring(tmp_path: Path) -> None:
    info = read(tmp_path, '"""A title.\n\n    Indented,\n    twice.\n    """\n' + FUNCTIONS)
    assert (info.name, info.title, info.description) == ("mine", "A title.", "Indented,\ntwice.")
    assert read(tmp_path, FUNCTIONS).title == ""


def test_knobs_are_the_annotated_plain_values_with_their_comments(tmp_path: Path) -> None:
    info = read(
        tmp_path,
        "epochs: int = 10  # how often\n"
        "lr: float = 1e-3\n"
        "momentum: float = 1  #: between 0 and 1\n"
        "name: 'str' = 'a # b'\n"
        "nesterov: bool = True # yes\n"
        "low: float = -0.5\n"
        "plain = 3\n"
        "shape: tuple = (1, 2)\n"
        "later: int\n" + FUNCTIONS + "def f():\n    inner: int = 1\n",
    )
    assert info.knobs == (
        Knob("epochs", "int", 10, "how often", 1),
        Knob("lr", "float", 1e-3, "", 2),
        Knob("momentum", "float", 1.0, ": between 0 and 1", 3),
        Knob("name", "str", "a # b", "", 4),
        Knob("nesterov", "bool", True, "yes", 5),
        Knob("low", "float", -0.5, "", 6),
    )
    assert type(info.knob("momentum").default) is float


def test_contract_functions_may_be_imported_or_assigned(tmp_path: Path) -> None:
    source = (
        "from lib import data\nfrom torch.nn import MSELoss as loss\nmodel = object\ndef optimizer(p): ...\n"
    )
    assert read(tmp_path, source + "def helper(): ...\n").functions == {
        "data": 1,
        "loss": 2,
        "model": 3,
        "optimizer": 4,
    }


@pytest.mark.parametrize("name", ["data", "model", "loss", "optimizer"])
def test_a_missing_function_is_named_with_what_it_must_be(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, FUNCTIONS.replace(f"def {name}(", f"def other_{name}("))
    text = str(error_of(path))
    assert f"has no {name};" in text
    assert f"{name}(" in text


def test_a_syntax_error_has_its_line(tmp_path: Path) -> None:
    error = error_of(written(tmp_path, FUNCTIONS + "def broken(:\n    pass\n"))
    assert error.line == 5
    assert f"{error.path}:5: " in str(error)


@pytest.mark.parametrize(
    ("knob", "says"),
    [
        ("lr: float = 10 ** -3", "not an expression"),
        ("lr: float = some_name", "not an expression"),
        ("lr: int = {[]: 1}", "lr"),
        ("lr: int = 1.5", "annotated int"),
        ("lr: int = True", "annotated int"),
        ("lr: str = 3", "annotated str"),
        ("lr: bool = 1", "annotated bool"),
        ("lr: float = 'fast'", "annotated float"),
        ("lr: float = None", "annotated float"),
    ],
)
def test_a_knob_that_is_not_what_it_says_is_refused_with_its_line(
    tmp_path: Path, knob: str, says: str
) -> None:
    error = error_of(written(tmp_path, f'"""T."""\n{knob}\n{FUNCTIONS}'))
    assert error.line == 2
    assert says in str(error)
    assert "lr" in str(error)


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    binary = tmp_path / "binary.py"
    binary.write_bytes(b"x = '\xff\xfe'\n")
    assert "UTF-8" in str(error_of(binary))
    assert "No such file" in str(error_of(tmp_path / "gone.py"))
    assert "directory" in str(error_of(tmp_path)).lower()
    assert "not valid Python" in str(error_of(written(tmp_path, "x = '\0'\n")))


def test_a_byte_order_mark_is_python_too(tmp_path: Path) -> None:
    """Editors on Windows write one, and Python runs such a file."""
    path = tmp_path / "mine.py"
    path.write_bytes(b"\xef\xbb\xbf" + f'"""T."""\nlr: float = 0.1\n{FUNCTIONS}'.encode())
    compile(path.read_bytes(), str(path), "exec")
    assert read_preset(path).title == "T."


def test_of_a_knob_given_twice_the_last_holds_as_in_python(tmp_path: Path) -> None:
    info = read(tmp_path, "lr: float = 0.1\nlr: float = 0.2\n" + FUNCTIONS)
    assert [knob.default for knob in info.knobs] == [0.2]
    assert info.knob("lr").default == 0.2


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "12", 12), ("int", " -3 ", -3), ("int", "1_000", 1000), ("int", "1e4", 10_000), ("int", "2.5E1", 25),
        ("float", "1e-3", 1e-3), ("float", "3", 3.0), ("float", "inf", float("inf")),
        ("bool", "true", True), ("bool", "Off", False), ("bool", "0", False), ("bool", "YES", True),
        ("str", " as typed ", " as typed "), ("str", "", ""),
    ],
)  # fmt: skip
def test_typed_values_are_read_by_the_knobs_type(kind: str, text: str, value: object) -> None:
    found = parse_knob(Knob("k", kind, 0, "", 1), text)  # type: ignore[arg-type]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("int", "1.5"), ("int", "1e-3"), ("int", ""), ("int", "ten"), ("int", "1e999"), ("int", "nan"), ("int", "nane"),
     ("float", "fast"), ("float", "1,5"), ("bool", "maybe"), ("bool", "")],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused_with_what_would_fit(kind: str, text: str) -> None:
    with pytest.raises(PresetError) as caught:
        parse_knob(Knob("width", kind, 0, "", 1), text)  # type: ignore[arg-type]
    assert "width takes " in str(caught.value)
    assert repr(text) in str(caught.value)
    assert ("true or false" if kind == "bool" else f"{kind} such as") in str(caught.value)


def test_settings_are_read_against_the_knobs(tmp_path: Path) -> None:
    info = read(tmp_path, "epochs: int = 10\nlr: float = 0.1\nnote: str = ''\n" + FUNCTIONS)
    assert parse_settings(info, ["epochs=3", " lr =1e-2", "note=a=b"]) == {
        "epochs": 3,
        "lr": 0.01,
        "note": "a=b",
    }
    assert parse_settings(info, ["lr=1", "lr=2"]) == {"lr": 2.0}
    with pytest.raises(PresetError, match="did you mean 'epochs'"):
        parse_settings(info, ["epoch=3"])
    with pytest.raises(PresetError, match="epochs, lr, note"):
        parse_settings(info, ["zzz=3"])
    with pytest.raises(PresetError, match="NAME=VALUE"):
        parse_settings(info, ["epochs"])


def test_the_nearest_word_is_named_only_where_one_is_near() -> None:
    assert "'digits_cnn'" in nearest("digit_cnn", ["spiral_mlp", "digits_cnn"])
    assert nearest("qqq", ["spiral_mlp", "digits_cnn"]) == ""


def test_earlier_folders_shadow_later_ones_and_private_files_are_left_out(tmp_path: Path) -> None:
    mine, ours = tmp_path / "mine", tmp_path / "ours"
    for folder, names in ((mine, ("b", "_helper")), (ours, ("a", "b"))):
        folder.mkdir()
        for name in names:
            written(folder, FUNCTIONS, f"{name}.py")
    folders = [tmp_path / "absent", mine, ours]
    assert preset_files(folders) == [mine / "b.py", ours / "a.py"]
    assert find_preset("b", folders) == mine / "b.py"
    assert find_preset(str(ours / "b.py"), folders) == ours / "b.py"
    with pytest.raises(PresetError, match=r"'c'.*there are b, a"):
        find_preset("c", folders)
    with pytest.raises(PresetError, match="no file"):
        find_preset(str(ours / "c.py"), folders)
    with pytest.raises(PresetError, match="none"):
        find_preset("c", [tmp_path / "absent"])
