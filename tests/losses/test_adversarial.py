"""What a critic learns, against logarithms written out."""

from __future__ import annotations

import math

import pytest
import torch

from course_utils import losses
from tests.losses.points import points


def test_gradient_reversal_keeps_the_value_and_turns_the_gradient() -> None:
    x = points(3, 2).requires_grad_()
    y = losses.reverse_gradient(x, 0.3)
    assert torch.equal(y, x)
    (y * torch.tensor([1.0, 2.0])).sum().backward()
    torch.testing.assert_close(x.grad, -0.3 * torch.tensor([[1.0, 2.0]], dtype=torch.float64).expand(3, 2))


def test_domain_confusion_equals_the_written_out_logarithms() -> None:
    source, target, smoothing = points(3, 1), points(5, 1, seed=1), 0.1

    def log_loss(logit: float, label: float) -> float:
        p = 1 / (1 + math.exp(-logit))
        return -label * math.log(p) - (1 - label) * math.log(1 - p)

    real = sum(log_loss(z, 0.95) for z in source.flatten().tolist()) / 3
    other = sum(log_loss(z, 0.05) for z in target.flatten().tolist()) / 5
    assert losses.domain_confusion(source, target, smoothing).item() == pytest.approx((real + other) / 2, rel=1e-9)


def test_a_critic_that_does_not_know_pays_ln_two_per_domain() -> None:
    assert losses.domain_confusion(torch.zeros(3, 1), torch.zeros(8, 1)).item() == pytest.approx(math.log(2))


def test_domain_confusion_is_finite_at_logits_of_fifty() -> None:
    sure = torch.full((4, 1), 50.0, requires_grad=True)
    loss = losses.domain_confusion(-sure, sure)
    loss.backward()
    assert loss.item() == pytest.approx(50) and torch.isfinite(sure.grad).all()


def test_swapping_the_domains_turns_the_critics_gradient() -> None:
    """One label for both domains, a published mistake, would leave the sign as it is."""

    def gradient(first: torch.Tensor, second: torch.Tensor) -> float:
        weight = torch.zeros(1, requires_grad=True)
        losses.domain_confusion(first * weight, second * weight).backward()
        return weight.grad.item()

    here, there = points(6, 1), points(6, 1, seed=1, shift=3)
    assert gradient(here, there) == pytest.approx(-gradient(there, here))
    assert gradient(here, there) != 0
