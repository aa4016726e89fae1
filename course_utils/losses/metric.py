"""Distances that are learned: hard triplets, a contrast of all with all, and the means of classes."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from course_utils.losses.moments import squared_distances
from course_utils.losses.precision import full_precision


@full_precision
def batch_hard_triplets(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], margin: float = 1.0
) -> Float[Tensor, " n"]:
    r"""`[margin + max_p ||f_a - f_p|| - min_n ||f_a - f_n||]_+` of each image a: p of its class, n of another.

    An image that is alone in its class, or whose batch holds no other class, has no triplet and counts 0. Euclidean
    distances, not squared ones. Source: Hermans et al. 2017, equation 5.
    """
    with torch.no_grad():
        distances, same = squared_distances(features, features), labels[:, None] == labels
        friend = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        farthest = distances.masked_fill(~friend, -1).argmax(1)
        nearest = distances.masked_fill(same, torch.inf).argmin(1)
        whole = friend.any(1) & ~same.all(1)
    # Of the chosen pairs alone, not a root of the Gram matrix, whose slope is infinite where two images coincide.
    apart = [torch.linalg.vector_norm(features - features[other], dim=1) for other in (farthest, nearest)]
    return (margin + apart[0] - apart[1]).relu() * whole


@full_precision
def supervised_contrastive(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], temperature: float = 0.1
) -> Float[Tensor, ""]:
    r"""`1/n sum_i -1/|P(i)| sum_{p in P(i)} log(exp(z_i.z_p / T) / sum_{a != i} exp(z_i.z_a / T))`.

    z = features at length 1;  P(i) = the other images of i's class;  T = temperature. An image that is alone in its
    class counts 0. Source: Khosla et al. 2020, equation 2 (the sum outside the logarithm).
    """
    z = functional.normalize(features)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    # Not minus infinity: where an image is the only one of its batch, the row would have no finite number.
    similarities = (z @ z.T / temperature).masked_fill(itself, torch.finfo(z.dtype).min)
    partners = (labels[:, None] == labels) & ~itself
    log_p = similarities.log_softmax(1).masked_fill(~partners, 0)
    return -(log_p.sum(1) / partners.sum(1).clamp_min(1)).mean()


def class_means(
    features: Float[Tensor, "n d"], labels: Int[Tensor, " n"], classes: int
) -> tuple[Float[Tensor, "k d"], Bool[Tensor, " k"]]:
    """The mean feature of each class, and whether the batch has an image of it; where not, the mean is zero."""
    # A sum by index is no product of matrices, so autocast leaves it alone.
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    sums = features.new_zeros(classes, features.shape[1]).index_add(0, labels, features)
    counts = functional.one_hot(labels, classes).sum(0)
    return sums / counts.clamp_min(1)[:, None], counts > 0


@full_precision
def prototypical(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    means: Float[Tensor, "k d"],
    known: Bool[Tensor, " k"],
) -> Float[Tensor, ""]:
    r"""`1/n sum_i -log softmax_c(-||f_i - mean_c||^2)[label_i]` over the known classes c.

    An image whose class is not known counts 0. Source: Snell et al. 2017, equations 1 and 2.
    """
    logits = (-squared_distances(features, means)).masked_fill(~known, torch.finfo(features.dtype).min)
    costs = functional.cross_entropy(logits, labels, reduction="none")
    return torch.where(known[labels], costs, 0).mean()
