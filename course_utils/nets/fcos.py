"""FCOS: a place is a point, and says how far the four sides of its object are."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from course_utils.nets.one_stage import OneStage


class Fcos(OneStage):
    """torchvision's FCOS: four distances a place, and how central in its object it is.

    Its terms are `classification` (focal), `bbox_regression` (GIoU) and `bbox_ctrness`.
    Source: Tian et al. 2019 (FCOS), equation 2. Not as there: torchvision takes GIoU for IoU.
    """

    anchors: ClassVar = 1
    beside: ClassVar = {"bbox_regression": 4, "bbox_ctrness": 1}

    def terms(
        self, model: nn.Module, targets: list[dict], said: dict[str, Tensor], starts: list[Tensor], cells: list[int]
    ) -> dict[str, Tensor]:
        return model.compute_loss(targets, said, starts, cells)
