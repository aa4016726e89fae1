"""What batch norm does with two domains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from course_utils import nets
from tests.nets.test_net import images, small


class OneNorm(nn.Module):
    """A net that is only a batch norm, so that every policy has a closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2, momentum=0.1)

    def forward(self, x: torch.Tensor) -> nets.Output:
        y = self.norm(x)
        return nets.Output(y, y)


def two_clouds() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(5, 2), 3 * torch.randn(3, 2) + 7


def normalised(x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    return (x - by.mean(0)) / (by.var(0, correction=0) + 1e-5).sqrt()


def test_joint_normalises_by_both_and_splits_by_length() -> None:
    source, target = two_clouds()
    net, both = OneNorm(), torch.cat([source, target])
    first, second = nets.batchnorm_policy("joint")(net, [source, target])
    torch.testing.assert_close(first.features, normalised(source, both))
    torch.testing.assert_close(second.features, normalised(target, both))
    torch.testing.assert_close(net.norm.running_mean, 0.1 * both.mean(0))


def test_separate_normalises_each_by_itself_and_moves_the_statistics_twice() -> None:
    source, target = two_clouds()
    net = OneNorm()
    first, second = nets.batchnorm_policy("separate")(net, [source, target])
    torch.testing.assert_close(first.features, normalised(source, source))
    torch.testing.assert_close(second.features, normalised(target, target))
    torch.testing.assert_close(net.norm.running_mean, 0.9 * 0.1 * source.mean(0) + 0.1 * target.mean(0))


def test_source_trains_the_statistics_on_the_source_and_applies_them_to_the_target() -> None:
    source, target = two_clouds()
    net = OneNorm()
    first, second = nets.batchnorm_policy("source")(net, [source, target])
    mean, variance = 0.1 * source.mean(0), 0.9 + 0.1 * source.var(0)
    torch.testing.assert_close(first.features, normalised(source, source))
    torch.testing.assert_close(net.norm.running_mean, mean)
    torch.testing.assert_close(second.features, (target - mean) / (variance + 1e-5).sqrt())


def test_frozen_moves_nothing() -> None:
    source, target = two_clouds()
    net = OneNorm()
    first, _ = nets.batchnorm_policy("frozen")(net, [source, target])
    torch.testing.assert_close(first.features, source / (1 + 1e-5) ** 0.5)
    assert torch.equal(net.norm.running_mean, torch.zeros(2)) and net.norm.training


@pytest.mark.parametrize("sizes", [[64], [7, 20, 37], [1] * 3 + [61]], ids=str)
def test_estimated_statistics_are_those_of_the_whole_set_however_it_is_cut(sizes: list[int]) -> None:
    """An exponential average would be that of the last batches (pitfall 27)."""
    net, data = OneNorm(), 3 * torch.randn(64, 2) + 7
    if 1 in sizes:
        # A batch of one image has no variance for a 1-d batch norm; a map's pixels would still have.
        data = data.reshape(64, 2, 1).expand(64, 2, 4) + torch.randn(64, 2, 4)
    nets.estimate_statistics(net, list(data.split(sizes)))
    dimensions = [0] + ([2] if data.ndim == 3 else [])
    torch.testing.assert_close(net.norm.running_mean, data.mean(dimensions), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(net.norm.running_var, data.var(dimensions), atol=1e-5, rtol=1e-5)
    assert net.norm.momentum == 0.1


def test_after_adabn_the_sources_logits_come_back_to_the_last_bit() -> None:
    net, x = small().eval(), images(6, 0)
    before = net(x).logits
    with nets.statistics_of(net, [images(20, 1, shift=2.0)]):
        inside = net(x).logits
    assert not torch.allclose(before, inside, atol=1e-3)
    assert torch.equal(net(x).logits, before)


def test_estimating_statistics_moves_no_weight_and_keeps_the_mode() -> None:
    net = small().train()
    weights = [p.clone() for p in net.parameters()]
    nets.estimate_statistics(net, [images(20, 1)])
    assert net.training and all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    with pytest.raises(ValueError, match="got none"):
        nets.estimate_statistics(net, [])
