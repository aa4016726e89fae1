"""torchvision's FCOS as a net: the maps of its pyramid as one row of places, and what it says at each of them."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from course_utils.data.weights import IMAGENET_MEAN, IMAGENET_STD
from course_utils.errors import nearest
from course_utils.nets.net import Net, maker
from course_utils.nets.segmenters import load_all_but, tensors_of

DETECTORS = ("fcos_resnet50_fpn",)
WIDTH = 256  # of a place's feature, on every map
STRIDE, MAPS = 8, 5  # pixels of a cell of the finest map, and how many maps there are, each half as fine
BOX = 5  # numbers of a place beside its classes: four distances, and how central it is


@maker
def torchvision_detector(architecture: str, classes: tuple[str, ...], weights: object = None) -> Net:
    """A detector of torchvision as a Net: features `(n, 256, places)`, logits `(n, classes + 5, places)`.

    Places are the cells of all five maps, the finest first, each row by row; there the head says one number for each
    class, four distances and one for how central the place is. `tasks.TorchvisionBoxes` learns and reads them.
    weights: torchvision's enum (downloads), its name, the tensors of such a file by name, or None. What tells its
        classes stays out.
    Not as in torchvision: no image is resized, batch norm is not frozen and no block is, since the run says so; and the
    classes count from 0, since FCOS has no number for the background.
    Raises ValueError with the nearest names for no such architecture, RuntimeError for tensors that do not fit; the net
    itself ValueError for images that are not square, or of a side that is no multiple of 8.
    """
    import torchvision  # its detection brings matplotlib along

    if architecture not in DETECTORS:
        raise ValueError(f"No detector {architecture!r} of torchvision is read here.{nearest(architecture, DETECTORS)}")
    # Without the second None torchvision would download a backbone.
    model = torchvision.models.get_model(architecture, weights=None, weights_backbone=None, num_classes=len(classes))
    if weights is not None:
        load_all_but(model, "head.classification_head.cls_logits.", tensors_of(architecture, weights))
    backbone, head = _Places(model.backbone), _EveryPlace(model.head)
    return Net(backbone, nn.Identity(), head, WIDTH, classes, IMAGENET_MEAN, IMAGENET_STD, weights is not None)


class _Places(nn.Module):
    """Images `(n, 3, s, s)` to the features of all places `(n, 256, places)`."""

    def __init__(self, pyramid: nn.Module) -> None:
        super().__init__()
        self.body, self.fpn = pyramid.body, pyramid.fpn

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d places"]:
        height, width = images.shape[2:]
        if height != width or height % STRIDE:
            raise ValueError(
                f"Images of {width}x{height} px: this detector reads square ones, whose side is a multiple of {STRIDE}."
            )
        return torch.cat([of_map.flatten(2) for of_map in self.fpn(self.body(images)).values()], 2)


class _EveryPlace(nn.Module):
    """torchvision's head over all maps, from features `(n, 256, places)` to numbers `(n, classes + 5, places)`."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.classification_head, self.regression_head = head.classification_head, head.regression_head

    def forward(self, features: Float[Tensor, "n d places"]) -> Float[Tensor, "n numbers places"]:
        sides = map_sides(side_of(features.shape[2]))
        pieces = features.split([side**2 for side in sides], 2)
        maps = [piece.unflatten(2, (side, side)) for piece, side in zip(pieces, sides, strict=True)]
        return torch.cat((self.classification_head(maps), *self.regression_head(maps)), 2).movedim(2, 1)


# -- where the places are ----------------------------------------------------------------------------------------------


def map_sides(side: int) -> list[int]:
    """Cells along a side of each of the five maps, of an image of `side` pixels."""
    return [-(-side // (STRIDE * 2**step)) for step in range(MAPS)]


def places_of(side: int) -> int:
    """Of all maps together."""
    return sum(of_map**2 for of_map in map_sides(side))


def side_of(places: int) -> int:
    """The side in pixels of the square image that has so many places. Raises ValueError where none has."""
    side = STRIDE
    while places_of(side) < places:
        side += STRIDE
    if places_of(side) != places:
        raise ValueError(f"No square image has {places} places: the maps of one of {side} px have {places_of(side)}.")
    return side


# -- what torchvision makes of the numbers -----------------------------------------------------------------------------


def fcos_losses(
    logits: Float[Tensor, "n numbers places"], box: Num[Tensor, "n most 4"], box_label: Int[Tensor, "n most"]
) -> dict[str, Float[Tensor, ""]]:
    """torchvision's own loss terms: `classification` (focal), `bbox_regression` (GIoU) and `bbox_ctrness`.

    Source: Tian et al. 2019 (FCOS), equation 2. Not as there: torchvision takes GIoU for IoU.
    """
    said, anchors = _named(logits), _anchors(logits)
    return _fcos().compute_loss(_targets(box, box_label), said, anchors, _cells(logits))


def fcos_owners(places: int, box: Num[Tensor, "n most 4"], box_label: Int[Tensor, "n most"]) -> Int[Tensor, "n places"]:
    """Which of an image's objects each place answers for, by torchvision's own rule; -1 for none."""
    logits = torch.empty(len(box), 1 + BOX, places, device=box.device)
    owner = torch.stack(_matching().compute_loss(_targets(box, box_label), {}, _anchors(logits), _cells(logits)))
    number = (box_label >= 0).long().cumsum(1) - 1  # torchvision counts those alone that are there
    row = (number[:, None] == owner[:, :, None]).long().argmax(2)
    return torch.where(owner >= 0, row, -1)


@torch.no_grad()
def fcos_detections(logits: Float[Tensor, "n numbers places"]) -> list[dict[str, Tensor]]:
    """What torchvision's postprocessing finds in each image: `boxes` `(d, 4)` in pixels, `scores`, `labels` `(d,)`."""
    side = side_of(logits.shape[2])
    cells = _cells(logits)
    said = {name: list(numbers.split(cells, 1)) for name, numbers in _named(logits).items()}
    anchors = [list(of_image.split(cells)) for of_image in _anchors(logits)]
    return _fcos().postprocess_detections(said, anchors, [(side, side)] * len(logits))


def _targets(box: Tensor, box_label: Tensor) -> list[dict[str, Tensor]]:
    there = box_label >= 0
    return [
        {"boxes": corners[own].float(), "labels": label[own].long()}
        for corners, label, own in zip(box, box_label, there, strict=True)
    ]


def _cells(logits: Tensor) -> list[int]:
    return [side**2 for side in map_sides(side_of(logits.shape[2]))]


def _named(logits: Tensor) -> dict[str, Float[Tensor, "n places k"]]:
    numbers = logits.movedim(1, 2)
    split = numbers.split([numbers.shape[2] - BOX, BOX - 1, 1], 2)
    return dict(zip(("cls_logits", "bbox_regression", "bbox_ctrness"), split, strict=True))


def _anchors(logits: Tensor) -> list[Float[Tensor, "places 4"]]:
    from torchvision.models.detection.image_list import ImageList

    side = side_of(logits.shape[2])
    images = ImageList(torch.empty(len(logits), 3, side, side, device="meta"), [(side, side)] * len(logits))
    return _fcos().anchor_generator(images, [logits.new_empty(1, 1, of_map, of_map) for of_map in map_sides(side)])


@functools.cache
def _fcos() -> nn.Module:
    """torchvision's FCOS without a weight: its anchors, its loss and its reading, of the numbers of any net."""
    from torchvision.models.detection.fcos import FCOSHead

    model = _headless()
    model.head.box_coder, model.head.compute_loss = (
        model.box_coder,
        functools.partial(FCOSHead.compute_loss, model.head),
    )
    return model


@functools.cache
def _matching() -> nn.Module:
    """The same, whose loss is which object each place was matched with."""
    model = _headless()
    model.head.compute_loss = lambda targets, said, anchors, matched: matched
    return model


def _headless() -> nn.Module:
    from torchvision.models.detection import FCOS

    backbone = nn.Identity()
    backbone.out_channels = WIDTH
    return FCOS(backbone, num_classes=1, head=nn.Module())
