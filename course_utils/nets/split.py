"""A net cut in two: what lies below the cut answers once and is kept, what lies above it learns."""

from __future__ import annotations

import copy

import torch
from torch import nn

from course_utils.errors import nearest
from course_utils.nets.net import Net, steps_of


def split(net: Net, block: str, side: int) -> tuple[Net, Net]:
    """The net up to a block of its backbone, flattened, and the rest of it, for square images of `side` pixels.

    The first reads images and has the features `(n, d)`, for `extract`; the second reads those and has the net's own
    features and logits, so `fit` with it trains the last blocks alone at the price of the last blocks alone. Both are
    copies.
    Raises ValueError with the nearest names for no such block, and for a backbone that is more than its blocks one
    after the other.
    """
    blocks = [name for name in net.blocks() if name not in ("bottleneck", "head")]
    if block not in blocks:
        raise ValueError(f"The backbone has no block {block!r}.{nearest(block, blocks)}")
    whole = copy.deepcopy(net).eval()
    steps = steps_of(whole.backbone)
    cut = 1 + next(i for i, module in enumerate(steps) if module is whole.blocks()[block][-1])
    mean, std = (tuple(of.flatten().tolist()) for of in (whole.mean, whole.std))
    images = torch.rand(2, len(mean), side, side, device=whole.mean.device)
    with torch.inference_mode():
        shape = nn.Sequential(*steps[:cut])((images - whole.mean) / whole.std).shape[1:]
    lower, upper = nn.Sequential(*steps[:cut], nn.Flatten()), nn.Sequential(nn.Unflatten(1, shape), *steps[cut:])
    below = Net(lower, nn.Identity(), nn.Identity(), shape.numel(), net.classes, mean, std)
    above = Net(upper, whole.bottleneck, whole.head, net.width, net.classes, pretrained=net.pretrained)
    if not _agree(below.eval(), above.eval(), whole, images):
        raise ValueError(f"This backbone is more than its blocks one after the other: it cannot be cut at {block!r}.")
    return below.train(net.training), above.train(net.training)


@torch.inference_mode()
def _agree(below: Net, above: Net, whole: Net, images: torch.Tensor) -> bool:
    try:
        parts = above(below(images).features).features
    except RuntimeError:  # a step that `forward` takes and no module is
        return False
    expected = whole(images).features
    return torch.allclose(parts, expected, rtol=1e-3, atol=1e-3 * float(expected.std()))
