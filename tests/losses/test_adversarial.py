"""What a critic learns, against logarithms written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy
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


@pytest.mark.parametrize("strength", [-0.1, float("nan")])
def test_a_strength_below_zero_is_refused(strength: float) -> None:
    """A schedule of one's own may fall below zero; the features would then help the critic, in silence."""
    with pytest.raises(ValueError, match=rf"strength {strength}: below zero the features would help the critic"):
        losses.reverse_gradient(points(3, 2), strength)


def test_a_critics_labels_inverted_equal_the_written_out_logarithm() -> None:
    logits = points(5, 1)
    expected = sum(-math.log(1 / (1 + math.exp(-z))) for z in logits.flatten().tolist()) / 5
    assert losses.inverted_labels(logits).item() == pytest.approx(expected, rel=1e-9)


def test_a_target_that_is_seen_through_still_has_a_gradient() -> None:
    """-log D, not log(1 - D): where the critic is sure, the other's gradient is gone."""
    sure = torch.full((4, 1), -50.0, requires_grad=True)
    losses.inverted_labels(sure).backward()
    assert torch.allclose(sure.grad, torch.full((4, 1), -0.25))


# -- a critic that knows the prediction --------------------------------------------------------------------------------


def test_the_multilinear_map_is_the_outer_product_of_each_image() -> None:
    features, classes = points(5, 3), points(5, 4, seed=1).softmax(1)
    expected = np.stack([np.outer(f, g).ravel() for f, g in zip(features.numpy(), classes.numpy(), strict=True)])
    np.testing.assert_allclose(losses.multilinear_map(features, classes).numpy(), expected)


def test_the_randomised_map_keeps_the_inner_products_of_the_multilinear_map() -> None:
    """Row 19: E <T(f, g), T(f', g')> = <f, f'> <g, g'>, which a missing 1 / sqrt(m) would multiply by m."""
    features, classes = points(3, 6), points(3, 4, seed=1).softmax(1)
    of_features, of_classes = points(200_000, 6, seed=2), points(200_000, 4, seed=3)
    drawn = losses.randomised_map(features, classes, of_features, of_classes)
    whole = losses.multilinear_map(features, classes)
    torch.testing.assert_close(drawn @ drawn.T, whole @ whole.T, rtol=0.03, atol=0.03)


def test_the_randomised_map_equals_its_sums_written_out() -> None:
    features, classes, of_features, of_classes = points(2, 3), points(2, 2, 1), points(4, 3, 2), points(4, 2, 3)
    for i in range(2):
        for j in range(4):
            f = sum(of_features[j, a] * features[i, a] for a in range(3))
            g = sum(of_classes[j, c] * classes[i, c] for c in range(2))
            drawn = losses.randomised_map(features, classes, of_features, of_classes)[i, j]
            assert drawn.item() == pytest.approx((f * g / 2).item(), rel=1e-9)


def test_entropy_weights_equal_scipys_entropy_and_have_mean_one() -> None:
    logits = 3 * points(6, 4)
    plain = 1 + np.exp(-scipy.stats.entropy(scipy.special.softmax(logits.numpy(), axis=1), axis=1))
    weights = losses.entropy_weights(logits.requires_grad_())
    np.testing.assert_allclose(weights.flatten().numpy(), plain / plain.mean())
    assert not weights.requires_grad


def test_a_sure_prediction_counts_at_most_twice_an_unsure_one() -> None:
    sure, unsure = torch.tensor([50.0, -50, -50]), torch.zeros(3)
    high, low = losses.entropy_weights(torch.stack([sure, unsure])).flatten()
    assert (high / low).item() == pytest.approx(2 / (1 + 1 / 3))


def test_weighted_domain_confusion_equals_a_loop_over_images() -> None:
    source, target = points(3, 1), points(5, 1, seed=1)
    w, v = losses.entropy_weights(2 * points(3, 4, seed=2)), losses.entropy_weights(points(5, 4, seed=3))

    def mean(weights: torch.Tensor, logits: torch.Tensor) -> float:
        rows = zip(weights.flatten().tolist(), logits.flatten().tolist(), strict=True)
        return sum(weight * math.log(1 + math.exp(-z)) for weight, z in rows) / len(logits)

    expected = (mean(w, source) + mean(v, -target)) / 2
    weighted = losses.domain_confusion(source, target, 0.0, w, v)
    assert weighted.item() == pytest.approx(expected, rel=1e-9)
    assert losses.domain_confusion(source, target).item() != pytest.approx(weighted.item(), rel=1e-3)


def test_equal_weights_are_no_weights() -> None:
    source, target = points(3, 1), points(5, 1, seed=1)
    equal = [losses.entropy_weights(torch.zeros(n, 4, dtype=torch.float64)) for n in (3, 5)]
    plain = losses.domain_confusion(source, target, 0.1)
    assert losses.domain_confusion(source, target, 0.1, *equal).item() == pytest.approx(plain.item(), rel=1e-12)
