"""Distances between two clouds against double loops, NumPy and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_utils import losses
from tests.losses.points import points


def mmd_by_loops(source: torch.Tensor, target: torch.Tensor, bandwidths: torch.Tensor) -> float:
    def mean_kernel(xs: torch.Tensor, ys: torch.Tensor) -> float:
        kernels = [
            math.exp(-sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) / (2 * w))
            for x in xs.tolist()
            for y in ys.tolist()
            for w in bandwidths.tolist()
        ]
        return sum(kernels) / len(kernels)

    return mean_kernel(source, source) + mean_kernel(target, target) - 2 * mean_kernel(source, target)


WIDTHS = torch.tensor([0.5, 2.0, 8.0], dtype=torch.float64)


def test_mmd_equals_the_double_loop_written_from_the_paper() -> None:
    source, target = points(5, 3), points(4, 3, seed=1, shift=0.7)
    assert losses.mmd(source, target, WIDTHS).item() == pytest.approx(mmd_by_loops(source, target, WIDTHS), abs=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s, t, w: 1.01 * losses.mmd(s, t, w),
        lambda s, t, w: losses.mmd(s, t, 2 * w),
        lambda s, t, w: losses.mmd(s, t, w.square()),
        lambda s, t, w: losses.mmd(s, t, w).sqrt(),
    ],
    ids=["scaled", "wider", "bandwidth squared", "square root"],
)
def test_the_mmd_oracle_rejects_a_wrong_mmd(wrong) -> None:
    source, target = points(5, 3), points(4, 3, seed=1, shift=0.7)
    assert wrong(source, target, WIDTHS).item() != pytest.approx(mmd_by_loops(source, target, WIDTHS), abs=1e-6)


def test_mmd_of_two_gaussians_in_one_dimension_approaches_the_closed_form() -> None:
    """E k of N(0,1) and N(1,1) under exp(-d^2 / (2 w)): a kernel on the distance instead of its square would fail."""
    w, shift, n = 1.0, 1.0, 4000
    same = math.sqrt(w / (w + 2))
    other = same * math.exp(-(shift**2) / (2 * (w + 2)))
    measured = losses.mmd(points(n, 1), points(n, 1, seed=1, shift=shift), torch.tensor([w], dtype=torch.float64))
    assert measured.item() == pytest.approx(2 * same - 2 * other, abs=0.02)


def test_mmd_is_zero_on_itself_symmetric_and_never_negative() -> None:
    source, target = points(6, 4), points(9, 4, seed=1)
    assert losses.mmd(source, source, WIDTHS).item() == pytest.approx(0, abs=1e-12)
    assert losses.mmd(source, target, WIDTHS) >= 0
    there, back = losses.mmd(source, target, WIDTHS), losses.mmd(target, source, WIDTHS)
    assert there.item() == pytest.approx(back.item(), abs=1e-12)


def test_the_order_of_a_batch_does_not_matter() -> None:
    source, target = points(6, 4), points(9, 4, seed=1)
    shuffled = source[torch.randperm(6)], target[torch.randperm(9)]
    for loss in (lambda s, t: losses.mmd(s, t, WIDTHS), losses.coral):
        assert loss(source, target).item() == pytest.approx(loss(*shuffled).item(), rel=1e-12)


def test_mean_bandwidths_equal_the_mean_over_all_pairs() -> None:
    source, target = points(5, 3), points(4, 3, seed=1, shift=2)
    joint = torch.cat([source, target])
    pairs = [(joint[i] - joint[j]).square().sum() for i in range(9) for j in range(9) if i != j]
    expected = torch.stack(pairs).mean() * torch.tensor([0.5, 1.0], dtype=torch.float64)
    torch.testing.assert_close(losses.mean_bandwidths(source, target, (0.5, 1.0)), expected)


def test_a_bandwidth_carries_no_gradient() -> None:
    source = points(5, 3).requires_grad_()
    assert not losses.mean_bandwidths(source, points(4, 3)).requires_grad


def test_scaling_the_features_keeps_the_gradient_alive() -> None:
    """A fixed list of bandwidths saturates in wide layers; bandwidths from the data keep gradient x scale constant."""

    def gradient(scale: float) -> float:
        source = (scale * points(20, 64)).requires_grad_()
        target = scale * points(20, 64, seed=1, shift=0.5)
        losses.mmd(source, target, losses.mean_bandwidths(source, target)).backward()
        return scale * source.grad.norm().item()

    assert gradient(10) == pytest.approx(gradient(1), rel=1e-6)


def test_collapsed_features_give_a_finite_loss_and_gradient() -> None:
    source = torch.ones(4, 3, requires_grad=True)
    target = torch.ones(5, 3)
    loss = losses.mmd(source, target, losses.mean_bandwidths(source, target))
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(source.grad).all()


def test_coral_equals_numpys_covariance() -> None:
    source, target = points(7, 3), points(5, 3, seed=1)
    difference = np.cov(source.numpy(), rowvar=False) - np.cov(target.numpy(), rowvar=False)
    assert losses.coral(source, target).item() == pytest.approx((difference**2).sum() / (4 * 9), rel=1e-12)


def test_coral_does_not_see_a_shift_and_grows_with_the_fourth_power_of_scale() -> None:
    source, target = points(7, 3), points(5, 3, seed=1)
    plain = losses.coral(source, target)
    assert losses.coral(source, target + 5).item() == pytest.approx(plain.item(), rel=1e-9)
    assert losses.coral(3 * source, 3 * target).item() == pytest.approx(81 * plain.item(), rel=1e-9)


def test_coral_of_one_dimension_is_the_difference_of_variances() -> None:
    source, target = points(7, 1), points(5, 1, seed=1)
    expected = (source.var() - target.var()).square() / 4
    assert losses.coral(source, target).item() == pytest.approx(expected.item(), rel=1e-9)
