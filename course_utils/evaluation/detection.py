"""How well boxes are found: average precision, by the COCO tools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Integer, Num
from torch import Tensor

from course_utils.evaluation.arrays import Array, as_numpy


def average_precision(
    found: Sequence[Mapping[str, Tensor]],
    box: Num[Array, "n most 4"],
    box_label: Integer[Array, "n most"],
    classes: Sequence[str],
    overlap: float = 0.5,
) -> float:
    """The area under precision over recall, a mean over the classes that are there; AP50 at the default overlap.

    found: of each image `boxes` `(d, 4)`, `scores` and `labels` `(d,)`, as `nets.detections` gives them.
    overlap: intersection over union from which a box counts as found, once; a second one on it is wrong.
    NaN where no image has an object. Source: Lin et al. 2014 (COCO), with its precision at 101 recalls.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    box, box_label = as_numpy(box).astype(float), as_numpy(box_label)
    if len(found) != len(box):
        raise ValueError(f"{len(found)} answers for {len(box)} images: both must come from one part, in order.")
    images, rows = np.nonzero(box_label >= 0)
    if len(images) == 0:
        return float("nan")
    truth = [
        # From 1 on: the tools take a match with annotation 0 for no match.
        {"id": i, "image_id": int(n), "category_id": int(box_label[n, row]), "iscrowd": 0} | _as_coco(box[n, row])
        for i, (n, row) in enumerate(zip(images, rows, strict=True), 1)
    ]
    answers = [
        {"id": 0, "image_id": n, "category_id": int(label), "score": float(score)} | _as_coco(as_numpy(corners))
        for n, of in enumerate(found)
        for corners, score, label in zip(of["boxes"], of["scores"], of["labels"], strict=True)
    ]
    if not answers:
        return 0.0
    with contextlib.redirect_stdout(io.StringIO()):
        wanted = COCO()
        wanted.dataset = {
            "images": [{"id": n} for n in range(len(box))],
            "annotations": truth,
            "categories": [{"id": k} for k in range(len(classes))],
        }
        wanted.createIndex()
        given = COCO()
        given.dataset = wanted.dataset | {"annotations": [a | {"id": i} for i, a in enumerate(answers, 1)]}
        given.createIndex()
        judge = COCOeval(wanted, given, "bbox")
        judge.params.iouThrs = np.array([overlap])
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][0, :, :, 0, -1]
    return float(precision[precision > -1].mean())


def _as_coco(corners: Num[np.ndarray, " 4"]) -> dict[str, object]:
    left, top, right, bottom = map(float, corners)
    width, height = right - left, bottom - top
    return {"bbox": [left, top, width, height], "area": width * height}
