"""Masks painted over scenes and boxes drawn into them: what a network says of places, where it says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Integer, Num, UInt8

from course_utils import plots
from course_utils.evaluation import intersection_over_union
from course_utils.explore.base import Explorer
from course_utils.explore.dial import Panel, dial
from course_utils.run import Run

SHADE = 0.65  # of the class's colour over the scene


def painted(scenes: UInt8[np.ndarray, "n 3 h w"], masks: Integer[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "n 3 h w"]:
    """The scenes with each pixel tinted in the colour of its class; background, 0, stays as it is."""
    tinted = (1 - SHADE) * scenes + SHADE * _colours()[masks].transpose(0, 3, 1, 2)
    return np.where((masks > 0)[:, None], tinted, scenes).round().astype(np.uint8)


def framed(
    scenes: UInt8[np.ndarray, "n 3 h w"], boxes: Sequence[Num[np.ndarray, "_ 4"]], labels: Sequence[Sequence[int]]
) -> UInt8[np.ndarray, "n 3 h w"]:
    """The scenes with a line one pixel wide along the inside of each box, in the colour of its class."""
    shown, (height, width) = scenes.copy(), scenes.shape[2:]
    for scene, corners, classes in zip(shown, boxes, labels, strict=True):
        for box, label in zip(corners, classes, strict=True):
            left, top = np.floor(box[:2]).astype(int).clip(0, (width - 1, height - 1))
            right, bottom = np.ceil(box[2:]).astype(int).clip(1, (width, height))
            colour = _colours()[int(label) + 1].round().astype(np.uint8)
            for line in (np.s_[top, left:right], np.s_[bottom - 1, left:right],
                         np.s_[top:bottom, left], np.s_[top:bottom, right - 1]):  # fmt: skip
                scene[(slice(None), *line)] = colour[:, None]
    return shown


def mask_overlay(runs: Mapping[str, Run], title: str, scenes: int = 6) -> Explorer:
    """A dial over the epochs of runs whose task is `Masks`: the target scenes and what each run paints on them.

    A column is a test scene: itself, the truth, and one row a run, in their order. Charts: mIoU on the target after
    each epoch, and the IoU of each class. `header["iou"]` holds the last epoch's by run, background first.
    Raises ValueError for more than three runs, or for runs on other pairs or of other lengths.
    """
    first = next(iter(runs.values()))
    if len(runs) > 3 or any((r.pair.name, r.epoch) != (first.pair.name, first.epoch) for r in runs.values()):
        raise ValueError("An overlay compares one to three runs of equally many epochs on one pair.")
    test, classes = first.pair.target.test, first.pair.classes
    truth, told = test.target("mask"), {name: _told(run) for name, run in runs.items()}
    iou = {
        name: np.stack([intersection_over_union(epoch, truth, classes) for epoch in epochs])
        for name, epochs in told.items()
    }
    shown = np.random.default_rng(0).permutation(len(test))[:scenes]
    pictures = test.images[shown]
    pictures = np.repeat(pictures, 3 // pictures.shape[1], axis=1)
    frames = [
        np.concatenate(
            [pictures, painted(pictures, truth[shown])]
            + [painted(pictures, told[name][epoch][shown]) for name in told],
            2,
        )
        for epoch in range(first.epoch)
    ]
    each = np.stack(list(iou.values()), axis=1)
    epochs, ids = range(1, first.epoch + 1), range(len(classes) + 1)
    mean = np.nanmean(each, axis=2)
    names, written = tuple(told), ("none", *classes)
    panels = [
        Panel("mIoU on the target", names, mean.T, "epoch", epochs, (0, 1), tuple(map(str, epochs))),
        Panel("IoU of each class", names, np.nan_to_num(each), "class", ids, (0, 1), written),
    ]
    said = [
        f"Epoch {epoch}: "
        + "; ".join(f"{name} {value:.2f} mIoU" for name, value in zip(names, mean[epoch - 1], strict=True))
        + ". From top to bottom: the scene, the truth, "
        + ", ".join(names)
        + "."
        for epoch in epochs
    ]
    last = {name: [round(float(value), 4) for value in values[-1]] for name, values in iou.items()}
    explorer = dial(title, "epoch", [str(e) for e in epochs], panels, said, np.stack(frames), iou=last)
    explorer.place = first.epoch - 1
    return explorer


def _told(run: Run) -> list[Integer[np.ndarray, "n h w"]]:
    return [evaluation["target_told"] for evaluation in run.evaluations]


def _colours() -> Float[np.ndarray, "k 3"]:
    from matplotlib.colors import to_rgb

    return 255 * np.array([(0, 0, 0), *map(to_rgb, plots.CLASS_COLOURS)])
