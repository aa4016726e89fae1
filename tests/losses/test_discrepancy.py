"""How far two classifiers disagree, against loops over images and classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from course_utils import losses
from tests.losses.points import points


def discrepancy_by_loops(first: torch.Tensor, second: torch.Tensor) -> float:
    p, q = softmax(first.numpy(), axis=1), softmax(second.numpy(), axis=1)
    n, k = p.shape
    return sum(abs(p[i, c] - q[i, c]) for i in range(n) for c in range(k)) / (n * k)


def test_the_discrepancy_equals_the_loop_over_images_and_classes() -> None:
    first, second = points(5, 4), points(5, 4, seed=1)
    measured = losses.classifier_discrepancy(first, second).item()
    assert measured == pytest.approx(discrepancy_by_loops(first, second), rel=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p, q: (p - q).abs().mean(),
        lambda p, q: (p.softmax(0) - q.softmax(0)).abs().mean(),
        lambda p, q: (p.softmax(1) - q.softmax(1)).abs().sum(1).mean(),
        lambda p, q: (p.softmax(1) - q.softmax(1)).square().mean(),
    ],
    ids=["of logits", "softmax over images", "not divided by classes", "squared"],
)
def test_the_discrepancys_oracle_rejects_a_wrong_one(wrong) -> None:
    first, second = points(5, 4), points(5, 4, seed=1)
    assert wrong(first, second).item() != pytest.approx(discrepancy_by_loops(first, second), rel=1e-3)


def test_equal_heads_do_not_differ_and_opposite_ones_differ_by_two_shares() -> None:
    """Row 20. Two sure heads of other opinions: |1 - 0| twice in k classes."""
    first = 50 * torch.eye(4)
    assert losses.classifier_discrepancy(first, first.clone()).item() == 0
    assert losses.classifier_discrepancy(first, first.roll(1, 0)).item() == pytest.approx(2 / 4)


# -- margin disparity --------------------------------------------------------------------------------------------------


def margin_disparity_by_loops(s_adv, s_logits, t_adv, t_logits, gamma: float) -> float:
    """Zhang et al. 2019: image by image, with the class of the plain head."""
    source = [log_softmax(a)[z.argmax()] for a, z in zip(s_adv.numpy(), s_logits.numpy(), strict=True)]
    target = [math.log(1 - softmax(a)[z.argmax()]) for a, z in zip(t_adv.numpy(), t_logits.numpy(), strict=True)]
    return sum(target) / len(target) + gamma * sum(source) / len(source)


HEADS = points(5, 4), points(5, 4, seed=1), points(3, 4, seed=2), points(3, 4, seed=3)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 4.0])
def test_the_margin_disparity_equals_the_loop_over_images(gamma: float) -> None:
    expected = margin_disparity_by_loops(*HEADS, gamma)
    assert losses.margin_disparity(*HEADS, gamma).item() == pytest.approx(expected, rel=1e-9)


def test_the_margin_disparitys_oracle_rejects_published_mistakes() -> None:
    """Row 21: every image against every label (n x n), and a softmax of what is a softmax already."""
    s_adv, s_logits, t_adv, t_logits = HEADS
    s, t = s_logits.argmax(1), t_logits.argmax(1)
    crossed = (1 - t_adv.softmax(1)[:, t]).log().mean() + 4 * s_adv.log_softmax(1)[:, s].mean()
    twice = losses.margin_disparity(s_adv.softmax(1), s_logits, t_adv.softmax(1), t_logits, 4.0)
    for wrong in (crossed, twice):
        assert wrong.item() != pytest.approx(margin_disparity_by_loops(*HEADS, 4.0), rel=1e-3)


def test_the_margin_factor_scales_the_source_alone() -> None:
    one, three, none = (losses.margin_disparity(*HEADS, gamma) for gamma in (1.0, 3.0, 0.0))
    assert (three - none).item() == pytest.approx(3 * (one - none).item(), rel=1e-9)
    target_alone = losses.margin_disparity(points(7, 4, seed=9), points(7, 4, seed=8), *HEADS[2:], 0.0)
    torch.testing.assert_close(target_alone, none)
    assert none < -0.1 and one < none


def test_no_gradient_reaches_the_head_that_names_the_class() -> None:
    heads = [h.clone().requires_grad_() for h in HEADS]
    losses.margin_disparity(*heads, 4.0).backward()
    assert heads[1].grad is None and heads[3].grad is None
    assert heads[0].grad.norm() > 0 and heads[2].grad.norm() > 0


@pytest.mark.parametrize("sure", [50.0, -50.0, 500.0])
def test_a_sure_adversary_has_a_finite_value_and_a_living_gradient(sure: float) -> None:
    """log(1 - p) by way of p is minus infinity in float32 at a logit of 50."""
    adversary = (sure * torch.eye(3)).requires_grad_()
    logits = torch.eye(3)
    loss = losses.margin_disparity(adversary, logits, adversary, logits, 4.0)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(adversary.grad).all() and adversary.grad.norm() > 0.1


def test_the_margin_disparitys_gradient_agrees_with_finite_differences() -> None:
    s_adv, t_adv = HEADS[0].clone().requires_grad_(), HEADS[2].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda s, t: losses.margin_disparity(s, HEADS[1], t, HEADS[3], 4.0), (s_adv, t_adv))


def test_a_game_of_two_classes_has_the_closed_form_of_the_paper() -> None:
    """With one logit difference x each: log(1 - p) is the logistic loss of the other class."""
    x = np.array([-1.0, 0.5, 2.0])
    adversary = torch.tensor(np.stack([x, 0 * x], 1))
    logits = torch.tensor([[1.0, 0.0]] * 3, dtype=torch.float64)
    expected = -np.log1p(np.exp(x)).mean() - 2 * np.log1p(np.exp(-x)).mean()
    assert losses.margin_disparity(adversary, logits, adversary, logits, 2.0).item() == pytest.approx(
        expected, rel=1e-9
    )
