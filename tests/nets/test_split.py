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


@pytest.mark.parametrize(
    ("whole", "block", "channels"),
    [
        (cu.nets.small_cnn(3, ("a", "b")), "stage1", 3),
        (cu.nets.small_cnn(1, ("a", "b"), backbone="deep"), "stage2", 1),
        (cu.nets.torchvision_net("resnet18", ("a", "b")), "layer2.1", 3),
        (cu.nets.torchvision_net("mobilenet_v2", ("a", "b")), "features.10", 3),
    ],
    ids=["a net for colour images", "a net for grey ones", "resnet18", "mobilenet_v2"],
)
def test_other_nets_are_cut_and_no_random_number_is_drawn(whole: cu.nets.Net, block: str, channels: int) -> None:
    before = torch.get_rng_state()
    below, above = cu.nets.split(whole.eval(), block, 28)
    assert torch.equal(torch.get_rng_state(), before)
    images = torch.rand(2, channels, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(above(below(images).features).logits, whole(images).logits, rtol=1e-3, atol=1e-4)


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


REFUSED = {
    "another value": (cu.nets.Net(Around(nn.Flatten()), nn.Identity(), nn.Linear(16, 2), 16, ("a", "b")), "first"),
    "another shape": (cu.nets.Net(Around(nn.Identity()), nn.Identity(), nn.Linear(16, 2), 16, ("a", "b")), "first"),
    "a feature for every pixel": (cu.nets.segmenter(1, ("a", "b")), "down1"),
    "maps of a pyramid": (cu.nets.torchvision_detector("fcos_resnet50_fpn", ("a", "b")), "body"),
}


@pytest.mark.parametrize(("whole", "block"), REFUSED.values(), ids=REFUSED)
def test_a_net_that_is_more_than_its_blocks_in_order_is_refused(whole: cu.nets.Net, block: str) -> None:
    with pytest.raises(ValueError, match=f"blocks one after the other, so it cannot be cut at '{block}'"):
        cu.nets.split(whole, block, 4 if block == "first" else 16)
