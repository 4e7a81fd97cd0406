"""What the user set in ``config.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

from tui import paths
from tui.protocol.preset import nearest


class ConfigError(ValueError):
    """``config.toml`` cannot be used; the message says which line or key and what would be right."""

    exit_code = 2
    """It is wrong usage: the command line exits with this."""


@dataclass(frozen=True)
class Config:
    """The settings, with what holds where the file says nothing."""

    theme: str = "torchtui-dark"
    """``torchtui-dark``, ``torchtui-light``, ``torchtui-colorblind``, or a theme of Textual's."""
    python: str = ""
    """Path of the kernel's interpreter; empty: the one that runs torchtui."""
    idle_hours: float = 8.0
    """Hours after which a session that nobody uses ends itself."""


def read_config(path: Path | None = None) -> Config:
    """Read the configuration.

    Raises:
        ConfigError: the file is no TOML, or a key is unknown or of the wrong type.
    """
    path = path or paths.config_home() / "config.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    kinds = get_type_hints(Config)
    for key, value in data.items():
        if key not in kinds:
            raise ConfigError(
                f"{path}: unknown setting {key!r}{nearest(key, [field.name for field in fields(Config)])}"
            )
        if kinds[key] is float and isinstance(value, int) and not isinstance(value, bool):
            data[key] = float(value)
        elif type(value) is not kinds[key]:
            raise ConfigError(f"{path}: {key} takes a {kinds[key].__name__}, got {value!r}")
    return Config(**data)
