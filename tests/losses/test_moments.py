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


# -- several layers at once --------------------------------------------------------------------------------------------


def jmmd_by_loops(layers: list[tuple[torch.Tensor, torch.Tensor]], widths: list[list[float]]) -> float:
    """The product over layers of each layer's mean Gaussian, pair by pair."""
    n, m = map(len, layers[0])

    def kernel(i: int, j: int) -> float:
        product = 1.0
        for (s, t), w in zip(layers, widths, strict=True):
            both = torch.cat([s, t]).tolist()
            squared = sum((a - b) ** 2 for a, b in zip(both[i], both[j], strict=True))
            product *= sum(math.exp(-squared / (2 * v)) for v in w) / len(w)
        return product

    here, there = range(n), range(n, n + m)
    same = sum(kernel(i, j) for i in here for j in here) / n**2 + sum(kernel(i, j) for i in there for j in there) / m**2
    return same - 2 * sum(kernel(i, j) for i in here for j in there) / (n * m)


LAYERS = [(points(5, 3), points(4, 3, seed=1, shift=0.7)), (points(5, 2, seed=2), points(4, 2, seed=3, shift=-0.5))]
LAYER_WIDTHS = [[0.5, 2.0], [1.0, 4.0, 9.0]]


def joint(layers: list, widths: list[list[float]]) -> float:
    return losses.jmmd(layers, [torch.tensor(w, dtype=torch.float64) for w in widths]).item()


def test_joint_mmd_equals_the_loop_over_pairs_and_layers() -> None:
    assert joint(LAYERS, LAYER_WIDTHS) == pytest.approx(jmmd_by_loops(LAYERS, LAYER_WIDTHS), abs=1e-12)


def test_the_oracle_rejects_the_sum_of_the_layers_distances() -> None:
    """The sum is DAN: it sees each layer's marginal, and not which prediction goes with which feature (row 16)."""
    alone = [
        losses.mmd(s, t, torch.tensor(w, dtype=torch.float64)) for (s, t), w in zip(LAYERS, LAYER_WIDTHS, strict=True)
    ]
    assert sum(alone).item() != pytest.approx(jmmd_by_loops(LAYERS, LAYER_WIDTHS), abs=1e-3)


def test_one_layer_twice_is_the_mmd_under_the_squared_kernel() -> None:
    """The square of a Gaussian is a Gaussian of half the bandwidth."""
    source, target = LAYERS[0]
    squared = losses.mmd(source, target, torch.tensor([1.0], dtype=torch.float64))
    assert joint([(source, target)] * 2, [[2.0], [2.0]]) == pytest.approx(squared.item(), rel=1e-12)


def test_joint_mmd_sees_labels_that_changed_places_between_equal_marginals() -> None:
    """Two clusters whose predictions are swapped in the target: either layer alone is the same in both domains."""
    place = torch.tensor([[0.0], [0.0], [3.0], [3.0]], dtype=torch.float64)
    said = torch.tensor([[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 2, dtype=torch.float64)
    swapped = [(place, place), (said, said.flip(0))]
    assert [joint([layer], [[1.0]]) for layer in swapped] == pytest.approx([0, 0], abs=1e-12)
    assert joint(swapped, [[1.0], [1.0]]) > 0.1


# -- central moments ---------------------------------------------------------------------------------------------------


def cmd_by_moments(source: np.ndarray, target: np.ndarray, span: float, moments: int) -> float:
    from scipy import stats

    total = math.dist(source.mean(0), target.mean(0)) / span
    for k in range(2, moments + 1):
        total += math.dist(stats.moment(source, k), stats.moment(target, k)) / span**k
    return total


@pytest.mark.parametrize(("span", "moments"), [(1.0, 5), (2.0, 5), (2.0, 3), (2.0, 1)])
def test_cmd_equals_scipys_central_moments(span: float, moments: int) -> None:
    source, target = points(7, 3).tanh(), points(5, 3, seed=1, shift=0.5).tanh()
    expected = cmd_by_moments(source.numpy(), target.numpy(), span, moments)
    assert losses.cmd(source, target, span, moments).item() == pytest.approx(expected, rel=1e-10)


def test_cmd_of_a_shifted_cloud_is_the_shift_over_the_span() -> None:
    source, shift = points(7, 3).tanh(), torch.tensor([0.3, 0.0, -0.4], dtype=torch.float64)
    assert losses.cmd(source, source + shift, span=4.0).item() == pytest.approx(0.5 / 4, rel=1e-9)


def test_cmd_does_not_depend_on_the_unit_of_its_interval() -> None:
    source, target = points(7, 3).tanh(), points(5, 3, seed=1).tanh()
    plain = losses.cmd(source, target, span=2.0)
    assert losses.cmd(10 * source, 10 * target, span=20.0).item() == pytest.approx(plain.item(), rel=1e-9)


def test_cmd_of_a_mirrored_cloud_is_in_its_odd_moments() -> None:
    skew = torch.tensor([[-0.2], [-0.2], [-0.2], [0.6]], dtype=torch.float64)
    third, fifth = skew.pow(3).mean(), skew.pow(5).mean()
    assert losses.cmd(skew, -skew, 1.0, moments=2).item() == pytest.approx(0, abs=1e-12)
    assert losses.cmd(skew, -skew, 1.0, moments=5).item() == pytest.approx(2 * (third + fifth).item(), rel=1e-9)


def test_cmd_of_equal_clouds_is_zero_with_a_finite_gradient() -> None:
    """The norm of nothing has no slope of its own."""
    source = points(6, 3).tanh().requires_grad_()
    distance = losses.cmd(source, source.detach().clone())
    distance.backward()
    assert distance.item() == 0 and torch.isfinite(source.grad).all()
