"""How good and how sure the predictions are: accuracy, confusion, calibration, each over a whole split.

Averaging the accuracies of batches is a different number as soon as the last batch is smaller, so nothing
here takes a batch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, Integer

from course_utils.evaluation.arrays import Array, as_numpy, as_tensor

if TYPE_CHECKING:
    import pandas


def accuracy(logits: Float[Array, "n k"], labels: Integer[Array, " n"]) -> float:
    """The share of right predictions, every image weighing the same (micro average).

    Raises ValueError for an empty split, lengths that differ, NaN logits, or a label that has no column.
    """
    logits, labels = _checked(logits, labels)
    return float((logits.argmax(1) == labels).mean())


def per_class_accuracy(logits: Float[Array, "n k"], labels: Integer[Array, " n"]) -> Float[np.ndarray, " k"]:
    """Of the images of each class, the share that is recognised (recall); NaN for a class without images."""
    counts = _counts(logits, labels)
    images = counts.sum(1)
    return np.divide(counts.diagonal(), images, out=np.full(len(counts), np.nan), where=images > 0)


def macro_accuracy(logits: Float[Array, "n k"], labels: Integer[Array, " n"]) -> float:
    """The mean of the accuracies of the classes present: a rare class weighs as much as a common one."""
    return float(np.nanmean(per_class_accuracy(logits, labels)))


def confusion(logits: Float[Array, "n k"], labels: Integer[Array, " n"], classes: Sequence[str]) -> pandas.DataFrame:
    """Counts of images, one row a true class and one column a predicted class."""
    import pandas

    counts = _counts(logits, labels)
    if len(classes) != len(counts):
        raise ValueError(f"{len(classes)} class names for {len(counts)} columns of logits. Each column needs its name.")
    return pandas.DataFrame(counts, pandas.Index(classes, name="true"), pandas.Index(classes, name="predicted"))


def reliability(logits: Float[Array, "n k"], labels: Integer[Array, " n"], bins: int = 15) -> pandas.DataFrame:
    """The table behind a reliability diagram: predictions sorted into equal steps of confidence.

    One row a bin, `(lower, upper]`, with the count of images, their mean confidence (the largest softmax
    probability) and their accuracy; the last two are NaN in an empty bin. Source: Guo et al. 2017, section 2.
    """
    import pandas

    logits, labels = _checked(logits, labels)
    confidence, predicted = as_tensor(logits).double().softmax(1).max(1)
    confidence, right = confidence.numpy(), predicted.numpy() == labels
    edges = np.linspace(0, 1, bins + 1)
    position = np.searchsorted(edges[1:-1], confidence)
    count = np.bincount(position, minlength=bins)

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.bincount(position, values, minlength=bins)
        return np.divide(total, count, out=np.full(bins, np.nan), where=count > 0)

    return pandas.DataFrame(
        {
            "lower": edges[:-1],
            "upper": edges[1:],
            "count": count,
            "confidence": mean(confidence),
            "accuracy": mean(right),
        }
    )


def expected_calibration_error(logits: Float[Array, "n k"], labels: Integer[Array, " n"], bins: int = 15) -> float:
    r"""ECE `= sum_b n_b / n |accuracy_b - confidence_b|` over the bins of `reliability`.

    0: a prediction made with 0.8 is right eight times in ten. It does not say how often the net is right.
    Source: Guo et al. 2017, equation 3.
    """
    table = reliability(logits, labels, bins)
    gap = (table["accuracy"] - table["confidence"]).abs()
    return float((gap * table["count"]).sum() / table["count"].sum())


def _counts(logits: Float[Array, "n k"], labels: Integer[Array, " n"]) -> Int[np.ndarray, "k k"]:
    logits, labels = _checked(logits, labels)
    k = logits.shape[1]
    return np.bincount(labels * k + logits.argmax(1), minlength=k * k).reshape(k, k)


def _checked(logits: Array, labels: Array) -> tuple[np.ndarray, np.ndarray]:
    logits, labels = as_numpy(logits), as_numpy(labels).astype(np.int64)
    n, k = logits.shape
    if n == 0:
        raise ValueError(f"No predictions to score: the logits have shape {logits.shape}. Is the split empty?")
    if len(labels) != n:
        raise ValueError(f"{n} predictions but {len(labels)} labels. Both must come from the same split, in order.")
    broken = np.flatnonzero(np.isnan(logits).any(1))
    if len(broken):
        raise ValueError(
            f"{len(broken)} of {n} rows of logits are NaN, the first is row {broken[0]}: training diverged."
        )
    strange = np.flatnonzero((labels < 0) | (labels >= k))
    if len(strange):
        first = strange[0]
        raise ValueError(
            f"Label {labels[first]} at position {first} has no column among the {k} logits (0 to {k - 1}); "
            f"{len(strange)} labels are out of range. -1 stands for a sealed label: score the test split."
        )
    return logits, labels
