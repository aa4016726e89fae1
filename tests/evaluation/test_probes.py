"""Probes against oracles: the same convex objective in torch, sorted distances, loops over classes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestCentroid

from course_utils.data.domain import Part, SealedLabelsError
from course_utils.evaluation import probes
from tests.toys import feature_pair, toy_domain, toy_pair

CLASSES = 4


def cloud(n=60, d=6, classes=CLASSES, seed=0):
    """Clusters that overlap, in dimensions of very different size."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = np.random.default_rng(9).normal(size=(classes, d))
    return (centres[labels] + rng.normal(size=(n, d))) * 3.0 ** np.arange(d) + 5, labels


def torch_probe(features, labels, c, tolerance=1e-9):
    """1/2 |W|² + C sum cross-entropy over features of mean 0 and mean squared length 1, by L-BFGS in float64."""
    scaled = torch.from_numpy(features - features.mean(0))
    scaled = scaled / scaled.square().sum(1).mean().sqrt()
    weight = torch.zeros(labels.max() + 1, features.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(labels.max() + 1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [weight, bias], max_iter=2000, tolerance_grad=tolerance, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def objective():
        optimiser.zero_grad()
        task = torch.nn.functional.cross_entropy(scaled @ weight.T + bias, torch.from_numpy(labels), reduction="sum")
        value = weight.square().sum() / 2 + c * task
        value.backward()
        return value

    optimiser.step(objective)
    return weight.detach().numpy(), bias.detach().numpy()


def converged(c):
    """The probe itself stops at scikit-learn's tolerance of 1e-4: here the same objective goes to the end."""
    probe = probes.linear_probe()
    assert probe.classifier.C == probes.LOGISTIC_C
    probe.classifier.set_params(C=c, tol=1e-10, max_iter=5000)
    return probe


@pytest.mark.parametrize("c", [0.1, probes.LOGISTIC_C])
def test_the_linear_probe_and_a_torch_head_of_the_same_objective_have_the_same_weights(c):
    features, labels = cloud()
    probe = converged(c).fit(features, labels)
    weight, bias = torch_probe(features, labels, c)
    np.testing.assert_allclose(probe.classifier.coef_, weight, atol=1e-5)
    np.testing.assert_allclose(probe.classifier.intercept_, bias - bias.mean(), atol=1e-5)


def test_the_oracle_of_the_probe_tells_another_objective_apart():
    features, labels = cloud()
    probe, (weight, _) = converged(10.0).fit(features, labels), torch_probe(features, labels, 10.1)
    assert np.abs(probe.classifier.coef_ - weight).max() > 1e-4


@pytest.mark.parametrize("classes", [2, CLASSES])
@pytest.mark.parametrize("make", [probes.linear_probe, probes.linear_svm])
def test_a_probe_as_a_head_decides_as_the_probe_does_on_features_as_they_are(make, classes):
    features, labels = cloud(classes=classes)
    unseen, _ = cloud(classes=classes, seed=1)
    probe = make().fit(features, labels)
    logits = probe.head(classes)(torch.from_numpy(unseen).float())
    np.testing.assert_array_equal(logits.argmax(1).numpy(), probe.predict(unseen))


def test_the_head_of_a_linear_probe_is_as_sure_as_the_probe():
    features, labels = cloud()
    probe = probes.linear_probe().fit(features, labels)
    scaled = (features - features.mean(0)) / np.sqrt(np.square(features - features.mean(0)).sum(1).mean())
    expected = probe.classifier.predict_proba(scaled)
    sure = probe.head(CLASSES)(torch.from_numpy(features).float()).softmax(1).detach().numpy()
    np.testing.assert_allclose(sure, expected, atol=1e-4)


def test_a_head_of_two_classes_is_as_sure_as_the_probe():
    features, labels = cloud(classes=2)
    probe = probes.linear_probe().fit(features, labels)
    expected = probe.classifier.predict_proba((features - probe.mean_) / probe.scale_)
    sure = probe.head(2)(torch.from_numpy(features).float()).softmax(1).detach().numpy()
    np.testing.assert_allclose(sure, expected, atol=1e-4)


def test_a_probe_that_has_not_seen_a_class_makes_no_head():
    features, labels = cloud(classes=3)
    with pytest.raises(ValueError, match="has seen 3 of 4 classes"):
        probes.linear_probe().fit(features, labels).head(4)


@pytest.mark.parametrize("make", [probes.linear_probe, probes.linear_svm])
def test_a_probe_does_not_depend_on_the_unit_of_the_features(make):
    """Weights of a net fix no unit for what it gives; a fixed C must mean the same for all of them."""
    features, labels = cloud()
    unseen, _ = cloud(seed=1)
    one = make().fit(features, labels).predict(unseen)
    np.testing.assert_array_equal(make().fit(1000 * features - 7, labels).predict(1000 * unseen - 7), one)


def test_constant_features_are_fitted_without_a_warning():
    features = np.ones((8, 3))
    assert set(probes.linear_probe().fit(features, np.arange(8) % 2).predict(features)) <= {0, 1}


@pytest.mark.parametrize("unit_length", [False, True])
def test_prototypes_are_the_nearest_mean_of_scikit_learn(unit_length):
    features, labels = cloud()
    unseen, _ = cloud(seed=1)
    lengths = [np.linalg.norm(f, axis=1, keepdims=True) if unit_length else 1 for f in (features, unseen)]
    expected = NearestCentroid().fit(features / lengths[0], labels).predict(unseen / lengths[1])
    found = probes.Prototypes(unit_length).fit(features, labels).predict(unseen)
    np.testing.assert_array_equal(found, expected)


def test_the_length_of_the_features_matters_only_to_prototypes_by_euclid():
    features, labels = cloud()
    longer = features * np.random.default_rng(0).uniform(0.1, 10, (len(features), 1))
    same = [probes.Prototypes(u).fit(features, labels) for u in (False, True)]
    assert not np.array_equal(same[0].predict(features), same[0].predict(longer))
    np.testing.assert_array_equal(same[1].predict(features), same[1].predict(longer))


def test_prototypes_by_cosine_are_those_of_the_loop():
    features, labels = cloud()
    unit = np.array([f / np.sqrt((f * f).sum()) for f in features])
    means = [unit[labels == c].mean(0) for c in range(CLASSES)]
    expected = [int(np.argmin([((u - m) ** 2).sum() for m in means])) for u in unit]
    np.testing.assert_array_equal(probes.Prototypes(unit_length=True).fit(features, labels).predict(features), expected)


def test_one_label_a_class_is_enough_for_every_probe():
    features, labels = cloud()
    first = np.array([int(np.flatnonzero(labels == c)[0]) for c in range(CLASSES)])
    makers = (probes.linear_probe, probes.linear_svm, probes.Prototypes, lambda: probes.nearest_neighbours(CLASSES))
    for make in makers:
        estimator = make()
        estimator.fit(features[first], labels[first])
        np.testing.assert_array_equal(estimator.predict(features[first]), labels[first])


def test_neighbours_vote_by_cosine_and_the_nearer_the_louder():
    features, labels = cloud()
    unseen, _ = cloud(n=20, seed=1)
    unit, asked = (f / np.linalg.norm(f, axis=1, keepdims=True) for f in (features, unseen))
    expected = []
    for point in asked:
        distance = np.sqrt(((unit - point) ** 2).sum(1))
        nearest = np.argsort(distance)[:5]
        votes = np.bincount(labels[nearest], 1 / distance[nearest], minlength=CLASSES)
        expected.append(votes.argmax())
    np.testing.assert_array_equal(probes.nearest_neighbours(5).fit(features, labels).predict(unseen), expected)


def test_accuracy_is_the_share_of_the_other_part_that_is_recognised():
    pair = feature_pair()
    train, test = pair.source.train, pair.target.test
    means = [train.images[train.labels == c].mean(0) for c in range(3)]
    right = [
        np.argmin([((f - m) ** 2).sum() for m in means]) == y for f, y in zip(test.images, test.labels, strict=True)
    ]
    assert probes.accuracy(probes.Prototypes(), train, test) == pytest.approx(np.mean(right))
    wrong = dataclasses.replace(test, domain=dataclasses.replace(test.domain, images=-test.domain.images))
    assert probes.accuracy(probes.Prototypes(), train, wrong) < np.mean(right)


def test_a_probe_cannot_be_fitted_on_sealed_labels():
    pair = feature_pair()
    with pytest.raises(SealedLabelsError):
        probes.accuracy(probes.linear_probe(), pair.target.train, pair.target.test)


def test_images_and_features_of_two_nets_are_refused_in_words():
    images, features = toy_pair(), feature_pair()
    with pytest.raises(ValueError, match="'here' holds images and a probe reads features"):
        probes.accuracy(probes.linear_probe(), images.source.train, images.target.test)
    wide = toy_domain("wide", 60, (7,))
    with pytest.raises(ValueError, match="'here' has features of 5 dimensions and 'wide' of 7"):
        probes.accuracy(probes.linear_probe(), features.source.train, Part(wide, "test", wide.splits["test"]))
