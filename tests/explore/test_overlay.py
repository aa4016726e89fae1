"""Masks painted and boxes drawn, pixel by pixel, and the dial that shows them epoch by epoch."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from sklearn.metrics import jaccard_score

import course_utils as cu
from course_utils import plots
from course_utils.explore import framed, mask_overlay, painted
from course_utils.explore.overlay import SHADE
from tests.tasks.scenes import FAST, scene_pair

RNG = np.random.default_rng(0)
SCENES = RNG.integers(0, 256, (2, 3, 8, 8)).astype(np.uint8)


def test_a_pixel_is_tinted_in_the_colour_of_its_class_and_background_stays() -> None:
    masks = RNG.integers(0, 3, (2, 8, 8))
    shown = painted(SCENES, masks)
    for n, row, column in np.ndindex(2, 8, 8):
        before, label = SCENES[n, :, row, column].astype(float), masks[n, row, column]
        tint = 255 * np.array(to_rgb(plots.CLASS_COLOURS[label - 1]))
        expected = before if label == 0 else (1 - SHADE) * before + SHADE * tint
        assert np.abs(shown[n, :, row, column] - expected).max() <= 0.51
    assert shown.dtype == np.uint8


def test_a_box_is_a_line_along_its_inside_and_nothing_else() -> None:
    shown = framed(SCENES, [np.array([[1.2, 2.0, 5.0, 6.7]]), np.zeros((0, 4))], [[3], []])
    colour = np.round(255 * np.array(to_rgb(plots.CLASS_COLOURS[3])))
    line = np.zeros((8, 8), bool)
    line[2:7, 1:5] = True
    line[3:6, 2:4] = False
    assert (shown[0][:, line] == colour[:, None]).all()
    assert (shown[0][:, ~line] == SCENES[0][:, ~line]).all() and (shown[1] == SCENES[1]).all()


def test_a_box_that_reaches_out_is_drawn_as_far_as_the_scene_goes() -> None:
    shown = framed(SCENES[:1], [np.array([[-3.0, -1.0, 20.0, 9.0]])], [[0]])
    border = np.ones((8, 8), bool)
    border[1:-1, 1:-1] = False
    assert (shown[0] != SCENES[0]).any(0)[border].mean() > 0.9
    assert (shown[0][:, ~border] == SCENES[0][:, ~border]).all()


@pytest.fixture(scope="module")
def runs():
    pair = scene_pair()
    return {
        name: cu.fit(a, pair, task=cu.Masks(), **FAST) for name, a in (("plain", cu.SourceOnly()), ("bn", cu.AdaBN()))
    }


def test_the_dial_tells_each_epochs_miou_and_the_last_ious(runs) -> None:
    explorer = mask_overlay(runs, "What is painted", scenes=3)
    truth = scene_pair().target.test.target("mask")
    for line, (name, run) in enumerate(runs.items()):
        assert explorer.arrays["panel0"][line] == pytest.approx(run.target_accuracies(), abs=1e-6)
        told = run.evaluations[-1]["target_told"]
        expected = jaccard_score(truth.ravel(), told.ravel(), labels=[0, 1, 2], average=None, zero_division=0)
        assert explorer.header["iou"][name] == pytest.approx(expected, abs=1e-4)
        assert explorer.arrays["panel1"][1, line] == pytest.approx(expected, abs=1e-4)
    assert explorer.header["each"] == 3 and explorer.place == 1
    assert explorer.header["said"][1].endswith("the scene, the truth, plain, bn.")


def test_runs_that_cannot_be_compared_are_refused(runs) -> None:
    short = cu.fit(cu.SourceOnly(), scene_pair(), task=cu.Masks(), **FAST | {"epochs": 1})
    with pytest.raises(ValueError, match="equally many epochs on one pair"):
        mask_overlay(runs | {"short": short}, "")
    with pytest.raises(ValueError, match="one to three runs"):
        mask_overlay({str(i): runs["plain"] for i in range(4)}, "")
