"""A class for every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from course_utils import losses
from course_utils.data.batches import View
from course_utils.evaluation.segmentation import intersection_over_union
from course_utils.nets import Net, Output
from course_utils.nets.unet import segmenter
from course_utils.tasks.base import Arrays, refuse_sealed

EVERY = 8  # pixels, both ways, between two that strategies align: neighbours say nearly the same


@dataclass(frozen=True)
class Masks:
    """A class for every pixel, 0 for background: cross-entropy over all pixels, and mIoU over the whole split.

    A strategy sees every eighth pixel both ways as one row, from a corner that each step draws.
    """

    targets: ClassVar = ("mask",)
    names: ClassVar = ("mask",)

    def net(self, shape: tuple[int, ...], classes: tuple[str, ...]) -> Net:
        return segmenter(shape[0], classes)

    def map_head(self, width: int, classes: int) -> nn.Module:
        return nn.Conv2d(width, 1 + classes, 1)

    def shape(self, classes: int, size: tuple[int, int]) -> tuple[int, ...]:
        return (1 + classes, *size)

    def fill(self, view: View, output: Output) -> None:
        down, across = torch.randint(EVERY, (2,)).tolist()
        view.features, view.logits = (
            maps[:, :, down::EVERY, across::EVERY].movedim(1, 3).flatten(0, 2) for maps in output
        )
        view.labels = view.truth and view.truth["mask"][:, down::EVERY, across::EVERY].flatten().long()

    def losses(self, view: View) -> dict[str, Float[Tensor, ""]]:
        return {"mask": self.loss(view)}

    def loss(self, view: View) -> Float[Tensor, ""]:
        """Cross-entropy over every pixel of a view with masks."""
        refuse_sealed(view)
        logits = view.output.logits.movedim(1, 3).flatten(0, 2)
        return losses.cross_entropy(logits, view.truth["mask"].flatten().long())

    def moved(self, truth: Arrays, maps: Float[Tensor, "n 2 3"], size: tuple[int, int]) -> Arrays:
        """Masks through the same maps, by the nearest pixel; background comes in from outside."""
        mask = truth["mask"][:, None].to(maps)
        grid = functional.affine_grid(maps, [len(mask), 1, *size], align_corners=False)
        moved = functional.grid_sample(mask, grid, mode="nearest", padding_mode="zeros", align_corners=False)
        return {"mask": moved[:, 0].to(truth["mask"])}

    def kept(self, output: Output) -> dict[str, Tensor]:
        """Pooled features, the logits of every eighth pixel, and the class told for every pixel."""
        middle = slice(EVERY // 2, None, EVERY)
        return {
            "features": output.features.float().mean((2, 3)),
            "logits": output.logits[:, :, middle, middle].movedim(1, 3).flatten(1, 2),
            "told": output.logits.argmax(1).to(torch.uint8),
        }

    def rows(self, kept: Arrays, truth: Arrays) -> Int[Tensor, "n rows"]:
        middle = slice(EVERY // 2, None, EVERY)
        return truth["mask"][:, middle, middle].flatten(1).long()

    def scores(self, kept: Arrays, truth: Arrays, classes: tuple[str, ...]) -> dict[str, float]:
        return {"mIoU": float(np.nanmean(intersection_over_union(kept["told"], truth["mask"], classes)))}
