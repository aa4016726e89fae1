import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import log_loss

from course_utils.evaluation import validators
from course_utils.evaluation.validators import Entropy, InformationMaximisation, Scored, SourceRisk

ALL = [
    kind()
    for kind in vars(validators).values()
    if isinstance(kind, type) and "score" in vars(kind) and kind is not validators.Validator
]


def scored(logits, labels=None):
    logits = np.asarray(logits, dtype=float)
    return Scored(np.zeros((len(logits), 2)), logits, labels)


LABELS = np.arange(30) % 3
RIGHT = np.eye(3)[LABELS]
GUESSING = np.zeros((30, 3))
ONE_CLASS = np.eye(3)[np.zeros(30, int)]
WRONG = np.eye(3)[(LABELS + 1) % 3]


@pytest.mark.parametrize("validator", ALL)
def test_higher_is_better_as_a_net_learns_more_and_more_images(validator):
    """The ranking is known: five nets that are right and sure about 0, 30, 50, 80, 100 % and guess the rest."""
    epochs = [scored(4 * RIGHT * (np.arange(30) % 10 < known)[:, None]) for known in (0, 3, 5, 8, 10)]
    values = [validator.score(epoch._replace(labels=LABELS), epoch) for epoch in epochs]
    assert values == sorted(values)
    assert len(set(values)) == len(values)


def test_source_risk_prefers_right_to_guessing_to_wrong():
    values = [SourceRisk().score(scored(5 * logits, LABELS), scored(RIGHT)) for logits in (WRONG, GUESSING, RIGHT)]
    assert values == sorted(values)


def test_entropy_is_fooled_by_one_class_and_information_maximisation_is_not():
    source = scored(RIGHT, LABELS)
    sure, right = scored(9 * ONE_CLASS), scored(4 * RIGHT)
    assert Entropy().score(source, sure) > Entropy().score(source, right)
    assert InformationMaximisation().score(source, sure) < InformationMaximisation().score(source, right)


def test_source_risk_is_the_log_loss_of_scikit_learn():
    logits = np.random.default_rng(0).normal(size=(30, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert SourceRisk().score(scored(logits, LABELS), scored(RIGHT)) == pytest.approx(-log_loss(LABELS, probabilities))


def test_entropy_and_information_are_those_of_scipy():
    logits = np.random.default_rng(0).normal(size=(30, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    each, mean = stats.entropy(probabilities, axis=1).mean(), stats.entropy(probabilities.mean(0))
    source, target = scored(RIGHT, LABELS), scored(logits)
    assert Entropy().score(source, target) == pytest.approx(-each)
    assert InformationMaximisation().score(source, target) == pytest.approx(mean - each)


def test_information_lies_between_zero_and_the_logarithm_of_the_classes():
    source = scored(RIGHT, LABELS)
    assert InformationMaximisation().score(source, scored(GUESSING)) == pytest.approx(0, abs=1e-12)
    assert InformationMaximisation().score(source, scored(200 * RIGHT)) == pytest.approx(math.log(3))


def test_an_impossible_class_does_not_make_a_score_nan():
    logits = np.where(RIGHT > 0, 1.0, -np.inf)
    assert Entropy().score(scored(RIGHT, LABELS), scored(logits)) == 0


@pytest.mark.parametrize("validator", ALL)
def test_target_labels_are_refused_with_the_reason(validator):
    with pytest.raises(ValueError, match="Choosing an epoch by them is peeking"):
        validator.score(scored(RIGHT, LABELS), scored(RIGHT, LABELS))


def test_a_source_without_labels_is_refused_by_source_risk():
    with pytest.raises(ValueError, match="reads the source labels, and this source has none"):
        SourceRisk().score(scored(RIGHT), scored(RIGHT))


@pytest.mark.parametrize("validator", [Entropy(), InformationMaximisation()])
def test_an_empty_target_is_refused(validator):
    with pytest.raises(ValueError, match="validation split is empty"):
        validator.score(scored(RIGHT, LABELS), scored(np.zeros((0, 3))))


@pytest.mark.parametrize("validator", ALL)
def test_tensors_and_arrays_score_alike(validator):
    logits = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    as_tensors = [
        Scored(torch.zeros(30, 2), torch.tensor(logits, requires_grad=True), labels)
        for labels in (torch.tensor(LABELS), None)
    ]
    as_arrays = [Scored(np.zeros((30, 2)), logits, labels) for labels in (LABELS, None)]
    assert validator.score(*as_tensors) == pytest.approx(validator.score(*as_arrays))


def noisy(seed):
    """A net that is right about nine images in ten."""
    rng = np.random.default_rng(seed)
    return 4 * np.eye(3)[np.where(rng.random(30) < 0.9, LABELS, (LABELS + 1) % 3)] + rng.normal(0, 0.5, (30, 3))


@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0])
def test_calibrated_information_does_not_see_the_scale_of_the_logits(scale):
    """DeepCORAL shrinks logits: less sure is not more wrong. The plain score would call it worse."""
    source, target = noisy(0), noisy(1)
    calibrated, plain = validators.CalibratedInformationMaximisation(), InformationMaximisation()
    as_it_is = calibrated.score(scored(source, LABELS), scored(target))
    assert calibrated.score(scored(scale * source, LABELS), scored(scale * target)) == pytest.approx(as_it_is)
    if scale != 1:
        assert plain.score(scored(source, LABELS), scored(scale * target)) != pytest.approx(as_it_is, abs=1e-3)


def test_the_honest_temperature_makes_confidence_equal_to_accuracy():
    source = noisy(0)
    temperature = validators._honest_temperature(scored(source, LABELS))
    confidence = np.exp(source / temperature).max(1) / np.exp(source / temperature).sum(1)
    right = (source.argmax(1) == LABELS).sum()
    assert confidence.mean() == pytest.approx((right + 1) / 32, abs=1e-6)


def test_a_faultless_net_has_a_finite_temperature_and_a_source_without_labels_none():
    assert 1e-3 < validators._honest_temperature(scored(RIGHT, LABELS)) < 1
    with pytest.raises(ValueError, match="no labels"):
        validators.CalibratedInformationMaximisation().score(scored(RIGHT), scored(RIGHT))
