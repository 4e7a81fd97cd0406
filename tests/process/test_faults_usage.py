"""What was asked for wrongly is said in a line or two, with the nearest right thing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.terminal import Home, home_in


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home_in(tmp_path_factory.mktemp("usage")) as made:
        made.preset("tiny", folder=made.folder / "presets")
        yield made


WRONG = {
    "unknown knob": (("train", "tiny", "--set", "epoch=3"), ("no knob 'epoch'", "did you mean 'epochs'?")),
    "word for a whole number": (("train", "tiny", "--set", "epochs=many"), ("epochs takes int", "'many'")),
    "fraction for a whole number": (("train", "tiny", "--set", "epochs=1.5"), ("epochs takes int", "'1.5'")),
    "word for a number": (("train", "tiny", "--set", "lr=fast"), ("lr takes float such as 1e-3", "'fast'")),
    "no value": (("train", "tiny", "--set", "lr"), ("--set takes NAME=VALUE", "'lr'")),
    "unknown preset": (("train", "digits_cn"), ("no preset 'digits_cn'", "did you mean 'digits_cnn'?")),
    "unknown preset of ours": (("train", "tinny"), ("no preset 'tinny'", "did you mean 'tiny'?")),
    "missing file": (("train", "nowhere/net.py"), ("there is no file nowhere/net.py",)),
    "no preset at all": (("train",), ("a preset or a FILE.py", "torchtui presets")),
    "run to resume": (("train", "--resume", "nothing"), ("no run 'nothing'",)),
    "unknown session": (("stop", "abcdef"), ("no live session 'abcdef'",)),
    "unknown command": (("trian",), ("trian", "train")),
    "unknown option": (("train", "tiny", "--epoch", "3"), ("--epoch", "--epochs")),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_exits_2_and_names_the_nearest(home: Home, case: str) -> None:
    arguments, words = WRONG[case]
    done = home.run(*arguments)
    assert done.returncode == 2, done.stderr
    for word in words:
        assert word in done.stderr
    assert 1 <= len(done.stderr.splitlines()) <= 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert home.folders() == []
    assert home.sessions() == []


@pytest.mark.parametrize("command", [(), ("watch",), ("attach",)], ids=["torchtui", "watch", "attach"])
def test_an_app_without_a_terminal_says_so_and_exits_2(home: Home, command: tuple[str, ...]) -> None:
    done = home.run(*command)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert home.sessions() == []


def test_cuda_where_there_is_none_is_refused_before_a_run_is_made(home: Home) -> None:
    done = home.run("train", "tiny", "--device", "cuda", "--headless")
    assert done.returncode == 1
    assert "CUDA" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert home.folders() == []
    home.wait_for_no_session()


def test_a_device_that_there_is_not_is_wrong_usage(home: Home) -> None:
    done = home.run("train", "tiny", "--device", "gpu", "--headless")
    assert done.returncode == 2
    assert "'gpu'" in done.stderr
    assert "cuda" in done.stderr
    assert home.folders() == []
