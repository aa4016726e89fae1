"""Labels under augmentation, on a net and images of which the answer is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import course_utils as cu
from course_utils.data.domain import Part, SealedLabelsError
from course_utils.evaluation import label_changes
from course_utils.nets import Net
from tests.toys import toy_domain

CLASSES = ("left", "right", "neither")


def sides() -> Part:
    """Bright on the left, bright on the right, or bright nowhere; two images of the left are labelled wrongly."""
    domain = toy_domain(n=30)
    labels = np.arange(30) % 3
    images = np.zeros((30, 1, 16, 16), np.uint8)
    images[labels == 0, :, :, :8] = 200
    images[labels == 1, :, :, 8:] = 200
    labels[[0, 3]] = 1
    domain = dataclasses.replace(domain, images=images, targets={"label": labels}, classes=CLASSES)
    return Part(domain, "all", np.arange(30))


def seer() -> Net:
    """A net that looks at the brightness of the two halves."""
    head = nn.Linear(2, 3)
    head.weight.data = torch.tensor([[9.0, -9], [-9, 9], [0, 0]])
    head.bias.data = torch.tensor([-1.0, -1, 1])
    return Net(nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), head, 2, CLASSES, mean=(0.0,), std=(1.0,))


def mirrored(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return images.flip(3) / 255


def test_a_flip_turns_left_into_right_and_leaves_neither() -> None:
    table = label_changes(seer(), sides(), mirrored)
    assert list(table.index) == list(table.columns) == list(CLASSES)
    assert table.to_numpy().tolist() == [[0, 8, 0], [10, 0, 0], [0, 0, 10]]


def test_an_augmentation_that_changes_nothing_changes_no_label_of_the_images_known() -> None:
    assert label_changes(seer(), sides(), cu.Augment()).to_numpy().tolist() == [[8, 0, 0], [0, 10, 0], [0, 0, 10]]


def test_the_seed_decides_the_draw_and_the_net_keeps_its_mode() -> None:
    net, turned = seer().train(), cu.Augment(rotation=180)
    first, again, other = (label_changes(net, sides(), turned, seed) for seed in (0, 0, 1))
    assert first.equals(again) and not first.equals(other) and net.training


def test_sealed_labels_stay_sealed() -> None:
    with pytest.raises(SealedLabelsError):
        label_changes(seer(), dataclasses.replace(sides(), sealed=True), mirrored)
