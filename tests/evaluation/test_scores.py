import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.calibration import calibration_curve

from course_utils.evaluation import scores


@pytest.fixture
def predictions():
    """203 images of 4 unbalanced classes: the last batch of 100 is short, so batch averages differ."""
    random = np.random.default_rng(3)
    labels = random.choice(4, 203, p=[0.6, 0.25, 0.1, 0.05])
    logits = random.normal(size=(203, 4)) + 2 * np.eye(4)[labels] * random.random((203, 1))
    return logits, labels


def softmax(logits):
    exponents = np.exp(logits)
    return exponents / exponents.sum(1, keepdims=True)


def calibration_error_by_loops(logits, labels, bins):
    """Guo et al. 2017, equation 3, image by image."""
    inside = [[] for _ in range(bins)]
    for row, label in zip(softmax(logits), labels, strict=True):
        confidence, predicted = row.max(), row.argmax()
        place = next(b for b in range(bins) if confidence <= (b + 1) / bins)
        inside[place].append((confidence, predicted == label))
    gaps = [abs(sum(c for c, _ in rows) - sum(right for _, right in rows)) for rows in inside]
    return sum(gaps) / len(labels)


def test_accuracy_is_that_of_scikit_learn_on_the_whole_set(predictions):
    logits, labels = predictions
    assert scores.accuracy(logits, labels) == metrics.accuracy_score(labels, logits.argmax(1))


def test_accuracy_is_not_the_mean_over_batches(predictions):
    logits, labels = predictions
    batches = [scores.accuracy(logits[i : i + 100], labels[i : i + 100]) for i in range(0, 203, 100)]
    assert abs(scores.accuracy(logits, labels) - np.mean(batches)) > 0.01


def test_macro_accuracy_is_the_balanced_accuracy_of_scikit_learn(predictions):
    logits, labels = predictions
    expected = metrics.balanced_accuracy_score(labels, logits.argmax(1))
    assert scores.macro_accuracy(logits, labels) == pytest.approx(expected, abs=1e-12)
    assert abs(expected - scores.accuracy(logits, labels)) > 0.01


def test_per_class_accuracy_is_the_recall_of_scikit_learn(predictions):
    logits, labels = predictions
    expected = metrics.recall_score(labels, logits.argmax(1), average=None)
    np.testing.assert_allclose(scores.per_class_accuracy(logits, labels), expected, atol=1e-12)


def test_a_class_without_images_has_no_accuracy_and_does_not_lower_the_macro_mean():
    logits, labels = np.eye(3)[[0, 1]], np.array([0, 1])
    np.testing.assert_array_equal(scores.per_class_accuracy(logits, labels), [1, 1, np.nan])
    assert scores.macro_accuracy(logits, labels) == 1


def test_confusion_has_true_classes_in_rows_and_predicted_classes_in_columns():
    logits, labels = np.eye(3)[[0, 1, 1, 2]], np.array([0, 0, 1, 2])
    table = scores.confusion(logits, labels, ("cat", "dog", "owl"))
    assert table.loc["cat", "dog"] == 1
    assert table.loc["dog", "cat"] == 0
    np.testing.assert_array_equal(table.to_numpy(), metrics.confusion_matrix(labels, logits.argmax(1)))


def test_confusion_wants_a_name_for_each_column(predictions):
    with pytest.raises(ValueError, match="2 class names for 4 columns"):
        scores.confusion(*predictions, ("cat", "dog"))


@pytest.mark.parametrize("bins", [5, 15])
def test_the_calibration_error_equals_the_loop_over_images(predictions, bins):
    expected = calibration_error_by_loops(*predictions, bins)
    assert scores.expected_calibration_error(*predictions, bins=bins) == pytest.approx(expected, abs=1e-12)


def test_the_calibration_oracle_rejects_another_number_of_bins(predictions):
    assert scores.expected_calibration_error(*predictions, bins=15) != pytest.approx(
        calibration_error_by_loops(*predictions, 14), abs=1e-4
    )


def test_the_reliability_table_equals_the_calibration_curve_of_scikit_learn(predictions):
    logits, labels = predictions
    right = logits.argmax(1) == labels
    accuracy, confidence = calibration_curve(right, softmax(logits).max(1), n_bins=15)
    table = scores.reliability(logits, labels)
    filled = table[table["count"] > 0]
    np.testing.assert_allclose(filled["accuracy"], accuracy, atol=1e-12)
    np.testing.assert_allclose(filled["confidence"], confidence, atol=1e-12)
    assert table["count"].sum() == len(labels)
    assert table.loc[table["count"] == 0, "accuracy"].isna().all()


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    sure = 60 * torch.eye(3)
    assert scores.expected_calibration_error(sure, torch.tensor([0, 1, 2])) == pytest.approx(0, abs=1e-9)
    assert scores.expected_calibration_error(sure, torch.tensor([1, 2, 0])) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_of_any_precision_that_carry_gradient_are_read(dtype):
    logits = torch.eye(3, dtype=dtype, requires_grad=True)
    assert scores.accuracy(logits, torch.tensor([0, 1, 0])) == pytest.approx(2 / 3)


def test_a_read_only_array_is_read():
    logits = np.eye(3)
    logits.flags.writeable = False
    assert scores.accuracy(logits, np.array([0, 1, 2], dtype=np.uint8)) == 1


@pytest.mark.parametrize("score", [scores.accuracy, scores.macro_accuracy, scores.expected_calibration_error])
@pytest.mark.parametrize(
    ("logits", "labels", "sentence"),
    [
        (
            np.eye(3),
            np.array([0, 1, -1]),
            r"Label -1 at position 2 .* 1 labels are out of range\. -1 .* sealed",
        ),
        (np.eye(3), np.array([0, 3, 7]), r"Label 3 at position 1 .* 2 labels are out of range"),
        (np.zeros((0, 3)), np.zeros(0, int), r"shape \(0, 3\)\. Is the split empty\?"),
        (
            np.array([[0, 1], [np.nan, 0]]),
            np.array([0, 1]),
            "1 of 2 rows of logits are NaN, the first is row 1",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(score, logits, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        score(logits, labels)


def test_lengths_that_differ_are_refused():
    with pytest.raises((ValueError, TypeError)):
        scores.accuracy(np.eye(3), np.array([0]))
