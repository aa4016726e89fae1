"""An anchor-free detector: a heat map for each class, and at each cell how far a box reaches to its four sides."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from course_utils.nets.net import Net, maker
from course_utils.nets.unet import FEATURES, UNet

STRIDE = 4  # pixels of a cell's side


class AnchorFree(nn.Sequential):
    """Features of pixels `(n, d, h, w)` to `(n, classes + 4, h / 4, w / 4)`: heat first, then the four distances.

    Heat as in Zhou et al. 2019 (CenterNet), distances as in Tian et al. 2019 (FCOS); `boxes_at` says what the last
    four channels mean. One tensor, so that a net's logits are one thing whatever it predicts.
    """

    def __init__(self, width: int, classes: int, hidden: int = 32) -> None:
        last = nn.Conv2d(hidden, classes + 4, 1)
        # A first guess of 1 % everywhere: else the many empty cells drown the few full ones (Lin et al. 2017).
        nn.init.constant_(last.bias[:classes], -math.log(99))
        super().__init__(
            nn.Conv2d(width, hidden, STRIDE, STRIDE, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            last,
        )


@maker
def detector(channels: int, classes: tuple[str, ...]) -> Net:
    """The U-Net with an anchor-free head: features `(n, 16, h, w)`, logits `(n, classes + 4, h / 4, w / 4)`."""
    return Net(UNet(channels), nn.Identity(), AnchorFree(FEATURES, len(classes)), FEATURES, classes)


def cell_centres(
    height: int, width: int, like: Float[Tensor, "*any"]
) -> tuple[Float[Tensor, " width"], Float[Tensor, " height"]]:
    """Where the cells of a grid have their middles in pixels: across and down."""
    across, down = (torch.arange(cells, device=like.device, dtype=like.dtype) for cells in (width, height))
    return (across + 0.5) * STRIDE, (down + 0.5) * STRIDE


def boxes_at(raw: Float[Tensor, "n 4 h w"]) -> Float[Tensor, "n 4 h w"]:
    """The box that each cell speaks of: left, top, right, bottom in pixels.

    The four distances from the cell's middle are `4 softplus(raw)`. Not as in FCOS, which takes exp(raw): softplus
    grows no faster than its input, so a first wild step does no harm.
    """
    x, y = cell_centres(*raw.shape[2:], raw)
    left, top, right, bottom = (functional.softplus(raw) * STRIDE).unbind(1)
    return torch.stack((x - left, y[:, None] - top, x + right, y[:, None] + bottom), 1)


@torch.no_grad()
def detections(
    logits: Float[Tensor, "n k4 h w"], least: float = 0.05, most: int = 100, overlap: float = 0.5
) -> list[dict[str, Tensor]]:
    """What a detector has found in each image: `boxes` `(d, 4)` in pixels, `scores` and `labels` `(d,)`, surest first.

    least: the lowest score that is kept.  most: so many cells an image are looked at.  overlap: of two boxes of one
    class that overlap by more (intersection over union), the less sure one is taken for the same thing and left out.
    """
    from torchvision.ops import batched_nms, clip_boxes_to_image  # brings matplotlib along: see box_giou

    height, width = logits.shape[2:]
    heat, boxes = logits[:, :-4].sigmoid().flatten(1), boxes_at(logits[:, -4:]).flatten(2).transpose(1, 2)
    found = []
    for scores, of_cell in zip(heat, boxes, strict=True):
        scores, place = scores.topk(min(most, len(scores)))
        place = place[scores >= least]
        scores = scores[: len(place)]
        label, cell = place // (height * width), place % (height * width)
        inside = clip_boxes_to_image(of_cell[cell], (height * STRIDE, width * STRIDE))
        kept = batched_nms(inside, scores, label, overlap)
        found.append({"boxes": inside[kept], "scores": scores[kept], "labels": label[kept]})
    return found
