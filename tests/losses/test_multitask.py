"""Weights of several tasks and gradients that disagree, against SciPy, loops from the papers, and closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cosine
from scipy.stats import norm

from course_utils import losses
from tests.losses.points import points

REGRESSION, CLASSIFICATION = torch.tensor([True]), torch.tensor([False])


def doubles(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


# -- homoscedastic uncertainty -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0.3, 2.0])
@pytest.mark.parametrize("log_variance", [-1.5, 0.0, 2.0])
def test_a_regressions_term_is_the_gaussians_negative_log_likelihood(error: float, log_variance: float) -> None:
    """Row 35, the sign of log sigma^2: the likelihood says which term shrinks when the variance grows."""
    found = losses.uncertainty_weighted(doubles(error**2), doubles(log_variance), REGRESSION)
    likelihood = norm.logpdf(error, scale=math.exp(log_variance / 2)) + math.log(2 * math.pi) / 2
    assert found.item() == pytest.approx(-likelihood, rel=1e-12)


def test_a_classifications_term_counts_twice_as_much_by_the_same_variance() -> None:
    found = losses.uncertainty_weighted(doubles(0.7, 1.3), doubles(0.5, -1.0), torch.tensor([False, True]))
    sigma = [math.exp(0.25), math.exp(-0.5)]
    expected = [0.7 / sigma[0] ** 2 + math.log(sigma[0]), 1.3 / (2 * sigma[1] ** 2) + math.log(sigma[1])]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("loss", [0.01, 1.0, 40.0])
@pytest.mark.parametrize(("kind", "at"), [(REGRESSION, 1), (CLASSIFICATION, 2)], ids=["regression", "classification"])
def test_scipy_finds_the_least_at_the_log_of_the_loss(loss: float, kind: torch.Tensor, at: int) -> None:
    def term(log_variance: float) -> float:
        return losses.uncertainty_weighted(doubles(loss), doubles(log_variance), kind).item()

    assert minimize_scalar(term, (-8, 8)).x == pytest.approx(math.log(at * loss), abs=1e-4)


# -- GradNorm ----------------------------------------------------------------------------------------------------------


def gradnorm_by_loops(weights, norms, now, first, alpha):
    tasks = range(len(weights))
    mean = sum(weights[i] * norms[i] for i in tasks) / len(weights)
    ratios = [now[i] / first[i] for i in tasks]
    rates = [ratio / (sum(ratios) / len(ratios)) for ratio in ratios]
    return sum(abs(weights[i] * norms[i] - mean * rates[i] ** alpha) for i in tasks)


GRADNORM = [0.5, 1.5, 1.0], [2.0, 1.0, 4.0], [0.9, 0.2, 3.0], [1.0, 1.0, 2.0]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.5])
def test_gradnorm_equals_the_loop_written_from_the_paper(alpha: float) -> None:
    found = losses.gradnorm(*(doubles(*values) for values in GRADNORM), alpha)
    assert found.item() == pytest.approx(gradnorm_by_loops(*GRADNORM, alpha), rel=1e-12)


def test_gradnorm_moves_each_weight_towards_its_aim_and_the_aim_stays() -> None:
    weights, norms, now, first = (doubles(*values) for values in GRADNORM)
    weights.requires_grad_()
    losses.gradnorm(weights, norms, now, first).backward()
    mean = np.mean(np.array(GRADNORM[0]) * GRADNORM[1])
    ratios = np.array(GRADNORM[2]) / GRADNORM[3]
    above = np.array(GRADNORM[0]) * GRADNORM[1] > mean * (ratios / ratios.mean()) ** 1.5
    np.testing.assert_allclose(weights.grad, np.where(above, 1, -1) * GRADNORM[1], rtol=1e-12)


def test_gradnorm_trains_nothing_but_the_weights() -> None:
    _, norms, now, first = (doubles(*values).requires_grad_() for values in GRADNORM)
    losses.gradnorm(doubles(*GRADNORM[0]).requires_grad_(), norms, now, first).backward()
    assert norms.grad is None and now.grad is None and first.grad is None


def test_weights_come_back_to_a_sum_of_as_many_as_there_are_tasks_in_their_proportions() -> None:
    """Row 35, GradNorm without renormalising."""
    weights = losses.renormalised(doubles(0.5, 0.1, 0.2))
    assert weights.sum().item() == pytest.approx(3, rel=1e-12)
    np.testing.assert_allclose(weights / weights[1], [5, 1, 2], rtol=1e-12)


# -- PCGrad ------------------------------------------------------------------------------------------------------------


def projected(i, order, gradients):
    """One row of algorithm 1 for a given order of the other tasks."""
    own = gradients[i].copy()
    for j in order:
        dot = sum(a * b for a, b in zip(own, gradients[j], strict=True))
        if dot < 0:
            own = own - dot / sum(b * b for b in gradients[j]) * gradients[j]
    return own


def every_outcome(i, gradients):
    others = [j for j in range(len(gradients)) if j != i]
    return [projected(i, order, gradients) for order in itertools.permutations(others)]


@pytest.mark.parametrize("seed", range(6))
def test_pcgrad_is_the_algorithm_for_one_order_of_the_others(seed: int) -> None:
    """Row 35, in place: with a changed gradient of another task no order gives this."""
    gradients = points(4, 3, seed)
    before = gradients.clone()
    found = losses.pcgrad(gradients, torch.Generator().manual_seed(seed))
    assert torch.equal(gradients, before)
    for i in range(4):
        assert min(np.abs(found[i].numpy() - one).max() for one in every_outcome(i, before.numpy())) < 1e-12


def test_pcgrad_draws_the_order_for_every_task_anew() -> None:
    """Row 35, the order: always by number, the last task would have the last word."""
    gradients = doubles(1, 0, -1, 1, -1, -2).reshape(3, 2)
    outcomes = every_outcome(0, gradients.numpy())
    assert np.abs(outcomes[0] - outcomes[1]).max() > 0.1, "the two orders differ, or the test is blind"
    met = {
        int(np.argmin([np.abs(losses.pcgrad(gradients, generator)[0].numpy() - o).max() for o in outcomes]))
        for generator in (torch.Generator().manual_seed(seed) for seed in range(20))
    }
    assert met == {0, 1}


def test_tasks_at_a_right_angle_or_in_agreement_are_left_alone() -> None:
    for gradients in (torch.eye(3, dtype=torch.float64), points(1, 5), points(3, 5).abs()):
        assert torch.equal(losses.pcgrad(gradients), gradients)


def test_opposite_tasks_leave_nothing_of_each_other() -> None:
    one = points(1, 5)
    np.testing.assert_allclose(losses.pcgrad(torch.cat((one, -3 * one))), np.zeros((2, 5)), atol=1e-14)


def test_of_two_tasks_in_conflict_neither_is_made_worse() -> None:
    gradients = doubles(1.0, 0.0, -2.0, 1.0).reshape(2, 2)
    step = losses.pcgrad(gradients).sum(0)
    np.testing.assert_allclose(step, [1 - 4 / 5 + 0, 2 / 5 + 1], rtol=1e-12)
    assert (gradients @ step >= 0).all() and gradients[0] @ gradients.sum(0) < 0


def test_a_task_without_gradient_divides_by_nothing() -> None:
    found = losses.pcgrad(torch.cat((points(1, 4), torch.zeros(1, 4, dtype=torch.float64))))
    assert torch.isfinite(found).all()


# -- dynamic weight average --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_dynamic_weights_equal_the_loop_written_from_the_paper(temperature: float) -> None:
    last, before = [0.9, 2.0, 0.1], [1.0, 1.0, 1.0]
    raised = [math.exp(a / b / temperature) for a, b in zip(last, before, strict=True)]
    expected = [3 * e / sum(raised) for e in raised]
    found = losses.dynamic_weight_average(doubles(*last), doubles(*before), temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.argmax() == 1, "the task whose loss rose counts most"


# -- gradients ---------------------------------------------------------------------------------------------------------


def two_headed():
    torch.manual_seed(0)
    trunk, one, other = (torch.nn.Linear(3, 3).double() for _ in range(3))
    x = points(5, 3)

    def terms():
        hidden = trunk(x).tanh()
        return [one(hidden).square().mean(), other(hidden).exp().mean()]

    return trunk, one, terms


def test_task_gradients_are_those_of_one_backward_pass_each() -> None:
    trunk, one, terms = two_headed()
    parameters = [*trunk.parameters(), *one.parameters()]
    found = losses.task_gradients(terms(), parameters)
    assert all(p.grad is None for p in parameters)
    for row, number in zip(found, range(2), strict=True):
        terms()[number].backward()
        expected = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        torch.testing.assert_close(row, torch.cat([g.reshape(-1) for g in expected]))
        for p in parameters:
            p.grad = None
    assert (found[1, -12:] == 0).all(), "the second task does not reach the first one's head"


def test_after_the_gradients_are_looked_at_the_step_can_still_be_made() -> None:
    trunk, _, terms = two_headed()
    both = terms()
    losses.task_gradients(both, list(trunk.parameters()))
    sum(both).backward()
    assert trunk.weight.grad.abs().sum() > 0


def test_cosines_equal_scipys_and_a_task_that_asks_nothing_has_none() -> None:
    gradients = points(3, 7)
    found = losses.gradient_cosines(gradients)
    for i, j in itertools.product(range(3), repeat=2):
        assert found[i, j].item() == pytest.approx(1 - cosine(gradients[i].numpy(), gradients[j].numpy()), abs=1e-12)
    silent = losses.gradient_cosines(torch.cat((gradients, torch.zeros(1, 7, dtype=torch.float64))))
    assert silent[3].isnan().all() and silent[:3, :3].isfinite().all()
