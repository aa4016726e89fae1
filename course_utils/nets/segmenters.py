"""torchvision's segmentation models as nets: a feature for every pixel, and a head of one 1x1 convolution."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from course_utils.data.weights import IMAGENET_MEAN, IMAGENET_STD
from course_utils.errors import nearest
from course_utils.nets.net import Net, maker

SEGMENTERS = (
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "fcn_resnet50",
    "fcn_resnet101",
)


@maker
def torchvision_segmenter(architecture: str, classes: tuple[str, ...], weights: object = None) -> Net:
    """A segmentation model of torchvision as a Net: features `(n, d, h, w)`, logits `(n, 1 + classes, h, w)`.

    weights: torchvision's enum (downloads), its name, the tensors of such a file by name, or None. Its last convolution
        tells other classes and stays out, as does its auxiliary classifier.
    Not as in torchvision: features, not logits, are brought to the image's size, so that a strategy finds one at every
    pixel. The logits are the same, since a 1x1 convolution and bilinear interpolation can change places.
    Raises ValueError with the nearest names for no such architecture, RuntimeError for tensors that do not fit.
    """
    import torchvision

    if architecture not in SEGMENTERS:
        raise ValueError(f"torchvision has no segmentation model {architecture!r}.{nearest(architecture, SEGMENTERS)}")
    # Without the second None torchvision would download a backbone.
    model = torchvision.models.get_model(
        architecture, weights=None, weights_backbone=None, num_classes=1 + len(classes), aux_loss=False
    )
    *decoder, head = model.classifier
    if weights is not None:
        load_all_but(model, f"classifier.{len(decoder)}.", tensors_of(architecture, weights), "aux_classifier.")
    backbone = _Pixels(nn.Sequential(OrderedDict(model.backbone.items())), nn.Sequential(*decoder))
    width = head.in_channels
    return Net(backbone, nn.Identity(), head, width, classes, IMAGENET_MEAN, IMAGENET_STD, weights is not None)


class _Pixels(nn.Module):
    """Images `(n, 3, h, w)` to features `(n, d, h, w)`, body first: a sequence, whose steps `Net.blocks` tells."""

    def __init__(self, body: nn.Sequential, decoder: nn.Sequential) -> None:
        super().__init__()
        self.body, self.decoder = body, decoder

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d h w"]:
        features = self.decoder(self.body(images))
        return functional.interpolate(features, images.shape[2:], mode="bilinear", align_corners=False)


def tensors_of(architecture: str, weights: object) -> Mapping[str, Tensor]:
    """The tensors themselves, or those that torchvision publishes under this name or enum."""
    import torchvision

    if isinstance(weights, Mapping):
        return weights
    return torchvision.models.get_model_weights(architecture).verify(weights).get_state_dict(check_hash=True)


def load_all_but(model: nn.Module, fresh: str, tensors: Mapping[str, Tensor], unused: str = "-") -> None:
    """Loads every tensor but those that begin with `fresh`, which stay new, and with `unused`, which have no place.

    Raises RuntimeError, naming them, for tensors that are missing, left over or of another shape.
    """
    own = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(fresh)}
    model.load_state_dict({n: t for n, t in tensors.items() if not n.startswith((fresh, unused))} | own)
