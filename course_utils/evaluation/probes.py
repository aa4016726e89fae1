"""What frozen features know: classifiers without a hidden layer, trained in seconds on `(n, d)` features.

Which probe reads the features best is seldom what is asked; that all of them read the same features is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import nn

from course_utils.data.domain import Part

# Both chosen on the validation splits of PACS and of the digits, between 1 label a class and all of them.
LOGISTIC_C, SVM_C = 10.0, 1.0


@runtime_checkable
class Estimator(Protocol):
    """Anything with scikit-learn's two methods."""

    def fit(self, features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]) -> object: ...
    def predict(self, features: Float[np.ndarray, "m d"]) -> Int[np.ndarray, " m"]: ...


def accuracy(estimator: Estimator, train: Part, test: Part) -> float:
    """Fits on the features and labels of one part and returns the share of the other that is then recognised.

    Raises SealedLabelsError where the labels of a part are sealed, and ValueError for parts that hold images, or
    features of two nets.
    """
    for part in (train, test):
        if part.domain.images.ndim != 2:
            raise ValueError(
                f"{part.domain.name!r} holds images and a probe reads features: cu.extract(net, domain) makes them."
            )
    widths = [part.domain.images.shape[1] for part in (train, test)]
    if widths[0] != widths[1]:
        raise ValueError(
            f"{train.domain.name!r} has features of {widths[0]} dimensions and {test.domain.name!r} of {widths[1]}: "
            "extract both with one net from one layer."
        )
    estimator.fit(train.images, train.labels)
    return float((estimator.predict(test.images) == test.labels).mean())


def linear_probe() -> Probe:
    r"""Logistic regression: minimises `1/2 |W|² + C sum_i cross_entropy(W z_i + b, y_i)` with `C = 10`.

    z: the features on one scale (`Probe`). Source: Alain, Bengio. Understanding intermediate layers using linear
    classifier probes. 2016.
    """
    from sklearn.linear_model import LogisticRegression

    return Probe(LogisticRegression(C=LOGISTIC_C, max_iter=1000))


def linear_svm() -> Probe:
    """A linear support vector machine, one against the rest, with `C = 1`. Source: Cortes, Vapnik 1995."""
    from sklearn.svm import LinearSVC

    return Probe(LinearSVC(C=SVM_C, random_state=0))


def nearest_neighbours(k: int = 5) -> Estimator:
    """The vote of the k nearest by cosine, the nearer the louder, so that with one label a class the nearest decides.

    Fitting on fewer than k images raises scikit-learn's ValueError.
    """
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    return make_pipeline(Normalizer(), KNeighborsClassifier(k, weights="distance"))


@dataclass
class Probe:
    """A linear classifier of scikit-learn on features of mean 0 and mean squared length 1.

    One scale for all dimensions and not, as usual, one for each: 7 images, one label a class of PACS, cannot say how
    much each of 1,280 dimensions varies. A scale for each cost 8 to 13 points there; with all labels, none is gained.
    """

    classifier: Estimator

    def fit(self, features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]) -> Probe:
        self.mean_ = features.mean(0)
        self.scale_ = float(np.sqrt(np.square(features - self.mean_).sum(1).mean())) or 1.0
        self.classifier.fit((features - self.mean_) / self.scale_, labels)
        return self

    def predict(self, features: Float[np.ndarray, "m d"]) -> Int[np.ndarray, " m"]:
        return self.classifier.predict((features - self.mean_) / self.scale_)

    def head(self, classes: int) -> nn.Linear:
        """The fitted probe as the head of a net: the same logits from the features as they are.

        Raises ValueError where the probe has not seen every class.
        """
        seen = self.classifier.classes_
        if not np.array_equal(seen, np.arange(classes)):
            raise ValueError(f"The probe has seen {len(seen)} of {classes} classes: a head needs labels of all.")
        weight, bias = self.classifier.coef_, self.classifier.intercept_
        if classes == 2:  # scikit-learn keeps the difference of the two rows
            weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
        weight = weight / self.scale_
        head = nn.Linear(weight.shape[1], classes)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(weight))
            head.bias.copy_(torch.from_numpy(bias - weight @ self.mean_))
        return head


@dataclass
class Prototypes:
    """The class whose mean feature is nearest, by squared Euclidean distance.

    unit_length: of the features, which makes the distance the cosine's (Wang et al. SimpleShot, 2019, "L2N"): with one
        label a class of PACS photographs .84 and not .72.

    Source: Snell, Swersky, Zemel. Prototypical networks for few-shot learning. NeurIPS 2017, equations 1 and 2.
    """

    unit_length: bool = False

    def fit(self, features: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]) -> Prototypes:
        features = self._scaled(features)
        self.classes_ = np.unique(labels)
        self.prototypes_ = np.stack([features[labels == c].mean(0) for c in self.classes_])
        return self

    def predict(self, features: Float[np.ndarray, "m d"]) -> Int[np.ndarray, " m"]:
        # |f - c|² = |f|² - 2 f·c + |c|², and |f|² is the same for every class.
        distances = np.square(self.prototypes_).sum(1) - 2 * self._scaled(features) @ self.prototypes_.T
        return self.classes_[distances.argmin(1)]

    def _scaled(self, features: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        if not self.unit_length:
            return features
        return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), np.finfo(np.float32).tiny)
