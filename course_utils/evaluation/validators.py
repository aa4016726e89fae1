"""Judges that choose an epoch, or a setting, without one target label. Every `score` is higher for better.

No validator is right everywhere: each rewards something that tends to go with target accuracy, and each can
be fooled (a net that calls every target image a 7 has the best `Entropy` of all).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Integer
from torch.nn import functional

from course_utils.evaluation.arrays import Array, as_tensor


class Scored(NamedTuple):
    """What a net made of one domain's validation images; `labels` is None on the target, always.

    A row of logits is an image, or a place in one.
    """

    features: Float[Array, "n d"]
    logits: Float[Array, "rows k"]
    labels: Integer[Array, " rows"] | None = None


@runtime_checkable
class Validator(Protocol):
    """Gives an epoch one number from its source and target validation images, higher for better."""

    def score(self, source: Scored, target: Scored) -> float: ...


@dataclass(frozen=True)
class SourceRisk:
    """Minus the cross-entropy on labelled source images: the choice of somebody who forgets the target."""

    def score(self, source: Scored, target: Scored) -> float:
        _refuse_target_labels(target)
        if source.labels is None:
            raise ValueError(
                "SourceRisk reads the source labels, and this source has none. Pass Scored(..., labels=...)."
            )
        return -float(functional.cross_entropy(as_tensor(source.logits).double(), as_tensor(source.labels).long()))


@dataclass(frozen=True)
class Entropy:
    """Minus the mean entropy of the target predictions, in nats: sure is good (Morerio et al. 2018)."""

    def score(self, source: Scored, target: Scored) -> float:
        return -float(_entropy(_predictions(target)).mean())


@dataclass(frozen=True)
class InformationMaximisation:
    """Entropy of the mean target prediction minus the mean entropy: sure, and not always of the same class.

    It is the mutual information of image and prediction, between 0 and log k. Source: Shi and Sha 2012,
    equation 4; SHOT (Liang et al. 2020) trains on it. It assumes that the target's classes are balanced.
    """

    def score(self, source: Scored, target: Scored) -> float:
        predictions = _predictions(target)
        return float(_entropy(predictions.mean(0)) - _entropy(predictions).mean())


@dataclass(frozen=True)
class CalibratedInformationMaximisation:
    """InformationMaximisation after one temperature has made the source confidence honest.

    A strategy that shrinks the logits is less sure and not more wrong: without this, every weight of DeepCORAL loses
    against no DeepCORAL at all. The temperature is the one at which the mean confidence on labelled source images
    equals their accuracy (with one right and one wrong image added, so that a faultless net stays finite).
    """

    def score(self, source: Scored, target: Scored) -> float:
        scale = 1 / _honest_temperature(source)
        return InformationMaximisation().score(
            source, target._replace(logits=scale * as_tensor(target.logits).double())
        )


def _honest_temperature(source: Scored, lowest: float = 1e-3, highest: float = 1e3, halvings: int = 40) -> float:
    """Bisection on the logarithm: the mean confidence falls as the temperature rises."""
    if source.labels is None:
        raise ValueError("A temperature is set on labelled source images, and this source has no labels.")
    logits = as_tensor(source.logits).double()
    right = (logits.argmax(1) == as_tensor(source.labels)).sum().item()
    wanted = (right + 1) / (len(logits) + 2)
    for _ in range(halvings):
        middle = (lowest * highest) ** 0.5
        sure = (logits / middle).softmax(1).amax(1).mean().item() > wanted
        lowest, highest = (middle, highest) if sure else (lowest, middle)
    return middle


def _entropy(probabilities: Float[torch.Tensor, "*n k"]) -> Float[torch.Tensor, "*n"]:
    return torch.special.entr(probabilities).sum(-1)


def _predictions(target: Scored) -> Float[torch.Tensor, "n k"]:
    _refuse_target_labels(target)
    if len(target.logits) == 0:
        raise ValueError("No target image to judge: its validation split is empty.")
    return as_tensor(target.logits).double().softmax(1)


def _refuse_target_labels(target: Scored) -> None:
    if target.labels is not None:
        raise ValueError(
            "A validator was handed target labels. Choosing an epoch by them is peeking: the number would be one "
            "that nobody without target labels can reach. Pass Scored(features, logits) for the target."
        )
