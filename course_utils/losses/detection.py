"""What an anchor-free detector learns from boxes: where the middles are, and how far the sides."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor
from torch.nn import functional

from course_utils.losses.precision import full_precision
from course_utils.nets.boxes import STRIDE, boxes_at, cell_centres

Boxes = Num[Tensor, "n most 4"]
"""left, top, right, bottom in pixels, half-open; -1 in the rows of an image with fewer objects."""
BoxLabels = Int[Tensor, "n most"]
"""The class of each box, -1 where there is none."""


def heat_maps(box: Boxes, label: BoxLabels, classes: int, height: int, width: int) -> Float[Tensor, "n k h w"]:
    r"""For each class the hills that stand on its objects: 1 in the cell that holds the middle, `exp(-d^2 / 2)` around.

    d: the distance from that cell, across in sixths of the box's width and down in sixths of its height. The higher of
    two hills counts. Source: Zhou et al. 2019 (CenterNet), section 3. Not as there: hills are as long as their boxes,
    as in Liu et al. 2020 (TTFNet), and not round.
    """
    box = box.float()
    x, y = cell_centres(height, width, box)
    peak_x, peak_y = _peaks(box, height, width).unbind(2)
    # An absent object has no size: any other number keeps 0 / 0 out of the gradientless hill that is cut below.
    sixth_x, sixth_y = ((box[..., 2:] - box[..., :2]) / 6).clamp(min=0.1).unbind(2)
    across = ((x - peak_x[..., None]) / sixth_x[..., None]).square()
    down = ((y - peak_y[..., None]) / sixth_y[..., None]).square()
    hills = torch.exp(-(across[:, :, None] + down[..., None]) / 2) * (label >= 0)[..., None, None]
    of_class = functional.one_hot(label.clamp(min=0), classes).to(hills)
    return (hills[:, :, None] * of_class[..., None, None]).amax(1)


def owners(box: Boxes, label: BoxLabels, height: int, width: int) -> Int[Tensor, "n h w"]:
    """Which object each cell answers for: that in whose middle half it lies, or whose middle it holds; -1 for none.

    Where several may own a cell, the smallest does. Source: Tian et al. 2019 (FCOS), section 3.1 and its centre
    sampling.
    """
    box = box.float()
    x, y = cell_centres(height, width, box)
    middle, size = (box[..., :2] + box[..., 2:]) / 2, box[..., 2:] - box[..., :2]
    peak = _peaks(box, height, width)

    def near(places: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        inside = (places - middle[..., axis, None]).abs() < size[..., axis, None] / 4
        return inside, places == peak[..., axis, None]

    (inside_x, peak_x), (inside_y, peak_y) = near(x, 0), near(y, 1)
    may = inside_y[..., None] & inside_x[:, :, None] | peak_y[..., None] & peak_x[:, :, None]
    may &= (label >= 0)[..., None, None]
    area = torch.where(may, size.prod(2)[..., None, None], torch.inf)
    return torch.where(may.any(1), area.argmin(1), -1)


@full_precision
def heat_map_focal(
    logits: Float[Tensor, "n k h w"], heat: Float[Tensor, "n k h w"], alpha: float = 2.0, beta: float = 4.0
) -> Float[Tensor, ""]:
    r"""`-1/N sum (1 - p)^alpha log p` where heat is 1, `(1 - heat)^beta p^alpha log(1 - p)` elsewhere.

    p = sigmoid of the logits; N = the number of peaks, at least 1: images without objects teach that nothing is there.
    Source: Law and Deng 2018 (CornerNet), equation 1; Zhou et al. 2019 (CenterNet), equation 1.
    """
    p, peak = logits.sigmoid(), heat == 1
    at_peak = (1 - p) ** alpha * functional.logsigmoid(logits)
    elsewhere = (1 - heat) ** beta * p**alpha * functional.logsigmoid(-logits)
    return -torch.where(peak, at_peak, elsewhere).sum() / peak.sum().clamp(min=1)


@full_precision
def box_giou(raw: Float[Tensor, "n 4 h w"], box: Boxes, label: BoxLabels) -> Float[Tensor, ""]:
    r"""The mean of `1 - GIoU` over the cells that own an object, between 0 and 2; 0 where no cell does.

    raw: the last four channels of an anchor-free head. Source: Rezatofighi et al. 2019.
    """
    from torchvision.ops import generalized_box_iou_loss  # brings matplotlib along: only who has boxes waits for it

    owner = owners(box, label, *raw.shape[2:])
    image, row, column = (owner >= 0).nonzero(as_tuple=True)
    found = boxes_at(raw).permute(0, 2, 3, 1)[image, row, column]
    wanted = box[image, owner[image, row, column]].to(found)
    return generalized_box_iou_loss(found, wanted, reduction="sum") / max(len(image), 1)


def _peaks(box: Float[Tensor, "n most 4"], height: int, width: int) -> Float[Tensor, "n most 2"]:
    """The middle of the cell that holds each box's middle, across and down."""
    cells = ((box[..., :2] + box[..., 2:]) / 2 / STRIDE).floor()
    # A box of the last pixel column has its middle inside, but one that a transform pushed out may not.
    most = torch.tensor([width, height], device=box.device) - 1
    return (cells.clamp(min=0).minimum(most.to(cells)) + 0.5) * STRIDE
