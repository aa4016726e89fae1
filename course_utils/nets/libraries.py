"""Architectures of torchvision and timm as nets."""

from __future__ import annotations

from torch import nn

from course_utils.errors import nearest
from course_utils.nets.net import Net, maker
from course_utils.nets.small import bottleneck

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@maker
def torchvision_net(architecture: str, classes: tuple[str, ...], weights: object = None, width: int = 256) -> Net:
    """Any torchvision classifier as a Net; `weights` is torchvision's enum (downloads) or None."""
    import torchvision

    if architecture not in (known := torchvision.models.list_models(module=torchvision.models)):
        raise ValueError(f"torchvision has no model {architecture!r}.{nearest(architecture, known)}")
    model = torchvision.models.get_model(architecture, weights=weights)
    name, last = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    model.set_submodule(name, nn.Identity())
    head = nn.Linear(width, len(classes))
    between = bottleneck(last.in_features, width)
    return Net(model, between, head, width, classes, IMAGENET_MEAN, IMAGENET_STD, weights is not None)


@maker
def timm_net(architecture: str, classes: tuple[str, ...], width: int = 256) -> Net:
    """Any timm architecture as a Net, with random weights: nothing is fetched from a hub."""
    model = timm_model(architecture, num_classes=0)
    mean, std = model.default_cfg["mean"], model.default_cfg["std"]
    wide = getattr(model, "head_hidden_size", model.num_features)
    head = nn.Linear(width, len(classes))
    return Net(model, bottleneck(wide, width), head, width, classes, mean, std)


def timm_model(architecture: str, **options: object) -> nn.Module:
    """timm's own module, with random weights. Raises ValueError with the nearest names for no such architecture."""
    import timm

    if architecture not in (known := timm.list_models()):
        raise ValueError(f"timm has no model {architecture!r}.{nearest(architecture, known)}")
    return timm.create_model(architecture, pretrained=False, **options)
