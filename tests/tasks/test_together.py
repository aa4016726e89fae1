"""Several tasks over one trunk say what each would say alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import course_utils as cu
from course_utils.nets import Output
from tests.tasks.scenes import CLASSES, scene_view

TOGETHER = cu.Tasks((cu.Labels(), cu.Boxes(), cu.Masks()))


def test_each_head_answers_as_it_would_alone() -> None:
    torch.manual_seed(0)
    net = TOGETHER.net((1, 16, 16), CLASSES).eval()
    with torch.no_grad():
        features, logits = net(torch.rand(3, 1, 16, 16))
        alone = [head(features).flatten(1) for head in net.head]
    assert torch.equal(logits, torch.cat(alone, 1))
    assert [n.shape[1] for n in alone] == [2, 6 * 16, 3 * 256] and logits.shape[1:] == TOGETHER.shape(2, (16, 16))


def test_each_loss_is_that_of_the_task_alone_on_its_own_numbers() -> None:
    view = scene_view(TOGETHER)
    numbers = view.output.logits.split([2, 6 * 16, 3 * 256], 1)
    losses = TOGETHER.losses(view)
    assert list(losses) == ["label", "box", "mask"] == list(TOGETHER.names)
    for part, piece in zip(TOGETHER.parts, numbers, strict=True):
        own = dataclasses.replace(
            view, output=Output(view.output.features, piece.view(6, *part.shape(2, (16, 16)))), logits=piece
        )
        assert torch.equal(losses[part.names[0]], part.loss(own))
    assert torch.equal(TOGETHER.loss(view), sum(losses.values()))


def test_the_scores_are_those_of_every_part() -> None:
    view = scene_view(TOGETHER)
    truth = view.truth | {"label": view.labels}
    kept = TOGETHER.kept(view.output)
    scores = TOGETHER.scores(kept, truth, CLASSES)
    assert list(scores) == ["accuracy", "AP50", "mIoU"]
    right = (view.output.logits[:, :2].argmax(1) == view.labels).double().mean().item()
    assert scores["accuracy"] == pytest.approx(right)
    mask = Output(view.output.features, view.output.logits[:, -3 * 256 :].view(6, 3, 16, 16))
    assert scores["mIoU"] == cu.Masks().scores(cu.Masks().kept(mask), truth, CLASSES)["mIoU"]
    assert torch.equal(TOGETHER.rows(kept, truth), view.labels)


@pytest.mark.parametrize("parts", [(), (cu.Masks(), cu.Masks())])
def test_no_task_or_the_same_twice_is_refused(parts: tuple) -> None:
    with pytest.raises(ValueError, match="one task or more, each of them once"):
        cu.Tasks(parts)
