"""Every loss against an oracle that shares no code with it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from course_utils import losses


def points(n: int, d: int, seed: int = 0, shift: float = 0.0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype) + shift


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


PAIRWISE = {
    "mmd": lambda s, t: losses.mmd(s, t, losses.mean_bandwidths(s, t)),
    "coral": losses.coral,
    "domain_confusion": lambda s, t: losses.domain_confusion(s[:, :1], t[:, :1]),
    "cross_entropy": lambda s, t: losses.cross_entropy(s, torch.zeros(len(s), dtype=torch.long)),
}


@pytest.mark.parametrize("name", PAIRWISE)
def test_a_loss_under_autocast_equals_the_float32_loss(name: str) -> None:
    """Gram and covariance matrices in bfloat16 cost up to 20 points of accuracy (pitfall 45)."""
    source, target = (
        points(32, 64, dtype=torch.float32),
        points(32, 64, seed=1, shift=0.1, dtype=torch.float32),
    )
    plain = PAIRWISE[name](source, target)
    with torch.autocast("cpu", torch.bfloat16):
        inside = PAIRWISE[name](source, target)
        narrow = PAIRWISE[name](source.bfloat16(), target.bfloat16())
    assert inside.dtype == narrow.dtype == torch.float32
    assert inside.item() == pytest.approx(plain.item(), abs=1e-5)


@pytest.mark.parametrize("name", PAIRWISE)
def test_gradients_agree_with_finite_differences(name: str) -> None:
    source = points(4, 3).requires_grad_()
    target = points(5, 3, seed=1, shift=0.5)
    # Bandwidths are detached on purpose, so they are held fixed here.
    fixed = losses.mean_bandwidths(source, target)
    loss = (lambda s, t: losses.mmd(s, t, fixed)) if name == "mmd" else PAIRWISE[name]
    assert torch.autograd.gradcheck(lambda s: loss(s, target), (source,))


def test_shapes_are_checked_where_the_mistake_is_made() -> None:
    with pytest.raises(Exception, match=r"(?s)target.*d=3"):
        losses.coral(torch.zeros(5, 3), torch.zeros(5, 4))
