"""A wheel built from the tree, installed where the tree cannot be seen, has everything that it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRESETS = sorted(path.stem for path in (ROOT / "presets").glob("*.py"))


def shipped() -> set[str]:
    """Every file of the tree that belongs in a wheel, by its path in the wheel."""
    names = set()
    for folder, inside in (("tui", "tui"), ("screens", "screens"), ("presets", "tui/presets")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                names.add(f"{inside}/{path.relative_to(ROOT / folder).as_posix()}")
    return names


def build(kind: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it and our dependencies in reach, but not our editable install.

    A folder named in a .pth file is searched for packages; the .pth files in it (the editable install is one)
    are not read.
    """
    folder = tmp_path_factory.mktemp("clean") / "env"
    venv.create(folder, with_pip=False, symlinks=True)
    python = str(folder / "bin" / "python")
    install = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "--python", python]
    subprocess.run([*install, "install", "--no-deps", "--no-index", str(wheel)], check=True, timeout=100)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (site_packages / "dependencies.pth").write_text("\n".join(here) + "\n")
    return folder


def run(command: list[str], folder: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    clean["TORCHTUI_HOME"] = str(folder / "home")
    done = subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, timeout=100, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_tree_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == shipped()
    suffixes = {Path(name).suffix for name in names}
    assert {".py", ".tcss", ".gz", ".csv"} <= suffixes


def test_the_wheel_says_how_to_start_it_and_under_what_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        about = [name for name in archive.namelist() if ".dist-info/" in name]
        texts = {Path(name).name: archive.read(name).decode() for name in about}
    assert "torchtui = tui.cli:main" in texts["entry_points.txt"]
    assert "License-Expression: MIT" in texts["METADATA"]
    assert "The torchtui authors" in texts["LICENSE"]


def test_the_source_distribution_holds_what_building_and_testing_need(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"Makefile", "constraints.txt", "pyproject.toml", "LICENSE", "CHANGELOG.md", "README.md"} <= names
    assert {"tests/e2e/test_wheel.py", "presets/data/digits.csv.gz", "screens/tensors.tcss"} <= names


def test_a_clean_install_imports_itself_and_not_the_tree(environment: Path, tmp_path: Path) -> None:
    code = "import tui, screens, textual; print(tui.__file__, screens.__file__, textual.__file__, sep='\\n')"
    ours, theirs, dependency = run([str(environment / "bin" / "python"), "-c", code], tmp_path).split()
    assert Path(ours).is_relative_to(environment)
    assert Path(theirs).is_relative_to(environment)
    assert Path(dependency).is_relative_to(sysconfig.get_path("purelib"))


def test_a_clean_install_finds_its_presets(environment: Path, tmp_path: Path) -> None:
    listed = json.loads(run([str(environment / "bin" / "torchtui"), "presets", "--json"], tmp_path))
    assert sorted(preset["name"] for preset in listed) == PRESETS
    for preset in listed:
        assert Path(preset["path"]).is_relative_to(environment)


def test_a_preset_of_a_clean_install_finds_its_data(environment: Path, tmp_path: Path) -> None:
    (path,) = environment.glob("lib/python*/site-packages/tui/presets/digits_cnn.py")
    code = "import runpy, sys; data = runpy.run_path(sys.argv[1])['data']; "
    code += "print(*(len(loader.dataset) for loader in data().values()))"
    sizes = run([str(environment / "bin" / "python"), "-c", code, str(path)], tmp_path)
    assert [int(size) for size in sizes.split()] == [4 * 1257, 180, 360]
