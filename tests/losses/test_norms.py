"""How long features are, and their strongest directions, against NumPy and gradients in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_utils import losses
from tests.losses.points import points


def lengths(x: torch.Tensor) -> list[float]:
    return [math.hypot(*row) for row in x.tolist()]


def test_the_distance_to_a_radius_is_that_of_the_mean_length() -> None:
    x = points(6, 4)
    expected = (sum(lengths(x)) / 6 - 3.0) ** 2
    assert losses.distance_to_radius(x, 3.0).item() == pytest.approx(expected, rel=1e-12)


def test_lengths_that_differ_but_have_the_radius_as_their_mean_cost_nothing() -> None:
    x = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    assert losses.distance_to_radius(x, 2.0).item() == 0


@pytest.mark.parametrize(("radius", "longer"), [(0.5, False), (50.0, True)])
def test_a_step_brings_the_mean_length_closer_to_the_radius(radius: float, longer: bool) -> None:
    x = points(6, 4).requires_grad_()
    losses.distance_to_radius(x, radius).backward()
    assert (sum(lengths(x.detach() - 0.01 * x.grad)) > sum(lengths(x.detach()))) == longer


@pytest.mark.parametrize("step", [0.5, 1.0, 2.0])
def test_stepwise_the_value_is_the_step_squared_and_the_gradient_makes_every_feature_longer(step: float) -> None:
    """Row 22: without the detached norm the gradient is zero, and the value is the same."""
    x = points(6, 4).requires_grad_()
    loss = losses.distance_to_longer(x, step)
    loss.backward()
    assert loss.item() == pytest.approx(step**2, rel=1e-12)
    direction = x.detach() / torch.tensor(lengths(x.detach()), dtype=torch.float64)[:, None]
    torch.testing.assert_close(x.grad, -2 * step * direction / 6)


@pytest.mark.parametrize(
    "loss", [lambda x: losses.distance_to_radius(x, 5.0), lambda x: losses.distance_to_longer(x, 1.0)]
)
def test_features_of_length_zero_have_a_finite_gradient(loss) -> None:
    x = torch.zeros(3, 4, requires_grad=True)
    loss(x).backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("largest", [1, 2, 9])
def test_the_spectral_penalty_is_of_numpys_largest_singular_values(largest: int) -> None:
    x = points(6, 4)
    expected = sum(sorted(np.linalg.svd(x.numpy(), compute_uv=False) ** 2)[::-1][:largest])
    assert losses.batch_spectral_penalty(x, largest).item() == pytest.approx(expected, rel=1e-10)


def test_the_spectral_penalty_shrinks_the_strongest_direction_and_no_other() -> None:
    """Row 23: the other end of the spectrum is what BSS shrinks."""
    x = points(6, 4).requires_grad_()
    losses.batch_spectral_penalty(x).backward()
    u, s, vt = np.linalg.svd(x.detach().numpy(), full_matrices=False)
    np.testing.assert_allclose(x.grad.numpy(), 2 * s[0] * np.outer(u[:, 0], vt[0]), atol=1e-10)
    after = np.linalg.svd((x - 0.01 * x.grad).detach().numpy(), compute_uv=False)
    np.testing.assert_allclose(after, [0.98 * s[0], *s[1:]], rtol=1e-10)


@pytest.mark.parametrize(
    "x",
    [torch.zeros(5, 3), torch.ones(5, 3), torch.eye(4), torch.ones(2, 8), torch.ones(1, 4)],
    ids=["nothing", "rank one", "equal singular values", "fewer rows", "one row"],
)
def test_a_rank_deficient_batch_has_a_finite_spectrum_and_gradient(x: torch.Tensor) -> None:
    x = x.clone().requires_grad_()
    loss = losses.batch_spectral_penalty(x, largest=2)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(x.grad).all()
