"""RetinaNet: at a place stand nine boxes of several sizes and shapes, and it says how each is to be moved."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from course_utils.nets.one_stage import OneStage


class RetinaNet(OneStage):
    """torchvision's RetinaNet, of either version: the smallest of its boxes has the area of 32 by 32 px.

    Its terms are `classification` (focal) and `bbox_regression` (L1, of version 2 GIoU).
    Source: Lin et al. 2017 (Focal Loss for Dense Object Detection), section 4. Not as there: they take smooth L1.
    """

    anchors: ClassVar = 9
    beside: ClassVar = {"bbox_regression": 4}

    def terms(
        self, model: nn.Module, targets: list[dict], said: dict[str, Tensor], starts: list[Tensor], cells: list[int]
    ) -> dict[str, Tensor]:
        return model.compute_loss(targets, said, starts)
