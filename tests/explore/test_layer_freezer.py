"""Parts of a net: counted by hand, chosen by name."""

from __future__ import annotations

import pytest
import traitlets
from torch import nn

import course_utils as cu
from course_utils.explore import layer_freezer
from tests.explore.siblings import layer_freezer as toy

NET = cu.nets.small_cnn(1, ("a", "b"), size=16, width=8)
# 5x5 kernels without a bias, a scale and a shift a channel; 4 x 4 places are left of 16 px; a head with a bias
BACKBONE, BOTTLENECK, HEAD = 25 * 16 + 2 * 16 + 25 * 16 * 32 + 2 * 32, 32 * 16 * 8 + 2 * 8, 8 * 2 + 2


def test_the_parts_have_the_parameters_that_one_counts_on_paper() -> None:
    counts = {part["name"]: part["parameters"] for part in toy().header["parts"]}
    assert counts == {"backbone": BACKBONE, "bottleneck": BOTTLENECK, "head": HEAD}
    assert list(counts) == ["backbone", "bottleneck", "head"]


def test_the_present_choice_counts_its_own_parts() -> None:
    explorer = toy()
    assert explorer.trainable == ["head"], "the cheapest choice comes first"
    explorer.trainable = ["head", "bottleneck"]
    assert explorer.trainable == ["bottleneck", "head"] and explorer.parameters == BOTTLENECK + HEAD
    explorer.trainable = []
    assert explorer.parameters == 0


def test_choices_are_ordered_by_what_they_train_and_named_by_it() -> None:
    explorer = layer_freezer(NET, {("head", "bottleneck", "backbone"): [0.9], (): [0.1, 0.2], ("head",): [0.5]})
    assert [run["label"] for run in explorer.header["runs"]] == ["nothing", "head", "everything"]
    assert "nothing 0.15 (0.10 to 0.20, 2 seeds)" in explorer.text()


def test_blocks_of_a_backbone_may_be_parts() -> None:
    first, second = NET.backbone[0], NET.backbone[1]
    explorer = layer_freezer(NET, {("block 2",): [0.5]}, parts={"block 1": first, "block 2": second})
    assert [part["parameters"] for part in explorer.header["parts"]] == [25 * 16 + 32, 25 * 16 * 32 + 64]
    with pytest.raises(ValueError, match="share weights"):
        layer_freezer(NET, {}, parts={"block 1": first, "backbone": NET.backbone})


def test_a_part_without_weights_is_no_choice() -> None:
    explorer = layer_freezer(cu.nets.feature_net(5, ("a", "b")), {})
    assert [part["name"] for part in explorer.header["parts"]] == ["bottleneck", "head"]
    assert explorer.trainable == [] and "no run was made" in explorer.text()


def test_a_misspelt_part_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"has not: 'haed'. Did you mean 'head'"):
        layer_freezer(NET, {("haed",): [0.5]})
    with pytest.raises(traitlets.TraitError, match=r"no part 'botleneck'. Did you mean 'bottleneck'"):
        toy().trainable = ["botleneck"]


def test_batch_norm_s_statistics_are_mentioned_only_where_there_are_any() -> None:
    assert "running statistics" in toy().header["note"]
    linear = cu.nets.Net(*(nn.Linear(2, 2) for _ in range(3)), width=2, classes=("a", "b"))
    assert layer_freezer(linear, {}).header["note"] == ""
