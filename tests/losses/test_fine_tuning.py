"""Penalties that hold fine-tuning back, against loops and NumPy's singular values."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_utils import losses
from tests.losses.points import points


def test_l2sp_is_half_the_squared_distance() -> None:
    start = torch.tensor([1.0, 2.0, 3.0])
    assert losses.l2_sp(start, start.clone()) == 0
    assert losses.l2_sp(start + torch.tensor([0.0, 3.0, 4.0]), start).item() == pytest.approx(12.5)


@pytest.mark.parametrize("places", [(), (2, 3)], ids=["features", "maps"])
def test_the_distance_of_maps_equals_the_loop_over_images_channels_and_places(places: tuple) -> None:
    maps, start = torch.randn(2, 4, 3, *places, dtype=torch.float64)
    attention = torch.tensor([0.5, 2.0, 0.5], dtype=torch.float64)
    number = math.prod(places)
    loop = [
        attention[c] * (maps[i, c].flatten()[p] - start[i, c].flatten()[p]) ** 2
        for i in range(4)
        for c in range(3)
        for p in range(number)
    ]
    expected = sum(loop) / (2 * 4 * number)
    assert losses.map_distance(maps, start, attention).item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_channels_cost_is_what_a_linear_loss_gains_without_it() -> None:
    """For a linear loss the first order is all there is."""
    maps, slope = torch.randn(2, 4, 3, 2, 2, dtype=torch.float64)
    whole = (slope * maps).sum()
    for c, cost in enumerate(losses.channel_costs(maps, slope)):
        without = maps.clone()
        without[:, c] = 0
        assert cost.item() == pytest.approx(((slope * without).sum() - whole).item(), rel=1e-9)


def test_attention_is_positive_of_mean_one_in_the_order_of_the_costs_whatever_their_scale() -> None:
    costs = torch.tensor([0.3, -0.1, 0.7, 0.0], dtype=torch.float64)
    attention = losses.channel_attention(costs)
    weights = np.exp((costs.numpy() - costs.numpy().mean()) / costs.numpy().std() / 5)
    np.testing.assert_allclose(attention, 4 * weights / weights.sum(), rtol=1e-12)
    torch.testing.assert_close(losses.channel_attention(1e-6 * costs + 3), attention, rtol=1e-6, atol=0)
    assert torch.equal(losses.channel_attention(torch.zeros(4)), torch.ones(4))


@pytest.mark.parametrize(("n", "d", "smallest"), [(7, 4, 1), (4, 7, 2), (5, 5, 5)])
def test_spectral_shrinkage_equals_numpys_smallest_singular_values(n: int, d: int, smallest: int) -> None:
    features = points(n, d)
    values = np.sort(np.linalg.svd(features.numpy(), compute_uv=False))[:smallest]
    found = losses.batch_spectral_shrinkage(features, smallest).item()
    assert found == pytest.approx((values**2).sum(), rel=1e-12)


@pytest.mark.parametrize(
    "features",
    [torch.zeros(6, 4), torch.eye(6, 4), torch.ones(6, 4), points(6, 2) @ points(2, 4)],
    ids=["nothing", "all equal", "one direction", "two directions"],
)
def test_spectral_shrinkage_is_finite_where_singular_values_are_equal_or_zero(features: torch.Tensor) -> None:
    """Row 23: through singular vectors the gradient of such a batch is not a number."""
    features = features.clone().requires_grad_()
    loss = losses.batch_spectral_shrinkage(features, 2)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(features.grad).all()


def test_a_step_of_spectral_shrinkage_shrinks_the_smallest_direction_and_no_other() -> None:
    """Row 23: the wrong end of the spectrum would take away what transfers best."""
    features = points(8, 5).requires_grad_()
    losses.batch_spectral_shrinkage(features).backward()
    stepped = (features - 0.1 * features.grad).detach()
    before, after = (np.linalg.svd(x.numpy(), compute_uv=False) for x in (features.detach(), stepped))
    assert after[-1] == pytest.approx(0.8 * before[-1], rel=1e-9)
    np.testing.assert_allclose(after[:-1], before[:-1], rtol=1e-9)
