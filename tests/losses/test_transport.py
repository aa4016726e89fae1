"""Transport against POT, SciPy's solvers and closed forms."""

from __future__ import annotations

import math
import warnings
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from torch import nn

from course_utils import losses
from tests.losses.points import points


@pytest.fixture(scope="module")
def pot() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in its docstrings, on the day they are compiled
        import ot
    return ot


def cost_of(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return (source[:, None] - target[None]).square().sum(-1)


# -- plans -------------------------------------------------------------------------------------------------------------


def cheapest(cost: np.ndarray) -> float:
    """The linear programme as the textbook has it: all plans with these sums, by SciPy's own solver."""
    n, m = cost.shape
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    sums = np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)])
    return optimize.linprog(cost.ravel(), A_eq=np.concatenate([rows, columns]), b_eq=sums).fun


@pytest.mark.parametrize(("n", "m"), [(6, 6), (5, 3), (3, 8), (1, 4), (4, 1)])
def test_a_plan_is_the_cheapest_of_all_with_these_sums(n: int, m: int) -> None:
    cost = cost_of(points(n, 3), points(m, 3, seed=1))
    plan = losses.transport_plan(cost)
    torch.testing.assert_close(plan.sum(1), torch.full((n,), 1 / n, dtype=torch.float64))
    torch.testing.assert_close(plan.sum(0), torch.full((m,), 1 / m, dtype=torch.float64))
    assert (plan >= 0).all()
    assert (plan * cost).sum().item() == pytest.approx(cheapest(cost.numpy()), rel=1e-9)


def test_the_oracle_rejects_a_plan_that_is_only_possible() -> None:
    cost = cost_of(points(5, 3), points(3, 3, seed=1))
    assert cost.mean().item() > 1.1 * cheapest(cost.numpy())


def test_equally_many_points_are_assigned_one_by_one() -> None:
    cost = cost_of(points(7, 3), points(7, 3, seed=1))
    rows, columns = optimize.linear_sum_assignment(cost.numpy())
    expected = np.zeros((7, 7))
    expected[rows, columns] = 1 / 7
    np.testing.assert_allclose(losses.transport_plan(cost).numpy(), expected, atol=1e-12)


def test_a_copy_in_another_order_costs_nothing_and_is_found() -> None:
    source, order = points(9, 4), torch.randperm(9)
    cost = cost_of(source, source[order])
    plan = losses.transport_plan(cost)
    assert (plan * cost).sum().item() == pytest.approx(0, abs=1e-12)
    assert torch.equal(plan.argmax(0), order)


def test_a_plan_is_a_constant_of_its_costs_kind() -> None:
    """Row 26: with gradient in the plan, the net would learn to make the plan cheap and not the images alike."""
    cost = torch.rand(4, 3, requires_grad=True)
    plan = losses.transport_plan(cost)
    assert not plan.requires_grad and plan.dtype == torch.float32
    assert losses.transport_plan(cost.bfloat16()).dtype == torch.float32


def test_a_cost_that_is_no_number_gives_a_plan_of_none() -> None:
    cost = torch.rand(4, 3)
    cost[0, 0] = torch.nan
    assert losses.transport_plan(cost).isnan().all()


def test_the_cost_of_a_label_is_the_cross_entropy_of_each_image_with_it() -> None:
    logits, labels = points(4, 3), torch.tensor([2, 0, 2])
    found = losses.pairwise_cross_entropy(labels, logits)
    for i, y in enumerate(labels.tolist()):
        for j, row in enumerate(logits.tolist()):
            assert found[i, j].item() == pytest.approx(math.log(sum(map(math.exp, row))) - row[y], rel=1e-9)


# -- along lines -------------------------------------------------------------------------------------------------------

SIZES = [(6, 6), (5, 3), (4, 6), (1, 7), (7, 1), (8, 9)]


def along(directions: int, d: int = 3) -> torch.Tensor:
    return losses.random_directions(points(1, d), directions)


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_along_each_line_it_is_scipys_wasserstein_distance(n: int, m: int) -> None:
    source, target, lines = points(n, 3), points(m, 3, seed=1, shift=0.5), along(4)
    each = [stats.wasserstein_distance(source @ line, target @ line) for line in lines]
    found = losses.sliced_wasserstein(source, target, lines, order=1)
    assert found.item() == pytest.approx(np.mean(each), rel=1e-9)


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_the_squared_distance_is_the_square_of_pots(pot: ModuleType, n: int, m: int) -> None:
    source, target, lines = points(n, 3), points(m, 3, seed=1, shift=0.5), along(5)
    root = pot.sliced_wasserstein_distance(source.numpy(), target.numpy(), projections=lines.T.numpy())
    assert losses.sliced_wasserstein(source, target, lines).item() == pytest.approx(root**2, rel=1e-9)


def test_in_one_dimension_it_is_the_exact_plans_cost() -> None:
    source, target = points(6, 1), points(4, 1, seed=1, shift=1)
    cost = cost_of(source, target)
    exact = (losses.transport_plan(cost) * cost).sum()
    line = torch.ones(1, 1, dtype=torch.float64)
    assert losses.sliced_wasserstein(source, target, line).item() == pytest.approx(exact.item(), rel=1e-9)


def test_a_copy_in_another_order_is_at_no_distance() -> None:
    source = points(9, 3)
    assert losses.sliced_wasserstein(source, source[torch.randperm(9)], along(8)).item() == pytest.approx(0, abs=1e-24)


def test_along_many_lines_a_shift_counts_with_the_dth_part_of_its_square() -> None:
    source, shift = points(50, 3), torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64)
    assert losses.sliced_wasserstein(source, source + shift, along(20_000)).item() == pytest.approx(9 / 3, rel=0.03)


def test_the_gradient_of_the_sliced_distance_agrees_with_finite_differences() -> None:
    source, target, lines = points(5, 3).requires_grad_(), points(3, 3, seed=1), along(4)
    assert torch.autograd.gradcheck(lambda s: losses.sliced_wasserstein(s, target, lines), (source,))


def test_directions_have_length_one_and_favour_none() -> None:
    lines = along(20_000)
    torch.testing.assert_close(lines.norm(dim=1), torch.ones(20_000, dtype=torch.float64))
    torch.testing.assert_close(lines.T @ lines / 20_000, torch.eye(3, dtype=torch.float64) / 3, atol=0.01, rtol=0)
    assert losses.random_directions(torch.zeros(2, 3), 5).dtype == torch.float32


# -- slopes ------------------------------------------------------------------------------------------------------------


def test_a_linear_critic_pays_for_the_length_of_its_weights() -> None:
    critic = nn.Linear(3, 1).double()
    penalty = losses.gradient_penalty(critic, points(5, 3))
    penalty.backward()
    weights = critic.weight.detach()
    length = math.hypot(*weights[0].tolist())
    assert penalty.item() == pytest.approx((length - 1) ** 2, rel=1e-9)
    torch.testing.assert_close(critic.weight.grad, 2 * (length - 1) * weights / length)


def test_a_curved_critic_pays_at_each_point_for_the_slope_there() -> None:
    x = points(5, 3)
    expected = np.mean([(math.hypot(*row) - 1) ** 2 for row in x.tolist()])
    found = losses.gradient_penalty(lambda at: at.square().sum(1, keepdim=True) / 2, x)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_a_flat_critic_has_a_finite_gradient() -> None:
    critic = nn.Linear(3, 1)
    nn.init.zeros_(critic.weight)
    penalty = losses.gradient_penalty(critic, torch.ones(4, 3))
    penalty.backward()
    assert penalty.item() == 1 and torch.isfinite(critic.weight.grad).all()
