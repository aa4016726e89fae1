"""A class for every pixel, against scikit-learn, loops over pixels and torchvision's own masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score, log_loss
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as v2

import course_utils as cu
from course_utils.data.augment import move
from course_utils.tasks.masks import EVERY
from tests.tasks.scenes import CLASSES, scene_view


def test_the_loss_is_the_log_loss_over_all_pixels() -> None:
    view = scene_view(cu.Masks())
    chances = view.output.logits.double().softmax(1).movedim(1, 3).reshape(-1, 3).numpy()
    expected = log_loss(view.truth["mask"].numpy().ravel(), chances, labels=[0, 1, 2])
    assert cu.Masks().loss(view).item() == pytest.approx(expected, rel=1e-5)


def test_a_row_is_one_pixel_with_its_own_class_and_feature() -> None:
    view = scene_view(cu.Masks(), seed=3)
    torch.manual_seed(3)
    down, across = torch.randint(EVERY, (2,)).tolist()
    places = [
        (n, row, column) for n in range(6) for row in range(down, 16, EVERY) for column in range(across, 16, EVERY)
    ]
    assert len(view.logits) == len(places) == 6 * 4
    for i, (n, row, column) in enumerate(places):
        assert torch.equal(view.logits[i], view.output.logits[n, :, row, column])
        assert torch.equal(view.features[i], view.output.features[n, :, row, column])
        assert view.labels[i] == view.truth["mask"][n, row, column]


def test_the_rows_move_from_step_to_step() -> None:
    view = scene_view(cu.Masks())
    seen = set()
    for _ in range(40):
        cu.Masks().fill(view, view.output)
        seen.add(view.logits[0].sum().item())
    assert len(seen) > 20


def test_sealed_masks_give_rows_without_classes() -> None:
    assert scene_view(cu.Masks(), labelled=False).labels is None


def test_kept_and_rows_speak_of_the_same_pixels() -> None:
    view = scene_view(cu.Masks())
    kept, rows = cu.Masks().kept(view.output), cu.Masks().rows({}, view.truth)
    assert kept["logits"].shape == (6, 4, 3) and rows.shape == (6, 4)
    for n in range(6):
        for i, (row, column) in enumerate([(4, 4), (4, 12), (12, 4), (12, 12)]):
            assert torch.equal(kept["logits"][n, i], view.output.logits[n, :, row, column])
            assert rows[n, i] == view.truth["mask"][n, row, column]
    assert torch.allclose(kept["features"], view.output.features.flatten(2).mean(2))


def test_the_score_is_the_mean_of_the_classes_jaccard_indices() -> None:
    view = scene_view(cu.Masks())
    kept = cu.Masks().kept(view.output)
    expected = jaccard_score(view.truth["mask"].numpy().ravel(), kept["told"].numpy().ravel(), average="macro")
    assert cu.Masks().scores(kept, view.truth, CLASSES) == {"mIoU": pytest.approx(expected)}


@pytest.mark.parametrize("shift", [(3, 0), (0, -5), (-2, 4)])
def test_masks_are_shifted_as_torchvision_shifts_them(shift: tuple[int, int]) -> None:
    mask = scene_view(cu.Masks()).truth["mask"]
    maps = torch.eye(3)[:2].repeat(6, 1, 1)
    maps[:, :, 2] = -torch.tensor(shift) * 2 / 16
    moved = cu.Masks().moved({"mask": mask}, maps, (16, 16))["mask"]
    expected = v2.affine(tv_tensors.Mask(mask), angle=0, translate=list(shift), scale=1, shear=[0, 0])
    assert moved.dtype == mask.dtype and torch.equal(moved, expected)


def test_a_mask_goes_where_its_image_goes() -> None:
    """Pixels that are bright in the moved image are those that the moved mask names, but for the mixed border."""
    rng = torch.Generator().manual_seed(0)
    mask = scene_view(cu.Masks()).truth["mask"]
    images = (mask > 0).float()[:, None]
    maps = cu.Augment(rotation=30, scale=0.3, translation=0.2).draw_maps(images, rng)
    bright = move(images, maps)[:, 0]
    moved = cu.Masks().moved({"mask": mask}, maps, (16, 16))["mask"] > 0
    sure = ((bright > 0.9) | (bright < 0.1)).numpy()
    inside = np.zeros_like(sure)
    inside[:, 3:-3, 3:-3] = True
    agree = (bright > 0.5).numpy() == moved.numpy()
    assert agree[sure & inside].mean() > 0.98 and moved.any()
    ids = cu.Masks().moved({"mask": mask}, maps, (16, 16))["mask"]
    assert all(
        set(after.unique().tolist()) <= set(before.unique().tolist()) for before, after in zip(mask, ids, strict=True)
    )
