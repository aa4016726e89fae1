"""What a net learns when the source is gone: to be sure and of every class, and the labels of its own class centres."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from course_utils.losses.precision import full_precision
from course_utils.losses.self_training import conditional_entropy


@full_precision
def information_maximisation(logits: Float[Tensor, "n k"]) -> Float[Tensor, ""]:
    r"""`E H(p) - H(E p)` in nats: `-log k` where all are sure and the classes balanced, 0 where all say the same.

    Minus the mutual information of image and prediction. Source: Liang et al. 2020 (SHOT), equation 3.
    """
    log_mean = logits.log_softmax(1).logsumexp(0) - math.log(len(logits))
    return conditional_entropy(logits) + (log_mean.exp() * log_mean).sum()


@torch.no_grad()
def centroid_labels(features: Float[Tensor, "n d"], logits: Float[Tensor, "n k"], rounds: int = 2) -> Int[Tensor, " n"]:
    r"""The class whose centre is nearest by cosine, `c_k = sum_i w_ik f_i / sum_i w_ik`. Nothing flows back.

    In the first round w is the softmax of the logits, afterwards 1 where the last round's label is k and 0 elsewhere.
    A class that no image has, by its likeliest class or by the last round's label, has no centre and gets no image.
    In float64, so that the order of the images decides nothing. Source: Liang et al. 2020 (SHOT), equations 4 to 6.
    """
    features, weights, labels = features.double(), logits.double().softmax(1), logits.argmax(1)
    for _ in range(rounds):
        # A cosine does not see by how much a centre was divided, so an empty class divides by nothing.
        cosines = functional.normalize(features) @ functional.normalize(weights.T @ features).T
        empty = functional.one_hot(labels, logits.shape[1]).sum(0) == 0
        labels = cosines.masked_fill(empty, -torch.inf).argmax(1)
        weights = functional.one_hot(labels, logits.shape[1]).double()
    return labels
