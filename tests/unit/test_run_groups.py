from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.protocol.metrics import split_of
from tui.protocol.run import DETAILS
from tui.widgets.run.groups import chart_groups

OURS = [
    "train/loss", "val/loss", "test/loss", "train/accuracy", "val/accuracy", "lr", "grad_norm", "samples_per_s",
    "grad_norm/fc.weight", "update_ratio/fc.weight", "time/data_ms", "time/forward_ms", "memory/allocated_bytes",
]  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "measured"),
    [
        ("train/loss", ("loss", "train")),
        ("val/top-1/class a", ("top-1/class a", "val")),
        ("Validation/Loss", ("Loss", "val")),
        ("val_loss", ("loss", "val")),
        ("train_acc_top1", ("acc_top1", "train")),
        ("Loss/train", ("Loss", "train")),
        ("Loss/val", ("Loss", "val")),
        ("Accuracy/Test", ("Accuracy", "test")),
        ("metrics/loss/valid", ("metrics/loss", "val")),
        ("loss_train", ("loss", "train")),
        ("top_1_eval", ("top_1", "val")),
        ("Loss_train/Loss", ("Loss", "train")),
        ("Loss_validation/Loss", ("Loss", "val")),
        ("/train", ("/train", "other")),
        ("_val", ("_val", "other")),
        ("loss", ("loss", "other")),
        ("training", ("training", "other")),
        ("train/", ("train/", "other")),
        ("trainer/loss", ("trainer/loss", "other")),
        ("valley_loss", ("valley_loss", "other")),
        ("lr", ("lr", "other")),
        ("", ("", "other")),
    ],
)
def test_what_a_tag_measures_and_on_which_data(tag: str, measured: tuple[str, str]) -> None:
    assert split_of(tag) == measured


def test_a_run_of_ours_has_loss_metric_rate_and_norm_on_its_first_page() -> None:
    groups = chart_groups(OURS)
    assert [group.title for group in groups[:4]] == ["loss", "accuracy", "lr", "grad_norm"]
    assert groups[0].tags == (("train/loss", "train"), ("val/loss", "val"), ("test/loss", "test"))
    assert [tag for group in groups for tag, _ in group.tags if tag.startswith(DETAILS)] == []
    assert groups[4].title == "samples_per_s"


def test_what_another_program_logged_has_charts_too() -> None:
    groups = chart_groups(["epoch", "train_loss_step", "val_loss", "train_loss", "hp_metric"])
    assert groups[0].title == "loss"
    assert groups[0].tags == (("train_loss", "train"), ("val_loss", "val"))
    assert {tag for group in groups for tag, _ in group.tags} == {
        "epoch", "train_loss_step", "val_loss", "train_loss", "hp_metric",
    }  # fmt: skip


@pytest.mark.parametrize(
    "tags",
    [
        ("Loss/train", "Loss/val"),
        ("Loss/train", "loss/val"),
        ("train_loss", "val_loss"),
        ("loss_train", "loss_val"),
        ("train/loss", "valid/loss"),
        ("train/loss", "eval/Loss"),
        ("Train/Loss", "TEST/loss"),
        ("Loss_train/Loss", "Loss_val/Loss"),
    ],
)
def test_training_and_evaluation_share_a_chart_however_they_are_called(tags: tuple[str, str]) -> None:
    [group] = chart_groups(tags)
    assert {tag for tag, _ in group.tags} == set(tags)
    assert group.tags[0][1] == "train"
    assert group.title.lower() == "loss"


def test_a_chart_of_ours_keeps_its_title_beside_those_of_others() -> None:
    assert [group.title for group in chart_groups(["Loss/train", "train/loss", "val/loss"])] == ["loss"]


@given(st.sets(st.one_of(st.text(max_size=12), st.sampled_from(OURS)), max_size=12))
def test_every_tag_is_in_one_chart_and_the_order_is_its_own(tags: set[str]) -> None:
    groups = chart_groups(tags)
    assert groups == chart_groups(sorted(tags, reverse=True))
    shown = [tag for group in groups for tag, _ in group.tags]
    assert sorted(shown) == sorted(tag for tag in tags if not tag.startswith(DETAILS))
    assert len({group.title for group in groups}) == len(groups)


def test_there_may_be_nothing() -> None:
    assert chart_groups([]) == []
