"""The U-Net: a feature for every pixel, few weights, and a net like every other."""

from __future__ import annotations

import copy

import pytest
import torch

from course_utils import nets

CLASSES = ("a", "b", "c")


def images(n: int, height: int = 24, width: int = 16) -> torch.Tensor:
    return torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("make", [nets.segmenter, nets.detector])
def test_a_dense_net_stays_under_150_000_weights(make) -> None:
    assert sum(p.numel() for p in make(3, tuple("0123456789")).parameters()) < 150_000


def test_every_pixel_has_features_and_a_logit_for_the_background_and_each_class() -> None:
    output = nets.segmenter(3, CLASSES)(images(2))
    assert output.features.shape == (2, 16, 24, 16) and output.logits.shape == (2, 4, 24, 16)


def test_a_pixels_logits_are_the_head_of_its_own_features() -> None:
    net = nets.segmenter(3, CLASSES).eval()
    features, logits = net(images(2))
    expected = features[1, :, 5, 7] @ net.head.weight[:, :, 0, 0].T + net.head.bias
    torch.testing.assert_close(logits[1, :, 5, 7], expected)


def test_the_way_up_is_joined_with_the_way_down() -> None:
    """Without the skips a change of one pixel would be seen in blocks of eight."""
    net = nets.UNet(3).eval()
    for up in (net.up3, net.up2, net.up1):
        torch.nn.init.zeros_(up.fewer.weight)  # nothing comes from below
        torch.nn.init.zeros_(up.fewer.bias)
    x = images(1)
    other = x.clone()
    other[0, :, 9, 6] += 1
    rows, columns = (net(x) - net(other)).abs().sum((0, 1)).gt(1e-6).nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 11, 4, 8), "two 3x3 convolutions"


def test_what_lies_far_away_is_seen_through_the_way_down() -> None:
    net = nets.UNet(3).double().eval()
    x = images(1, 64, 64).double().requires_grad_()
    net(x)[0, :, 32, 32].sum().backward()
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    assert rows.max() - rows.min() >= 30, "a digit of 30 px, wherever the pixel lies in it"


def test_a_side_that_cannot_be_halved_three_times_is_refused() -> None:
    with pytest.raises(ValueError, match="28x24 px cannot be halved three times"):
        nets.segmenter(3, CLASSES)(images(1, 24, 28))


@pytest.mark.parametrize("make", [nets.segmenter, nets.detector])
def test_a_dense_net_has_blocks_in_order_and_a_recipe(make) -> None:
    net = make(3, CLASSES)
    assert list(net.blocks()) == [*(f"down{i}" for i in (1, 2, 3, 4)), *(f"up{i}" for i in (3, 2, 1)), "head"]
    held = [id(p) for modules in net.blocks().values() for module in modules for p in module.parameters()]
    assert sorted(held) == sorted(id(p) for p in net.parameters())
    other = nets.rebuilt(net.recipe)
    other.load_state_dict(net.state_dict())
    assert other.sha256 == net.sha256


@pytest.mark.parametrize("policy", nets.BATCHNORM_POLICIES)
def test_the_batch_norm_policies_take_maps_as_they_take_vectors(policy: str) -> None:
    net = nets.segmenter(3, CLASSES)
    source, target = nets.batchnorm_policy(policy)(copy.deepcopy(net), [images(2), images(3)])
    assert source.logits.shape == (2, 4, 24, 16) and target.logits.shape == (3, 4, 24, 16)
