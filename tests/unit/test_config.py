from __future__ import annotations

from pathlib import Path

import pytest

from tui.config import Config, ConfigError, read_config


def read(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return read_config(path)


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHTUI_HOME", str(tmp_path))
    assert read_config() == Config()
    (tmp_path / "config.toml").write_text('theme = "torchtui-light"\n')
    assert read_config() == Config(theme="torchtui-light")


def test_what_is_set_replaces_the_default(tmp_path: Path) -> None:
    text = 'theme = "nord"\npython = "/opt/envs/train/bin/python"\nidle_hours = 2\n'
    config = read(tmp_path, text)
    assert config == Config("nord", "/opt/envs/train/bin/python", 2.0)
    assert type(config.idle_hours) is float


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("theem = 'x'\n", "'theem'.*'theme'"),
        ("[colours]\nred = 1\n", "colours"),
        ("theme = 3\n", "theme takes a str, got 3"),
        ("idle_hours = '8'\n", "idle_hours takes a float"),
        ("idle_hours = true\n", "idle_hours takes a float"),
        ("python = ['a']\n", "python takes a str"),
        ("theme = \n", "line 1"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "config.toml") in str(caught.value)


def test_what_is_no_text_is_named_too(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"config\.toml"):
        read_config(path)
    with pytest.raises(ConfigError):
        read_config(tmp_path)
