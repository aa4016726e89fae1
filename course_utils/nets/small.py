"""Nets for images of 28 to 32 px and for cached features: trained from nothing in seconds on one core."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from torch import nn

from course_utils.errors import nearest
from course_utils.nets.net import Net, maker


def _stage(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def _stages(channels: int, size: int, widths: tuple[int, ...], kernel: int) -> tuple[nn.Module, int]:
    pairs = zip((channels, *widths), widths, strict=False)
    stages = {f"stage{i}": _stage(c_in, c_out, kernel) for i, (c_in, c_out) in enumerate(pairs, 1)}
    flat = widths[-1] * (size // 2 ** len(widths)) ** 2
    return nn.Sequential(OrderedDict(stages, flatten=nn.Flatten())), flat


SMALL_BACKBONES: dict[str, Callable[[int, int], tuple[nn.Module, int]]] = {
    "small": partial(_stages, widths=(16, 32), kernel=5),
    "lenet": partial(_stages, widths=(32, 48), kernel=5),
    "deep": partial(_stages, widths=(16, 32, 64), kernel=3),
}


@maker
def small_cnn(
    channels: int, classes: tuple[str, ...], size: int = 28, width: int = 128, backbone: str = "small"
) -> Net:
    """A net for images of 28 to 32 px, trained from nothing in seconds on one core.

    backbone: `lenet` (5x5, 32-48: the MNIST net of Ganin et al. 2016), `small` (the same at half its width) or `deep`
        (3x3, 16-32-64).
    Raises ValueError with the nearest names for another one.
    """
    if backbone not in SMALL_BACKBONES:
        raise ValueError(f"No small backbone {backbone!r}.{nearest(backbone, SMALL_BACKBONES)}")
    body, flat = SMALL_BACKBONES[backbone](channels, size)
    return Net(body, bottleneck(flat, width), nn.Linear(width, len(classes)), width, classes)


def bottleneck(wide: int, width: int) -> nn.Module:
    """From the backbone's `wide` numbers to the `width` that strategies align."""
    return nn.Sequential(nn.Linear(wide, width, bias=False), nn.BatchNorm1d(width), nn.ReLU())


@maker
def feature_net(dimensions: int, classes: tuple[str, ...], width: int = 256) -> Net:
    """The net for a Domain of cached features `(N, dimensions)`: the backbone has been run already."""
    return Net(nn.Identity(), bottleneck(dimensions, width), nn.Linear(width, len(classes)), width, classes)


def default_net(image_shape: tuple[int, ...], classes: tuple[str, ...]) -> Net:
    """The net that `fit` makes when it is given none: by the shape of one image, `(C, H, W)` or `(D,)`."""
    if len(image_shape) == 1:
        return feature_net(image_shape[0], classes)
    channels, height, width = image_shape
    if height != width or not 16 <= height <= 64:
        raise ValueError(
            f"Images of {height}x{width} px need a net of your choice: fit(..., net=nets.timm_net(...)), or cached "
            "features. The default net is made for squares of 16 to 64 px."
        )
    return small_cnn(channels, classes, size=height)
