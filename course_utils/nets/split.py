"""A net cut in two: what lies below the cut answers once and is kept, what lies above it learns."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from course_utils.errors import nearest
from course_utils.nets.net import Net, steps_of


def split(net: Net, block: str, side: int) -> tuple[Net, Net]:
    """The net up to a block of its backbone, flattened, and the rest of it, for square images of `side` pixels.

    The first reads images and has the features `(n, d)`, for `extract`; the second reads those and has the net's own
    features and logits, so `fit` with it trains the last blocks alone at the price of the last blocks alone. Both are
    copies, on the net's device.
    Raises ValueError with the nearest names for no such block, and for a net whose features of these images are not
    those of its blocks one after the other.
    """
    blocks = [name for name in net.blocks() if name not in ("bottleneck", "head")]
    if block not in blocks:
        raise ValueError(f"The backbone has no block {block!r}.{nearest(block, blocks)}")
    whole = copy.deepcopy(net).eval()
    steps = steps_of(whole.backbone)
    cut = 1 + next(i for i, module in enumerate(steps) if module is whole.blocks()[block][-1])
    images = _images(whole, side)
    try:
        below, above = _parts(whole, steps[:cut], steps[cut:], images)
        with torch.inference_mode():
            parts, features = above(below(images).features).features, whole(images).features
    except (RuntimeError, TypeError, AttributeError, AssertionError) as error:  # `forward` does what no block does
        raise ValueError(_refusal(block, side)) from error
    if parts.shape != features.shape or not torch.allclose(parts, features, rtol=1e-3, atol=1e-3 * features.std()):
        raise ValueError(_refusal(block, side))
    return below.train(net.training), above.train(net.training)


def _parts(whole: Net, lower: list[nn.Module], upper: list[nn.Module], images: Tensor) -> tuple[Net, Net]:
    with torch.inference_mode():
        shape = nn.Sequential(*lower)((images - whole.mean) / whole.std).shape[1:]
    mean, std = (tuple(of.flatten().tolist()) for of in (whole.mean, whole.std))
    below = Net(
        nn.Sequential(*lower, nn.Flatten()), nn.Identity(), nn.Identity(), shape.numel(), whole.classes, mean, std
    )
    backbone = nn.Sequential(nn.Unflatten(1, shape), *upper, nn.Flatten())  # torchvision's nets flatten in `forward`
    above = Net(backbone, whole.bottleneck, whole.head, whole.width, whole.classes, pretrained=whole.pretrained)
    return below.to(images.device).eval(), above.to(images.device).eval()


def _images(net: Net, side: int) -> Tensor:
    channels = max(net.mean.shape[1], next(net.backbone.parameters()).shape[1])
    return torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(0)).to(net.mean.device)


def _refusal(block: str, side: int) -> str:
    return (
        f"This net's features of images of {side} px are not those of its blocks one after the other, so it cannot be "
        f"cut at {block!r}."
    )
