"""What a net learns from its own predictions, against per-sample loops, closed forms and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import linalg, special, stats

from course_utils import losses
from tests.losses.points import points


def softmax(row: list[float]) -> list[float]:
    return special.softmax(row).tolist()


def one_hot(labels: list[int], classes: int, size: float = 400.0) -> torch.Tensor:
    """Logits of predictions that are as sure as numbers can be."""
    return size * torch.nn.functional.one_hot(torch.tensor(labels), classes).double()


# -- entropy -----------------------------------------------------------------------------------------------------------


def test_conditional_entropy_is_the_mean_of_scipys() -> None:
    logits = points(6, 4)
    expected = np.mean([stats.entropy(softmax(row)) for row in logits.tolist()])
    assert losses.conditional_entropy(logits).item() == pytest.approx(expected, rel=1e-12)


def test_the_entropy_of_a_guess_is_log_k_and_of_a_sure_prediction_nothing() -> None:
    assert losses.conditional_entropy(torch.zeros(5, 4)).item() == pytest.approx(math.log(4))
    assert losses.conditional_entropy(one_hot([0, 0, 1], 3)).item() == pytest.approx(0, abs=1e-12)


# -- minimum class confusion -------------------------------------------------------------------------------------------


def confusion_by_loops(logits: torch.Tensor, temperature: float) -> np.ndarray:
    """Equations 1 to 5 of the paper, one image and one pair of classes after the other."""
    n, k = logits.shape
    p = [softmax([z / temperature for z in row]) for row in logits.tolist()]
    surer = [1 + math.exp(-stats.entropy(row)) for row in p]
    weights = [n * w / sum(surer) for w in surer]
    c = np.zeros((k, k))
    for a in range(k):
        for b in range(k):
            c[a, b] = sum(weights[i] * p[i][a] * p[i][b] for i in range(n))
    return np.array([[c[a, b] / sum(c[a]) for b in range(k)] for a in range(k)])


@pytest.mark.parametrize(("n", "k"), [(7, 4), (3, 5), (1, 3)], ids=["usual", "fewer images than classes", "one image"])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_class_confusion_is_that_of_the_papers_loops(n: int, k: int, temperature: float) -> None:
    """Row 24: rows, not columns, are divided by their sum."""
    logits = 3 * points(n, k)
    expected = confusion_by_loops(logits, temperature)
    confusion = losses.class_confusion(logits, temperature)
    np.testing.assert_allclose(confusion.numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(confusion.sum(1).numpy(), 1)
    off = sum(expected[a, b] for a in range(k) for b in range(k) if a != b) / k
    assert losses.minimum_class_confusion(logits, temperature).item() == pytest.approx(off, rel=1e-10)


def test_sure_predictions_of_every_class_are_not_confused_and_guesses_are_as_much_as_can_be() -> None:
    """Row 24: 0 and (k - 1) / k; of classes that nobody predicts each costs its share."""
    assert losses.minimum_class_confusion(one_hot([0, 1, 2, 0], 3)).item() == pytest.approx(0, abs=1e-12)
    assert losses.minimum_class_confusion(torch.zeros(6, 4)).item() == pytest.approx(3 / 4)
    assert losses.minimum_class_confusion(one_hot([0, 1], 4)).item() == pytest.approx(2 / 4)


def test_the_weights_of_the_confusion_are_no_reason_to_be_sure() -> None:
    """The gradient is that of the explicit objective in float64 with w held fixed."""
    logits = (3 * points(5, 3)).requires_grad_()
    losses.minimum_class_confusion(logits).backward()
    other = logits.detach().clone().requires_grad_()
    p = torch.exp(other / 2.5) / torch.exp(other / 2.5).sum(1, keepdim=True)
    surer = torch.tensor([1 + math.exp(-stats.entropy(row)) for row in p.tolist()], dtype=torch.float64)
    c = torch.einsum("i,ia,ib->ab", 5 * surer / surer.sum(), p, p)
    (1 - (c.diagonal() / c.sum(1)).mean()).backward()
    torch.testing.assert_close(logits.grad, other.grad)


# -- batch nuclear norm ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "k"), [(7, 4), (3, 5)])
def test_the_batch_nuclear_norm_is_scipys_sum_of_singular_values_by_the_images(n: int, k: int) -> None:
    """Row 25: divided by the batch, not by the number of singular values."""
    logits = 3 * points(n, k)
    expected = -linalg.svdvals(special.softmax(logits.numpy(), axis=1)).sum() / n
    assert losses.batch_nuclear_norm(logits).item() == pytest.approx(expected, rel=1e-12)


def test_sure_and_balanced_predictions_have_the_lowest_value() -> None:
    """Row 25: -sqrt(k / n), and above it all that is unsure or falls into one class."""
    balanced = losses.batch_nuclear_norm(one_hot([0, 1, 2] * 4, 3)).item()
    assert balanced == pytest.approx(-math.sqrt(3 / 12))
    assert losses.batch_nuclear_norm(one_hot([0] * 12, 3)).item() == pytest.approx(-math.sqrt(1 / 12))
    assert losses.batch_nuclear_norm(torch.zeros(12, 3)).item() == pytest.approx(-math.sqrt(1 / 36))
    assert all(losses.batch_nuclear_norm(5 * points(12, 3, seed=s)).item() > balanced for s in range(20))


def test_the_gradient_of_the_nuclear_norm_is_that_of_finite_differences() -> None:
    logits = points(5, 3).requires_grad_()
    assert torch.autograd.gradcheck(losses.batch_nuclear_norm, (logits,))


@pytest.mark.parametrize(
    "logits",
    [
        *(torch.zeros(5, 3), torch.eye(4), 400 * torch.eye(4), torch.ones(2, 8), torch.ones(1, 4)),
        *(one_hot([0, 1, 2] * 4, 3).float(), one_hot([1] * 6, 3).float(), 50 * torch.sign(points(9, 6)).float()),
    ],
    ids=[
        *("rank one", "equal", "equal to one", "fewer rows", "one row"),
        *("equal by columns", "one class", "logits of fifty"),
    ],
)
def test_singular_values_that_coincide_or_vanish_have_a_finite_gradient(logits: torch.Tensor) -> None:
    logits = logits.clone().requires_grad_()
    loss = losses.batch_nuclear_norm(logits)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()


# -- pseudo-labels and a teacher ---------------------------------------------------------------------------------------


def test_a_pseudo_label_is_the_likeliest_class_and_kept_from_the_threshold_on() -> None:
    """By hand: probabilities .5/.5 apart, 3/4 and 9/10, of which 3/4 reaches a threshold of 3/4."""
    logits = torch.tensor([[0.0, math.log(3)], [math.log(9), 0.0], [0.1, 0.0]], dtype=torch.float64)
    labels, kept = losses.pseudo_labels(logits, 0.75 - 1e-9)
    assert labels.tolist() == [1, 0, 0] and kept.tolist() == [True, True, False]
    assert losses.pseudo_labels(logits, 0.8)[1].tolist() == [False, True, False]
    assert losses.pseudo_labels(logits)[1].all()


def test_pseudo_labels_count_over_all_images_and_not_over_the_kept_ones() -> None:
    """Row 30, by hand: of two images one is kept, at -log(1/4): half of it is the loss."""
    logits = torch.tensor([[0.0, math.log(3)], [5.0, 0.0]], dtype=torch.float64)
    kept = torch.tensor([True, False])
    loss = losses.pseudo_label_cross_entropy(logits, torch.tensor([0, 1]), kept)
    assert loss.item() == pytest.approx(math.log(4) / 2)
    assert losses.pseudo_label_cross_entropy(logits, torch.tensor([0, 1]), ~kept | kept).item() == pytest.approx(
        (math.log(4) + math.log(1 + math.exp(5))) / 2
    )


@pytest.mark.parametrize("name", ["pseudo_label_cross_entropy", "consistency"])
def test_where_no_image_is_kept_nothing_is_learned(name: str) -> None:
    logits = points(4, 3).requires_grad_()
    second = torch.arange(4) % 3 if name == "pseudo_label_cross_entropy" else points(4, 3, seed=1)
    loss = getattr(losses, name)(logits, second, torch.zeros(4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_consistency_is_the_masked_mean_of_squared_differences_of_probabilities() -> None:
    student, teacher = points(5, 3), points(5, 3, seed=1)
    kept = torch.tensor([True, False, True, True, False])
    expected = sum(
        sum((a - b) ** 2 for a, b in zip(softmax(s), softmax(t), strict=True))
        for s, t, k in zip(student.tolist(), teacher.tolist(), kept.tolist(), strict=True)
        if k
    )
    assert losses.consistency(student, teacher, kept).item() == pytest.approx(expected / 15, rel=1e-12)


def test_consistency_teaches_the_student_alone() -> None:
    student, teacher = points(5, 3).requires_grad_(), points(5, 3, seed=1).requires_grad_()
    losses.consistency(student, teacher, torch.ones(5, dtype=torch.bool)).backward()
    assert teacher.grad is None and student.grad.any()


@pytest.mark.parametrize("size", [50.0, 5000.0])
@pytest.mark.parametrize("name", ["conditional_entropy", "minimum_class_confusion", "batch_nuclear_norm"])
def test_logits_however_large_have_a_finite_gradient(name: str, size: float) -> None:
    logits = (size * torch.sign(points(9, 6))).float().requires_grad_()
    loss = getattr(losses, name)(logits)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()
