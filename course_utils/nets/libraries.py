"""Architectures of torchvision and timm as nets."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from course_utils.data.weights import IMAGENET_MEAN, IMAGENET_STD
from course_utils.errors import nearest
from course_utils.nets.net import Net, maker
from course_utils.nets.small import bottleneck


@maker
def torchvision_net(architecture: str, classes: tuple[str, ...], weights: object = None, width: int = 256) -> Net:
    """Any torchvision classifier as a Net.

    weights: torchvision's enum (downloads), its name, the tensors of such a file by name, or None.
    Raises ValueError with the nearest names for no such architecture, RuntimeError for tensors that do not fit.
    """
    import torchvision

    if architecture not in (known := torchvision.models.list_models(module=torchvision.models)):
        raise ValueError(f"torchvision has no model {architecture!r}.{nearest(architecture, known)}")
    by_name = isinstance(weights, Mapping)
    model = torchvision.models.get_model(architecture, weights=None if by_name else weights)
    if by_name:
        model.load_state_dict(weights)
    name, last = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Linear)][-1]
    model.set_submodule(name, nn.Identity())
    head = nn.Linear(width, len(classes))
    between = bottleneck(last.in_features, width)
    return Net(model, between, head, width, classes, IMAGENET_MEAN, IMAGENET_STD, weights is not None)


@maker
def timm_net(
    architecture: str, classes: tuple[str, ...], weights: Mapping[str, object] | None = None, width: int = 256
) -> Net:
    """Any timm architecture as a Net; nothing is fetched from a hub.

    weights: the tensors of a file that timm publishes for this architecture, by name; without, they are random.
    Raises ValueError with the nearest names for no such architecture, RuntimeError for tensors that do not fit.
    """
    model = timm_model(architecture, weights)
    model.reset_classifier(0)
    mean, std = model.default_cfg["mean"], model.default_cfg["std"]
    wide = getattr(model, "head_hidden_size", model.num_features)
    head = nn.Linear(width, len(classes))
    return Net(model, bottleneck(wide, width), head, width, classes, mean, std, weights is not None)


def timm_model(architecture: str, weights: Mapping[str, object] | None = None) -> nn.Module:
    """timm's own module. Raises as `timm_net` does."""
    import timm

    if architecture not in (known := timm.list_models()):
        raise ValueError(f"timm has no model {architecture!r}.{nearest(architecture, known)}")
    if weights is None:
        return timm.create_model(architecture, pretrained=False)
    if not weights:  # timm would take them for none given, and ask a hub
        raise RuntimeError(f"There are no tensors for {architecture}.")
    # timm itself renames what its older files call otherwise; with its own head on, it insists on every tensor.
    return timm.create_model(architecture, pretrained=True, pretrained_cfg_overlay={"state_dict": dict(weights)})
