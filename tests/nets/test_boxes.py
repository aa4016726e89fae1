"""The anchor-free head and what is read off it, against loops over cells and boxes."""

from __future__ import annotations

import math

import pytest
import torch

from course_utils import losses, nets
from course_utils.nets.boxes import boxes_at

CLASSES = ("a", "b", "c")


def logits(n: int = 2, height: int = 5, width: int = 6, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(n, 3 + 4, height, width, generator=torch.Generator().manual_seed(seed))


def test_a_detector_has_a_heat_map_for_each_class_and_four_distances_at_a_quarter_of_the_size() -> None:
    output = nets.detector(3, CLASSES)(torch.rand(2, 3, 24, 16))
    assert output.features.shape == (2, 16, 24, 16) and output.logits.shape == (2, 7, 6, 4)


def test_a_fresh_head_guesses_one_percent_on_average() -> None:
    """Row of the paper's section 4.1 (Lin et al. 2017): else the first steps only teach that nothing is there."""
    head = nets.AnchorFree(16, 3)
    assert head[-1].bias[:3].sigmoid().tolist() == pytest.approx([0.01] * 3)
    heat = head.eval()(torch.zeros(1, 16, 8, 8))[:, :3].sigmoid()
    assert heat.min() > 0.001 and heat.max() < 0.1


def test_a_cells_box_reaches_from_its_middle_as_far_as_the_four_numbers_say() -> None:
    raw = logits()[:, 3:]
    found = boxes_at(raw)
    for row in range(5):
        for column in range(6):
            left, top, right, bottom = (4 * math.log1p(math.exp(z)) for z in raw[1, :, row, column].tolist())
            x, y = 4 * column + 2, 4 * row + 2
            assert found[1, :, row, column].tolist() == pytest.approx(
                [x - left, y - top, x + right, y + bottom], rel=1e-5
            )


def overlap(one, other):
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    area = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return across * down / (area - across * down)


def detections_by_loops(z, least, overlapping):
    """Greedy suppression: the surest first, and nothing of its class that overlaps it by more."""
    boxes = boxes_at(z[None, 3:])[0]
    candidates = []
    for label in range(3):
        for row in range(z.shape[1]):
            for column in range(z.shape[2]):
                score = 1 / (1 + math.exp(-z[label, row, column].item()))
                left, top, right, bottom = boxes[:, row, column].tolist()
                width, height = 4 * z.shape[2], 4 * z.shape[1]
                box = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
                if score >= least:
                    candidates.append((score, label, box))
    kept = []
    for score, label, box in sorted(candidates, reverse=True):
        if not any(label == other and overlap(box, taken) > overlapping for _, other, taken in kept):
            kept.append((score, label, box))
    return kept


@pytest.mark.parametrize("overlapping", [0.1, 0.3])
def test_detections_equal_greedy_suppression_in_loops(overlapping: float) -> None:
    z = logits()
    for found, one in zip(nets.detections(z, least=0.4, overlap=overlapping), z, strict=True):
        expected = detections_by_loops(one, 0.4, overlapping)
        assert 3 < len(expected) < (one[:3].sigmoid() >= 0.4).sum(), "some are suppressed"
        assert found["labels"].tolist() == [label for _, label, _ in expected]
        torch.testing.assert_close(found["scores"], torch.tensor([score for score, _, _ in expected]))
        torch.testing.assert_close(found["boxes"], torch.tensor([box for _, _, box in expected]), atol=1e-4, rtol=1e-4)


def test_where_nothing_is_sure_nothing_is_found() -> None:
    (found,) = nets.detections(torch.full((1, 7, 5, 6), -9.0))
    assert found["boxes"].shape == (0, 4) and len(found["scores"]) == len(found["labels"]) == 0


def test_a_head_that_says_what_it_was_taught_gives_the_boxes_back() -> None:
    """From boxes to heat and distances and back: both sides of the detector speak of the same pixels."""
    box = torch.tensor([[[2, 1, 13, 20], [14, 9, 18, 23], [-1, -1, -1, -1]]])
    label = torch.tensor([[2, 0, -1]])
    heat = losses.heat_maps(box, label, 3, 6, 6)
    owner = losses.owners(box, label, 6, 6)[0]
    x, y = 4.0 * torch.arange(6) + 2, 4.0 * torch.arange(6)[:, None] + 2
    wanted = box[0, owner.clamp(min=0)].float()
    distances = torch.stack((x - wanted[..., 0], y - wanted[..., 1], wanted[..., 2] - x, wanted[..., 3] - y))
    raw = (distances.clamp(min=1e-6) / 4).expm1().log()
    (found,) = nets.detections(torch.cat((heat.logit(1e-4), raw[None]), 1), least=0.5)
    order = found["labels"].argsort(descending=True)
    assert found["labels"][order].tolist() == [2, 0]
    torch.testing.assert_close(found["boxes"][order], box[0, :2].float(), atol=1e-3, rtol=0)
