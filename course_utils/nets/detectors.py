"""torchvision's one-stage detectors as nets: a feature at every place of their pyramid, and what they say there."""

from __future__ import annotations

from torch import nn

from course_utils.data.weights import IMAGENET_MEAN, IMAGENET_STD
from course_utils.errors import nearest
from course_utils.nets.fcos import Fcos
from course_utils.nets.net import Net, maker
from course_utils.nets.one_stage import CLASSES, OneStage
from course_utils.nets.pyramid import WIDTH, EveryPlace, Pyramid
from course_utils.nets.retinanet import RetinaNet
from course_utils.nets.segmenters import load_all_but, tensors_of

DETECTORS: dict[str, OneStage] = {
    kind.architecture: kind
    for kind in (
        Fcos("fcos_resnet50_fpn"),
        RetinaNet("retinanet_resnet50_fpn"),
        RetinaNet("retinanet_resnet50_fpn_v2"),
    )
}
"""By torchvision's names. Not here: those of two stages, whose forward pass in training takes the true boxes, which a
net is never shown; and SSD, the features of whose maps have several widths."""


def one_stage(architecture: str) -> OneStage:
    """How the numbers of this detector are read. Raises ValueError with the nearest names for one not read here."""
    if architecture not in DETECTORS:
        raise ValueError(
            f"No detector {architecture!r} of torchvision is read here, only those of one stage on a feature pyramid."
            f"{nearest(architecture, DETECTORS)}"
        )
    return DETECTORS[architecture]


@maker
def torchvision_detector(architecture: str, classes: tuple[str, ...], weights: object = None) -> Net:
    """A detector of torchvision as a Net: features `(n, 256, places)`, logits `(n, anchors * (classes + k), places)`.

    FCOS has one anchor a place and k = 5, RetinaNet nine and k = 4. Places are the cells of all five maps, the finest
    first, each row by row. `tasks.TorchvisionBoxes(architecture)` learns and reads what is said there.
    weights: torchvision's enum (downloads), its name, the tensors of such a file by name, or None. What tells its
        classes stays out.
    Not as in torchvision: no image is resized, batch norm is not frozen and no block is, since the run says so; and the
    classes count from 0, since these detectors have no number for the background.
    Raises ValueError with the nearest names for no such architecture, RuntimeError for tensors that do not fit; the net
    itself ValueError for images that are not square, or of a side that is no multiple of 8.
    """
    import torchvision  # its detection brings matplotlib along

    kind = one_stage(architecture)
    # Without the second None torchvision would download a backbone.
    model = torchvision.models.get_model(architecture, weights=None, weights_backbone=None, num_classes=len(classes))
    if weights is not None:
        load_all_but(model, f"head.classification_head.{CLASSES}.", tensors_of(architecture, weights))
    backbone, head = Pyramid(model.backbone), EveryPlace(model.head, kind.anchors, (CLASSES, *kind.beside))
    return Net(backbone, nn.Identity(), head, WIDTH, classes, IMAGENET_MEAN, IMAGENET_STD, weights is not None)
