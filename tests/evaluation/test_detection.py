"""Average precision by the COCO tools, against a loop over the sorted answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from course_utils.evaluation import average_precision


def by_hand(found, box, box_label, classes: int, overlap: float = 0.5) -> float:
    """COCO's rule, one answer at a time: the surest first, each on the best box that is still free."""
    precisions = []
    for c in range(classes):
        truth = [box[n][box_label[n] == c].double() for n in range(len(box))]
        if not (count := sum(map(len, truth))):
            continue
        answers = sorted(
            ((score.item(), n, corners) for n, of in enumerate(found) for corners, score, label in zip(
                of["boxes"].double(), of["scores"], of["labels"], strict=True) if label == c),
            key=lambda answer: -answer[0],
        )  # fmt: skip
        taken, right = set(), []
        for _, n, corners in answers:
            overlaps = box_iou(corners[None], truth[n])[0] if len(truth[n]) else torch.zeros(0)
            free = [(o.item(), i) for i, o in enumerate(overlaps) if o >= overlap and (n, i) not in taken]
            if free:
                taken.add((n, max(free)[1]))
            right.append(bool(free))
        hits = np.cumsum(right)
        recall, precision = hits / count, hits / np.arange(1, len(right) + 1)
        at = [max([p for p, r in zip(precision, recall, strict=True) if r >= level], default=0.0)
              for level in np.linspace(0, 1, 101)]  # fmt: skip
        precisions.append(np.mean(at))
    return float(np.mean(precisions))


def scene(seed: int, images: int = 12, classes: int = 3):
    rng = torch.Generator().manual_seed(seed)
    corner = torch.rand(images, 3, 2, generator=rng) * 40
    box = torch.cat((corner, corner + 8 + torch.rand(images, 3, 2, generator=rng) * 12), 2)
    label = torch.randint(-1, classes, (images, 3), generator=rng)
    box[label < 0] = -1
    found = []
    for n in range(images):
        there = label[n] >= 0
        near = box[n][there] + torch.randn(int(there.sum()), 4, generator=rng) * 1.5
        noise = torch.rand(2, 2, generator=rng) * 30
        boxes = torch.cat((near, near + 1, torch.cat((noise, noise + 10), 1)))
        labels = torch.cat((label[n][there], label[n][there], torch.randint(classes, (2,), generator=rng)))
        found.append({"boxes": boxes, "scores": torch.rand(len(boxes), generator=rng), "labels": labels})
    return found, box, label


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("overlap", [0.5, 0.75])
def test_it_is_the_mean_precision_at_101_recalls(seed: int, overlap: float) -> None:
    found, box, label = scene(seed)
    expected = by_hand(found, box, label, 3, overlap)
    assert 0.05 < expected < 0.95
    assert average_precision(found, box, label, "abc", overlap) == pytest.approx(expected, abs=1e-9)


def test_a_wrong_rule_would_be_noticed() -> None:
    found, box, label = scene(0)
    assert average_precision(found, box, label, "abc", 0.5) != pytest.approx(by_hand(found, box, label, 3, 0.75))


def test_no_answer_is_worth_nothing_and_no_object_cannot_be_scored() -> None:
    nothing = {"boxes": torch.zeros(0, 4), "scores": torch.zeros(0), "labels": torch.zeros(0, dtype=torch.int64)}
    _, box, label = scene(0)
    assert average_precision([nothing] * 12, box, label, "abc") == 0
    assert np.isnan(average_precision([nothing] * 12, box, torch.full_like(label, -1), "abc"))


def test_answers_for_other_images_are_refused() -> None:
    found, box, label = scene(0)
    with pytest.raises(ValueError, match="11 answers for 12 images"):
        average_precision(found[1:], box, label, "abc")
