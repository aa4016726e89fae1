"""What a detector learns from boxes, against loops over cells and boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_utils import losses
from course_utils.nets.boxes import boxes_at

CLASSES, HEIGHT, WIDTH = 3, 5, 6  # of 20 x 24 px
NOTHING = [-1, -1, -1, -1]
BOX = torch.tensor(
    [
        [[1, 2, 9, 18], [13, 4, 15, 12], [16, 13, 23, 19]],
        [[0, 0, 24, 20], NOTHING, NOTHING],
        [NOTHING, NOTHING, NOTHING],
    ]
)
LABEL = torch.tensor([[0, 2, 2], [1, -1, -1], [-1, -1, -1]])


def objects(image):
    return [(o, *BOX[image, o].tolist(), LABEL[image, o].item()) for o in range(3) if LABEL[image, o] >= 0]


def cells():
    return [(r, c, 4 * c + 2, 4 * r + 2) for r in range(HEIGHT) for c in range(WIDTH)]


def heat_by_loops(image):
    heat = np.zeros((CLASSES, HEIGHT, WIDTH))
    for _, left, top, right, bottom, label in objects(image):
        peak_x, peak_y = 4 * ((left + right) // 2 // 4) + 2, 4 * ((top + bottom) // 2 // 4) + 2
        for row, column, x, y in cells():
            d2 = ((x - peak_x) / ((right - left) / 6)) ** 2 + ((y - peak_y) / ((bottom - top) / 6)) ** 2
            heat[label, row, column] = max(heat[label, row, column], math.exp(-d2 / 2))
    return heat


def owners_by_loops(image):
    owner = np.full((HEIGHT, WIDTH), -1)
    by_size = sorted(objects(image), key=lambda o: -(o[3] - o[1]) * (o[4] - o[2]))
    for o, left, top, right, bottom, _ in by_size:
        for row, column, x, y in cells():
            middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
            holds = column == middle_x // 4 and row == middle_y // 4
            inside = abs(x - middle_x) < (right - left) / 4 and abs(y - middle_y) < (bottom - top) / 4
            if holds or inside:
                owner[row, column] = o
    return owner


def test_heat_maps_equal_the_loop_over_objects_and_cells() -> None:
    heat = losses.heat_maps(BOX, LABEL, CLASSES, HEIGHT, WIDTH)
    for image in range(3):
        np.testing.assert_allclose(heat[image], heat_by_loops(image), atol=1e-6)
    assert (heat == 1).sum() == 4 and heat[2].sum() == 0


def test_owners_equal_the_loop_over_objects_and_cells() -> None:
    owner = losses.owners(BOX, LABEL, HEIGHT, WIDTH)
    for image in range(3):
        np.testing.assert_array_equal(owner[image], owners_by_loops(image))
    assert set(owner[0].unique().tolist()) == {-1, 0, 1, 2}, "each object owns a cell, the thin one too"


def test_of_two_objects_the_smaller_owns_the_cell() -> None:
    box = torch.tensor([[[0, 0, 24, 20], [8, 8, 12, 12]], [[8, 8, 12, 12], [0, 0, 24, 20]]])
    owner = losses.owners(box, torch.zeros(2, 2, dtype=torch.long), HEIGHT, WIDTH)
    assert (owner[0, 2, 2], owner[1, 2, 2]) == (1, 0)


def focal_by_loops(logits, heat):
    total = 0.0
    for place in np.ndindex(*heat.shape):
        p = 1 / (1 + math.exp(-logits[place].item()))
        if heat[place] == 1:
            total += (1 - p) ** 2 * math.log(p)
        else:
            total += (1 - heat[place].item()) ** 4 * p**2 * math.log(1 - p)
    return -total / max(int((heat == 1).sum()), 1)


def some_logits(channels, seed=0):
    shape = 3, channels, HEIGHT, WIDTH
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_focal_loss_equals_the_loop_written_from_the_paper() -> None:
    heat = losses.heat_maps(BOX, LABEL, CLASSES, HEIGHT, WIDTH).double()
    logits = some_logits(CLASSES)
    assert losses.heat_map_focal(logits, heat).item() == pytest.approx(focal_by_loops(logits, heat), rel=1e-9)


def test_images_without_objects_teach_that_nothing_is_there() -> None:
    logits = some_logits(CLASSES)[2:].requires_grad_()
    heat = losses.heat_maps(BOX[2:], LABEL[2:], CLASSES, HEIGHT, WIDTH).double()
    loss = losses.heat_map_focal(logits, heat)
    loss.backward()
    assert loss.item() == pytest.approx(focal_by_loops(logits, heat), rel=1e-9) and (logits.grad > 0).all()
    raw = some_logits(4)[2:].requires_grad_()
    nothing = losses.box_giou(raw, BOX[2:], LABEL[2:])
    nothing.backward()
    assert nothing.item() == 0 and (raw.grad == 0).all()


def test_the_focal_loss_is_finite_where_a_wrong_logit_is_far_out() -> None:
    logits = torch.tensor([-200.0, 200.0]).reshape(1, 1, 1, 2).requires_grad_()
    loss = losses.heat_map_focal(logits, torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2))
    loss.backward()
    assert loss.item() == pytest.approx(400) and torch.isfinite(logits.grad).all()


def giou_by_hand(one, other):
    """1 - GIoU of two boxes, from the areas."""
    area = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    across = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    union = sum(area) - across * down
    hull = (max(one[2], other[2]) - min(one[0], other[0])) * (max(one[3], other[3]) - min(one[1], other[1]))
    return 1 - (across * down / union - (hull - union) / hull)


def test_the_box_loss_equals_the_loop_over_the_cells_that_own_an_object() -> None:
    raw, terms = some_logits(4, seed=1), []
    for image in range(3):
        owner = owners_by_loops(image)
        for row, column, x, y in cells():
            if owner[row, column] >= 0:
                left, top, right, bottom = (4 * math.log1p(math.exp(z)) for z in raw[image, :, row, column].tolist())
                found = x - left, y - top, x + right, y + bottom
                terms.append(giou_by_hand(found, BOX[image, owner[row, column]].tolist()))
    assert losses.box_giou(raw, BOX, LABEL).item() == pytest.approx(sum(terms) / len(terms), rel=1e-6)


def test_boxes_told_exactly_cost_nothing() -> None:
    owner = losses.owners(BOX, LABEL, HEIGHT, WIDTH)
    wanted = torch.stack([box[o.clamp(min=0)] for box, o in zip(BOX.double(), owner, strict=True)])
    x, y = 4 * torch.arange(WIDTH) + 2, 4 * torch.arange(HEIGHT)[:, None] + 2
    distances = [x - wanted[..., 0], y - wanted[..., 1], wanted[..., 2] - x, wanted[..., 3] - y]
    raw = (torch.stack(distances, 1).clamp(min=1e-9) / 4).expm1().log()  # the inverse of softplus
    there = (owner >= 0)[:, None].expand_as(raw)
    torch.testing.assert_close(boxes_at(raw)[there], wanted.movedim(3, 1)[there])
    assert losses.box_giou(raw, BOX, LABEL).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["focal", "boxes"])
def test_gradients_agree_with_finite_differences(name: str) -> None:
    heat = losses.heat_maps(BOX, LABEL, CLASSES, HEIGHT, WIDTH).double()
    loss = {
        "focal": lambda z: losses.heat_map_focal(z, heat),
        "boxes": lambda z: losses.box_giou(z, BOX, LABEL),
    }[name]
    assert torch.autograd.gradcheck(loss, some_logits({"focal": CLASSES, "boxes": 4}[name]).requires_grad_())


def test_the_loss_under_autocast_is_the_float32_loss() -> None:
    heat = losses.heat_maps(BOX, LABEL, CLASSES, HEIGHT, WIDTH)
    logits, raw = some_logits(CLASSES).float(), some_logits(4).float()
    plain = losses.heat_map_focal(logits, heat) + losses.box_giou(raw, BOX, LABEL)
    with torch.autocast("cpu", torch.bfloat16):
        inside = losses.heat_map_focal(logits, heat) + losses.box_giou(raw, BOX, LABEL)
    assert inside.dtype == torch.float32 and inside.item() == pytest.approx(plain.item(), abs=1e-5)
