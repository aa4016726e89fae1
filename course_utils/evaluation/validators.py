"""Judges that choose an epoch, or a setting, without one target label. Every `score` is higher for better.

No validator is right everywhere: each rewards something that tends to go with target accuracy, and each can be
fooled (a net that calls every target image a 7 has the best `Entropy` of all).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Integer
from torch.nn import functional

from course_utils.evaluation.arrays import Array, as_tensor


class Scored(NamedTuple):
    """What a net made of one domain's validation images; `labels` is None on the target, always."""

    features: Float[Array, "n d"]
    logits: Float[Array, "n k"]
    labels: Integer[Array, " n"] | None = None


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
        return -float(
            functional.cross_entropy(as_tensor(source.logits).double(), as_tensor(source.labels).long())
        )


@dataclass(frozen=True)
class Entropy:
    """Minus the mean entropy of the target predictions, in nats: sure is good (Morerio et al. 2018)."""

    def score(self, source: Scored, target: Scored) -> float:
        return -float(_entropy(_predictions(target)).mean())


@dataclass(frozen=True)
class InformationMaximisation:
    """Entropy of the mean target prediction minus the mean entropy: sure, and not always of the same class.

    It is the mutual information of image and prediction, between 0 and log k. Source: Shi and Sha 2012,
    equation 4; SHOT (Liang et al. 2020) trains on it. It assumes that the target's classes are about balanced.
    """

    def score(self, source: Scored, target: Scored) -> float:
        predictions = _predictions(target)
        return float(_entropy(predictions.mean(0)) - _entropy(predictions).mean())


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
            "A validator was handed target labels. Choosing an epoch by them is peeking: the number would be one that "
            "nobody without target labels can reach. Pass Scored(features, logits) for the target."
        )
