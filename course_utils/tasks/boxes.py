"""A box around every object, and its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils.data.batches import View
from course_utils.data.objects import ABSENT
from course_utils.evaluation.detection import average_precision
from course_utils.losses.detection import box_giou, heat_map_focal, heat_maps, owners
from course_utils.nets import Net, Output
from course_utils.nets.boxes import STRIDE, AnchorFree, detections, detector
from course_utils.tasks.base import Arrays, refuse_sealed

EVERY = 2  # cells, both ways, between two that strategies align
VISIBLE = 0.25  # of a box's area: with less of it inside the image nothing is asked


@dataclass(frozen=True)
class Boxes:
    """A box and a class for every object: heat maps and GIoU, and AP50 over the whole split.

    A strategy sees every second cell both ways as one row: its class, 0 for background, and its feature. Logits of a
    row are 0 for background and the cell's heat, so that a softmax over them compares the classes with nothing there.
    """

    targets: ClassVar = ("box", "box_label")
    names: ClassVar = ("box",)

    def net(self, shape: tuple[int, ...], classes: tuple[str, ...]) -> Net:
        return detector(shape[0], classes)

    def map_head(self, width: int, classes: int) -> nn.Module:
        return AnchorFree(width, classes)

    def shape(self, classes: int, size: tuple[int, int]) -> tuple[int, ...]:
        return (classes + 4, *(side // STRIDE for side in size))

    def fill(self, view: View, output: Output) -> None:
        down, across = torch.randint(EVERY, (2,)).tolist()
        middles = output.features[:, :, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        view.features = middles[:, :, down::EVERY, across::EVERY].movedim(1, 3).flatten(0, 2)
        view.logits = _told_apart(output.logits)[:, down::EVERY, across::EVERY].flatten(0, 2)
        height, width = output.logits.shape[2:]
        view.labels = view.truth and _classes(view.truth, height, width)[:, down::EVERY, across::EVERY].flatten()

    def losses(self, view: View) -> dict[str, Float[Tensor, ""]]:
        return {"box": self.loss(view)}

    def loss(self, view: View) -> Float[Tensor, ""]:
        """The focal loss of the heat maps plus the GIoU loss of the boxes."""
        refuse_sealed(view)
        logits, box, label = view.output.logits, view.truth["box"], view.truth["box_label"]
        heat = heat_maps(box, label, logits.shape[1] - 4, *logits.shape[2:])
        return heat_map_focal(logits[:, :-4], heat) + box_giou(logits[:, -4:], box, label)

    def moved(self, truth: Arrays, maps: Float[Tensor, "n 2 3"], size: tuple[int, int]) -> Arrays:
        """The upright boxes around the moved ones, cut to the image; absent where too little of one is left.

        Exact for shifts and sizes. A turned box is not upright any more, and the one around it is larger.
        """
        sides = torch.tensor([size[1], size[0]]).to(maps)
        box, there = truth["box"].to(maps), truth["box_label"] != ABSENT
        left, top, right, bottom = box.unbind(2)
        corners = torch.stack((torch.stack((left, right, left, right), 2), torch.stack((top, top, bottom, bottom), 2)))
        places = 2 * corners.movedim(0, 3) / sides - 1
        # A map says where a pixel comes from; a box is asked where it goes.
        turn = torch.linalg.inv(maps[:, :, :2])
        went = torch.einsum("nij,nmcj->nmci", turn, places - maps[:, None, None, :, 2])
        went = (went + 1) / 2 * sides
        whole = torch.cat((went.amin(2), went.amax(2)), 2)
        inside = torch.minimum(whole.clamp(min=0), sides.repeat(2))
        there &= _area(inside) > VISIBLE * _area(whole)
        box_label = torch.where(there, truth["box_label"], ABSENT)
        return {"box": torch.where(there[..., None], inside, float(ABSENT)), "box_label": box_label}

    def kept(self, output: Output) -> dict[str, Tensor]:
        """Pooled features, rows as in `fill` from the first cell on, and what `nets.detections` reads."""
        rows = _told_apart(output.logits)[:, ::EVERY, ::EVERY].flatten(1, 2)
        return {"features": output.features.float().mean((2, 3)), "logits": rows, "told": output.logits}

    def rows(self, kept: Arrays, truth: Arrays) -> Int[Tensor, "n rows"]:
        return _classes(truth, *kept["told"].shape[2:])[:, ::EVERY, ::EVERY].flatten(1)

    def scores(self, kept: Arrays, truth: Arrays, classes: tuple[str, ...]) -> dict[str, float]:
        found = detections(kept["told"])
        return {"AP50": average_precision(found, truth["box"], truth["box_label"], classes)}


def _told_apart(logits: Float[Tensor, "n k4 h w"]) -> Float[Tensor, "n h w k1"]:
    heat = logits[:, :-4].movedim(1, 3)
    return torch.cat((torch.zeros_like(heat[..., :1]), heat), 3)


def _classes(truth: Arrays, height: int, width: int) -> Int[Tensor, "n h w"]:
    owner = owners(truth["box"], truth["box_label"], height, width)
    of_owner = truth["box_label"].gather(1, owner.clamp(min=0).flatten(1)).view_as(owner)
    return torch.where(owner >= 0, of_owner + 1, 0)


def _area(box: Float[Tensor, "n most 4"]) -> Float[Tensor, "n most"]:
    return (box[..., 2:] - box[..., :2]).clamp(min=0).prod(2)
