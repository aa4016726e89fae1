"""A box around every object, against torchvision's boxes, loops over cells, and answers that are known."""

from __future__ import annotations

import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as v2

import course_utils as cu
from course_utils.data.objects import ABSENT
from course_utils.losses import box_giou, heat_map_focal, heat_maps, owners
from course_utils.tasks.boxes import EVERY
from tests.tasks.scenes import CLASSES, SIDES, scene_view


def test_the_loss_is_the_focal_loss_of_heat_and_the_giou_loss_of_boxes() -> None:
    view = scene_view(cu.Boxes())
    heat = heat_maps(view.truth["box"], view.truth["box_label"], 2, 4, 4)
    expected = heat_map_focal(view.output.logits[:, :2], heat)
    expected += box_giou(view.output.logits[:, 2:], view.truth["box"], view.truth["box_label"])
    assert cu.Boxes().loss(view).item() == pytest.approx(expected.item())


def test_a_row_is_one_cell_with_the_class_of_its_owner() -> None:
    view = scene_view(cu.Boxes(), seed=2)
    torch.manual_seed(2)
    down, across = torch.randint(EVERY, (2,)).tolist()
    owner = owners(view.truth["box"], view.truth["box_label"], 4, 4)
    places = [(n, row, column) for n in range(6) for row in range(down, 4, EVERY) for column in range(across, 4, EVERY)]
    assert len(view.logits) == len(places)
    for i, (n, row, column) in enumerate(places):
        heat = view.output.logits[n, :2, row, column]
        assert torch.equal(view.logits[i], torch.cat((torch.zeros(1), heat)))
        assert torch.equal(view.features[i], view.output.features[n, :, 4 * row + 2, 4 * column + 2])
        mine = owner[n, row, column]
        assert view.labels[i] == (0 if mine < 0 else view.truth["box_label"][n, mine] + 1)
    assert (view.labels > 0).any() and scene_view(cu.Boxes(), labelled=False).labels is None


def test_kept_rows_have_the_classes_that_rows_tells() -> None:
    view = scene_view(cu.Boxes())
    kept = cu.Boxes().kept(view.output)
    rows = cu.Boxes().rows(kept, view.truth)
    owner = owners(view.truth["box"], view.truth["box_label"], 4, 4)[:, ::EVERY, ::EVERY].flatten(1)
    assert kept["logits"].shape == (6, 4, 3) and rows.shape == owner.shape
    assert torch.equal(rows == 0, owner < 0)


def moved(box: torch.Tensor, maps: torch.Tensor) -> dict[str, torch.Tensor]:
    there = {"box": box, "box_label": torch.zeros(box.shape[:2], dtype=torch.int64)}
    return cu.Boxes().moved(there, maps.repeat(len(box), 1, 1), (16, 16))


@pytest.mark.parametrize(("shift", "scale"), [((3, 0), 1.0), ((0, -2), 1.0), ((1, 2), 1.25), ((0, 0), 0.5)])
def test_boxes_go_where_torchvision_takes_them(shift: tuple[int, int], scale: float) -> None:
    box = torch.tensor([[[4.0, 5.0, 9.0, 8.0]], [[6.0, 6.0, 10.0, 12.0]]])
    maps = torch.cat((torch.eye(2) / scale, -torch.tensor(shift)[:, None] * 2 / 16 / scale), 1)
    for one, went in zip(box, moved(box, maps)["box"], strict=True):
        boxes = tv_tensors.BoundingBoxes(one, format="XYXY", canvas_size=(16, 16))
        expected = v2.affine(boxes, angle=0, translate=list(shift), scale=scale, shear=[0, 0])
        assert torch.allclose(went, expected.as_subclass(torch.Tensor).clamp(0, 16), atol=1e-4)


def test_a_quarter_turn_swaps_the_sides_of_a_box() -> None:
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0]])
    went = moved(torch.tensor([[[2.0, 4.0, 8.0, 6.0]]]), turn)["box"][0, 0]
    assert (went[2:] - went[:2]).tolist() == pytest.approx([2.0, 6.0])


def test_a_box_that_left_the_image_is_absent_and_one_that_half_left_is_cut() -> None:
    shift = torch.tensor([[1.0, 0.0, 8 * 2 / 16], [0.0, 1.0, 0.0]])
    found = moved(torch.tensor([[[0.0, 0.0, 8.0, 8.0], [4.0, 0.0, 12.0, 8.0], [7.0, 0.0, 8.5, 2.0]]]), shift)
    assert found["box_label"].tolist() == [[ABSENT, 0, 0 if 0.5 / 1.5 > 0.25 else ABSENT]]
    assert found["box"][0, 0].tolist() == [ABSENT] * 4 and found["box"][0, 1].tolist() == [0.0, 0.0, 4.0, 8.0]


def test_what_was_absent_stays_absent() -> None:
    view = scene_view(cu.Boxes())
    maps = torch.eye(3)[:2].repeat(6, 1, 1)
    found = cu.Boxes().moved({k: view.truth[k] for k in ("box", "box_label")}, maps, (16, 16))
    assert torch.equal(found["box"], view.truth["box"].float())
    assert torch.equal(found["box_label"], view.truth["box_label"])


def faultless(view, classes: int = 2) -> torch.Tensor:
    """Logits that say what is true: high heat in the cell of each middle, and the distances to the sides from there."""
    logits = torch.full((6, classes + 4, 4, 4), -9.0)
    for n in range(6):
        box, label = view.truth["box"][n, 0].double(), view.truth["box_label"][n, 0]
        column, row = ((box[:2] + box[2:]) / 2 // 4).long().tolist()
        x, y = (column + 0.5) * 4, (row + 0.5) * 4
        distances = torch.tensor([x - box[0], y - box[1], box[2] - x, box[3] - y]) / 4
        logits[n, label, row, column] = 9.0
        logits[n, classes:, row, column] = torch.log(torch.expm1(distances)).float()
    return logits


def test_a_faultless_detector_scores_one_and_one_that_confuses_the_classes_nothing() -> None:
    view = scene_view(cu.Boxes())
    logits = faultless(view)
    assert cu.Boxes().scores({"told": logits}, view.truth, CLASSES) == {"AP50": pytest.approx(1.0)}
    confused = logits[:, [1, 0, *range(2, 6)]]
    assert cu.Boxes().scores({"told": confused}, view.truth, CLASSES) == {"AP50": pytest.approx(0.0)}
    assert len(SIDES) == len(CLASSES)
