"""Information maximisation and labels from class centres, against loops, SciPy, scikit-learn and the validator."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special, stats
from scipy.spatial import distance
from sklearn.neighbors import KNeighborsClassifier

from course_utils import losses
from course_utils.evaluation.validators import InformationMaximisation, Scored
from tests.losses.points import points


def one_hot(labels: list[int], classes: int, size: float = 400.0) -> torch.Tensor:
    """Logits of predictions that are as sure as numbers can be."""
    return size * torch.nn.functional.one_hot(torch.tensor(labels), classes).double()


# -- information maximisation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(7, 4), (3, 5), (1, 3)], ids=["usual", "fewer images than classes", "one image"])
def test_information_is_scipys_mean_entropy_minus_the_entropy_of_the_mean(n: int, k: int) -> None:
    logits = 3 * points(n, k)
    p = special.softmax(logits.numpy(), axis=1)
    expected = np.mean([stats.entropy(row) for row in p]) - stats.entropy(p.mean(0))
    assert losses.information_maximisation(logits).item() == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_what_is_trained_on_is_minus_what_the_validator_says() -> None:
    """Two sources of one number: the validator lies in evaluation/ and shares no code with the loss."""
    logits = 3 * points(40, 10)
    said = InformationMaximisation().score(Scored(None, None), Scored(logits.numpy(), logits.numpy()))
    assert losses.information_maximisation(logits).item() == pytest.approx(-said, rel=1e-12)


def test_sure_and_balanced_is_the_lowest_and_one_answer_for_all_tells_nothing() -> None:
    assert losses.information_maximisation(one_hot([0, 1, 2] * 4, 3)).item() == pytest.approx(-math.log(3))
    assert losses.information_maximisation(one_hot([1] * 12, 3)).item() == pytest.approx(0, abs=1e-12)
    assert losses.information_maximisation(points(1, 3).expand(9, 3)).item() == pytest.approx(0, abs=1e-12)


def test_the_gradient_is_that_of_the_explicit_sum_over_images_and_classes() -> None:
    logits = (2 * points(5, 3)).requires_grad_()
    losses.information_maximisation(logits).backward()
    other = logits.detach().clone().requires_grad_()
    p = torch.exp(other) / torch.exp(other).sum(1, keepdim=True)
    mean = [sum(p[i, c] for i in range(5)) / 5 for c in range(3)]
    value = sum(-p[i, c] * p[i, c].log() for i in range(5) for c in range(3)) / 5
    (value + sum(m * m.log() for m in mean)).backward()
    torch.testing.assert_close(logits.grad, other.grad)


def descended(loss, steps: int = 300) -> torch.Tensor:
    """Predictions `(60, 3)` on three clouds of 20 points, of a linear head that begins right, but fond of class 0."""
    corners = torch.tensor([[0.0, 1.0], [0.87, -0.5], [-0.87, -0.5]], dtype=torch.float64)
    clouds = torch.cat([corner + 0.1 * points(20, 2, seed=c) for c, corner in enumerate(corners)])
    weights = corners.T.clone().requires_grad_()
    bias = torch.tensor([1.5, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([weights, bias], lr=1.0)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(clouds @ weights + bias).backward()
        optimiser.step()
    return (clouds @ weights + bias).softmax(1).detach()


def test_without_the_entropy_of_the_mean_the_toy_falls_into_one_class() -> None:
    """Row 29: shown, not told. With it the three clouds keep a class each."""
    alone, both = descended(losses.conditional_entropy), descended(losses.information_maximisation)
    assert alone.argmax(1).tolist() == [0] * 60 and alone.amax(1).min() > 0.9
    assert both.argmax(1).tolist() == [0] * 20 + [1] * 20 + [2] * 20


@pytest.mark.parametrize("size", [50.0, 5000.0])
@pytest.mark.parametrize("labels", [[0, 1, 2] * 3, [1] * 9], ids=["balanced", "one class"])
def test_logits_however_large_have_a_finite_gradient(labels: list[int], size: float) -> None:
    logits = one_hot(labels, 6, size).float().requires_grad_()
    loss = losses.information_maximisation(logits)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()


# -- labels from class centres -----------------------------------------------------------------------------------------


def centroid_labels_by_loops(features: np.ndarray, logits: np.ndarray, rounds: int) -> list[int]:
    """Equations 4 to 6 of the paper, one image and one class after the other; empty classes are left out."""
    n, k = logits.shape
    labels, weights = [int(np.argmax(z)) for z in logits], [special.softmax(z) for z in logits]
    for _ in range(rounds):
        centres = {
            c: sum(weights[i][c] * features[i] for i in range(n)) / sum(weights[i][c] for i in range(n))
            for c in range(k)
            if c in labels
        }
        labels = [min(centres, key=lambda c: distance.cosine(f, centres[c])) for f in features]
        weights = [[float(label == c) for c in range(k)] for label in labels]
    return labels


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_the_labels_are_those_of_the_papers_loops(seed: int, rounds: int) -> None:
    features, logits = points(40, 3, seed=seed, shift=0.5), 1.5 * points(40, 4, seed=100 + seed)
    expected = centroid_labels_by_loops(features.numpy(), logits.numpy(), rounds)
    assert losses.centroid_labels(features, logits, rounds).tolist() == expected


def test_the_second_round_is_scikit_learns_nearest_mean_by_cosine() -> None:
    features = points(60, 2, shift=0.3)
    logits = 2 * points(60, 3, seed=1)
    first = losses.centroid_labels(features, logits, rounds=1).numpy()
    means = np.stack([features.numpy()[first == c].mean(0) for c in range(3)])
    nearest = KNeighborsClassifier(1, metric="cosine").fit(means, np.arange(3))
    second = nearest.predict(features.numpy())
    assert losses.centroid_labels(features, logits).tolist() == second.tolist()
    assert (first != second).any(), "or one round would do as well"


def test_the_distance_is_the_cosines_and_not_euclids() -> None:
    """By hand: a short feature along the first centre, which Euclid gives to the other, shorter centre."""
    features = torch.tensor([[9.0, 0.0], [9.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.6]], dtype=torch.float64)
    logits = one_hot([0, 0, 1, 1, 1], 2)
    assert losses.centroid_labels(features, logits).tolist() == [0, 0, 1, 1, 0]


def test_a_class_of_many_images_draws_no_more_of_them() -> None:
    """By hand: ten images along one axis, two near the diagonal, which an inner product would give to the ten."""
    features = torch.tensor([[1.0, 0.0]] * 10 + [[0.6, 0.8], [0.7, 0.7]], dtype=torch.float64)
    labels = [0] * 10 + [1, 1]
    assert losses.centroid_labels(features, one_hot(labels, 2)).tolist() == labels


def test_the_order_of_the_images_changes_no_label() -> None:
    """Row 29."""
    features, logits = points(200, 5, dtype=torch.float32), points(200, 6, seed=1, dtype=torch.float32)
    order = torch.randperm(200)
    labels = losses.centroid_labels(features, logits)
    assert torch.equal(losses.centroid_labels(features[order], logits[order]), labels[order])


@pytest.mark.parametrize("size", [1.0, 50.0, 5000.0])
def test_a_class_that_nobody_is_taken_for_gets_no_image(size: float) -> None:
    """At 5000 its weights are zero to the last bit, and so would be what divides its centre."""
    features = points(30, 4)
    logits = size * torch.sign(points(30, 5, seed=1))
    logits[:, 2] = logits.amax() * -2
    labels = losses.centroid_labels(features, logits)
    assert 2 not in labels and len(labels.unique()) > 1


def test_one_class_for_all_and_features_of_length_zero_are_no_trouble() -> None:
    assert losses.centroid_labels(points(5, 3), one_hot([1] * 5, 3)).tolist() == [1] * 5
    assert losses.centroid_labels(torch.zeros(4, 3), one_hot([1, 2, 1, 2], 3)).tolist() == [1] * 4


def test_nothing_flows_back_through_a_label() -> None:
    features, logits = points(5, 3).requires_grad_(), points(5, 3, seed=1).requires_grad_()
    labels = losses.centroid_labels(features, logits)
    assert not labels.requires_grad and not labels.is_floating_point()
