"""Triplets, contrast and class means against loops over images, SciPy and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special
from scipy.spatial import distance
from sklearn.neighbors import NearestCentroid

from course_utils import losses
from tests.losses.points import points

LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 3])
"""Seven images, of which the fourth and the last are alone in their classes."""


# -- triplets ----------------------------------------------------------------------------------------------------------


def triplets_by_loops(features: np.ndarray, labels: list[int], margin: float) -> list[float]:
    """Equation 5 of the paper, one image after the other."""
    costs = []
    for a, f in enumerate(features):
        friends = [math.dist(f, g) for i, g in enumerate(features) if i != a and labels[i] == labels[a]]
        others = [math.dist(f, g) for i, g in enumerate(features) if labels[i] != labels[a]]
        costs.append(max(margin + max(friends) - min(others), 0) if friends and others else 0.0)
    return costs


@pytest.mark.parametrize("margin", [0.0, 0.7, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_batch_hard_triplets_are_those_of_the_loop(seed: int, margin: float) -> None:
    features = points(7, 3, seed=seed)
    expected = triplets_by_loops(features.numpy(), LABELS.tolist(), margin)
    np.testing.assert_allclose(losses.batch_hard_triplets(features, LABELS, margin), expected, rtol=1e-10)


def test_the_hardest_pairs_are_chosen_and_distances_are_not_squared() -> None:
    """By hand, on a line: 0, 1 and 3 of one class, 5 and 9 of another."""
    features = torch.tensor([0.0, 1.0, 3.0, 5.0, 9.0], dtype=torch.float64)[:, None]
    costs = losses.batch_hard_triplets(features, torch.tensor([0, 0, 0, 1, 1]), 1.0)
    assert costs.tolist() == [0.0, 0.0, 2.0, 3.0, 0.0]


def test_a_batch_of_one_class_has_no_triplet_and_pulls_at_nothing() -> None:
    features = points(5, 3).requires_grad_()
    costs = losses.batch_hard_triplets(features, torch.full((5,), 2))
    costs.sum().backward()
    assert not costs.any() and not features.grad.any()


def test_images_that_coincide_cost_the_margin_and_have_a_finite_gradient() -> None:
    """A root of the Gram matrix would have an infinite slope here."""
    features = torch.ones(6, 3).requires_grad_()
    costs = losses.batch_hard_triplets(features, torch.arange(6) % 2, 0.5)
    costs.sum().backward()
    assert costs.tolist() == [0.5] * 6 and torch.isfinite(features.grad).all()


def test_a_step_downhill_brings_friends_nearer_than_strangers() -> None:
    features, labels = points(8, 2).requires_grad_(), torch.arange(8) % 2
    optimiser = torch.optim.SGD([features], lr=0.3)
    for _ in range(200):
        optimiser.zero_grad()
        losses.batch_hard_triplets(features, labels).mean().backward()
        optimiser.step()
    d, same = distance.cdist(features.detach(), features.detach()), labels[:, None] == labels
    assert d[same].max() < d[~same].min()


# -- contrast ----------------------------------------------------------------------------------------------------------


def contrast_by_loops(features: np.ndarray, labels: list[int], temperature: float) -> float:
    """Equation 2 of the paper."""
    z, total = [f / np.linalg.norm(f) for f in features], 0.0
    for i in range(len(z)):
        friends = [p for p in range(len(z)) if p != i and labels[p] == labels[i]]
        below = sum(math.exp(z[i] @ z[a] / temperature) for a in range(len(z)) if a != i)
        if friends:
            total -= sum(math.log(math.exp(z[i] @ z[p] / temperature) / below) for p in friends) / len(friends)
    return total / len(z)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_supervised_contrast_is_that_of_the_papers_loops(seed: int, temperature: float) -> None:
    features = points(7, 4, seed=seed)
    expected = contrast_by_loops(features.numpy(), LABELS.tolist(), temperature)
    assert losses.supervised_contrastive(features, LABELS, temperature).item() == pytest.approx(expected, rel=1e-10)


def test_contrast_is_lowest_where_each_class_is_one_direction() -> None:
    """Closed form: two classes of three at right angles, log(2 e^(1/T) + 3) - 1/T."""
    features = torch.eye(2, dtype=torch.float64).repeat_interleave(3, 0) * torch.arange(1, 7)[:, None]
    found = losses.supervised_contrastive(features, torch.tensor([0, 0, 0, 1, 1, 1]), 0.5).item()
    assert found == pytest.approx(math.log(2 * math.exp(2) + 3) - 2)
    mixed = losses.supervised_contrastive(features, torch.tensor([0, 1, 0, 1, 0, 1]), 0.5).item()
    assert mixed > found


def test_lengths_and_order_change_nothing() -> None:
    features, order = points(7, 4), torch.randperm(7)
    plain = losses.supervised_contrastive(features, LABELS)
    longer = losses.supervised_contrastive((features * torch.arange(1, 8)[:, None])[order], LABELS[order])
    torch.testing.assert_close(plain, longer)


@pytest.mark.parametrize("labels", [[0], [0, 1, 2], [0, 0, 0]], ids=["one image", "all alone", "one class"])
def test_contrast_and_its_gradient_are_finite_without_partners_and_without_strangers(labels: list[int]) -> None:
    features = points(len(labels), 3).requires_grad_()
    loss = losses.supervised_contrastive(features, torch.tensor(labels), 0.01)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(features.grad).all()
    assert (loss == 0) == (labels != [0, 0, 0])


# -- class means -------------------------------------------------------------------------------------------------------


def test_class_means_are_scikit_learns_centroids_and_unmet_classes_say_so() -> None:
    features = points(7, 3)
    means, known = losses.class_means(features, LABELS, 6)
    np.testing.assert_allclose(
        means[:4],
        NearestCentroid().fit(features[:6], LABELS[:6]).centroids_[:3].tolist() + [features[6].tolist()],
        rtol=1e-10,
    )
    assert known.tolist() == [True] * 4 + [False] * 2 and not means[4:].any()


@pytest.mark.parametrize("known", [[True, True, True], [True, False, True]], ids=["all", "one is missing"])
def test_prototypical_loss_is_the_softmax_of_squared_distances(known: list[bool]) -> None:
    features, means, labels = points(6, 4), points(3, 4, seed=1), torch.arange(6) % 3
    squared = distance.cdist(features, means, "sqeuclidean")
    total = 0.0
    for row, y in zip(squared, labels.tolist(), strict=True):
        if known[y]:
            log_p = special.log_softmax([-d for d, k in zip(row, known, strict=True) if k])
            total -= log_p[sum(known[:y])]
    found = losses.prototypical(features, labels, means, torch.tensor(known)).item()
    assert found == pytest.approx(total / 6, rel=1e-10)


def test_where_no_class_is_known_nothing_is_learned() -> None:
    features = points(4, 3).requires_grad_()
    loss = losses.prototypical(features, torch.arange(4) % 2, torch.zeros(2, 3).double(), torch.tensor([False] * 2))
    loss.backward()
    assert loss == 0 and not features.grad.any()


@pytest.mark.parametrize("size", [50.0, 5000.0])
def test_features_however_large_have_a_finite_gradient(size: float) -> None:
    features = (size * torch.sign(points(9, 6))).float().requires_grad_()
    labels = torch.arange(9) % 4
    means, known = losses.class_means(features, labels, 5)
    terms = (
        losses.batch_hard_triplets(features, labels).mean(),
        losses.supervised_contrastive(features, labels),
        losses.prototypical(features, labels, means, known),
    )
    sum(terms).backward()
    assert all(map(torch.isfinite, terms)) and torch.isfinite(features.grad).all()
