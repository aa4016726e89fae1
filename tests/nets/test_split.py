"""A net cut in two says what the whole one says, and its upper part learns as in the whole one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import course_utils as cu
from tests.tasks.scenes import FAST, scene_domain


@pytest.fixture(scope="module")
def net() -> cu.nets.Net:
    return cu.nets.imagenet_net().eval()


@pytest.mark.parametrize("block", ["conv_stem", "blocks.3", "blocks.6", "conv_head"])
@torch.inference_mode()
def test_both_parts_one_after_the_other_are_the_net(net: cu.nets.Net, block: str) -> None:
    below, above = cu.nets.split(net, block, 64)
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    kept = below(images).features
    assert kept.shape == (3, below.width)
    for own, whole in zip(above(kept), net(images), strict=True):
        torch.testing.assert_close(own, whole, rtol=1e-4, atol=1e-5)
    assert above.pretrained and above.width == net.width and not above.training


def test_the_gradient_of_the_upper_part_is_that_of_the_whole_net(net: cu.nets.Net) -> None:
    below, above = cu.nets.split(net, "blocks.5", 64)
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        kept = below(images).features
    above(kept).logits.square().sum().backward()
    net(images).logits.square().sum().backward()
    own = [p.grad for p in above.backbone.parameters()]
    whole = [p.grad for p in net.backbone.parameters()][-len(own) :]
    for one, other in zip(own, whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    net.zero_grad()


def test_the_upper_part_learns_from_what_extract_kept_and_the_lower_stays(net: cu.nets.Net) -> None:
    rgb = [scene_domain(name, n=40, shift=shift, seed=seed) for name, shift, seed in (("here", 0, 0), ("there", 60, 1))]
    rgb = [cu.Domain(**vars(d) | {"images": np.repeat(d.images, 3, 1), "targets": {"label": d.labels}}) for d in rgb]
    below, above = cu.nets.split(net, "blocks.5", 16)
    before = below.sha256, above.sha256
    pair = cu.pair(tuple(cu.extract(below, domain) for domain in rgb))
    run = cu.fit(cu.DAN(), pair, net=above.with_head(pair.classes), **FAST)
    assert (below.sha256, above.sha256) == before
    first = next(above.backbone.parameters())
    assert not torch.equal(first, next(run.net.backbone.parameters())) and run.history.isna().sum().sum() == 0


def test_a_block_that_it_has_not_is_answered_with_the_nearest(net: cu.nets.Net) -> None:
    with pytest.raises(ValueError, match=r"no block 'block.3'.*'blocks\.3'"):
        cu.nets.split(net, "block.3", 64)
    with pytest.raises(ValueError, match="no block 'head'"):
        cu.nets.split(net, "head", 64)


class Around(nn.Module):
    """Two layers and a way around the second."""

    def __init__(self, flat: nn.Module) -> None:
        super().__init__()
        self.first, self.second, self.flat = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1), flat

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first = self.first(images)
        return self.flat(first + self.second(first)).flatten(1)


@pytest.mark.parametrize("flat", [nn.Flatten(), nn.Identity()], ids=["another value", "another shape"])
def test_a_net_that_is_more_than_its_blocks_in_order_is_refused(flat: nn.Module) -> None:
    around = cu.nets.Net(Around(flat), nn.Identity(), nn.Linear(16, 2), 16, ("a", "b"))
    with pytest.raises(ValueError, match="more than its blocks one after the other: it cannot be cut at 'first'"):
        cu.nets.split(around, "first", 4)
