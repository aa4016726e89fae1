"""How far two classifiers disagree."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.losses.precision import full_precision


@full_precision
def classifier_discrepancy(first: Float[Tensor, "n k"], second: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    r"""`E |p_1 - p_2|` of two heads' softmax, averaged over images and classes. Saito et al. 2018 (MCD)."""
    return (first.softmax(1) - second.softmax(1)).abs().mean()


@full_precision
def margin_disparity(
    source_adversary: Float[Tensor, "n k"],
    source_logits: Float[Tensor, "n k"],
    target_adversary: Float[Tensor, "m k"],
    target_logits: Float[Tensor, "m k"],
    margin_factor: float,
) -> Float[Tensor, ""]:
    r"""`E_t log(1 - p'_y) + gamma E_s log p'_y`, never above zero: what the adversary p' maximises.

    y is the class of the highest of the plain `logits`: a whole number, through which nothing flows back.
    Source: Zhang et al. 2019 (MDD).
    """
    source_labels, target_labels = source_logits.argmax(1), target_logits.argmax(1)
    agreed = source_adversary.log_softmax(1).gather(1, source_labels[:, None]).mean()
    return _log_of_the_others(target_adversary, target_labels).mean() + margin_factor * agreed


def _log_of_the_others(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """`log(1 - p_label)` from the other logits alone: a p that rounds to 1 would give log 0."""
    others = logits.scatter(1, labels[:, None], -torch.inf)
    return others.logsumexp(1) - logits.logsumexp(1)
