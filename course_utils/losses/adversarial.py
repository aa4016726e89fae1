"""What a critic learns, and how its gradient is turned."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from course_utils.losses.precision import full_precision


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(context, x, strength):
        context.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return -context.strength * gradient, None


def reverse_gradient(x: Float[Tensor, "*shape"], strength: float) -> Float[Tensor, "*shape"]:
    """The identity forwards; the gradient times `-strength` backwards. Source: Ganin and Lempitsky 2015, equation 8.

    It counts nothing: `strength` is an argument, so a second call or an evaluation changes no schedule.
    Raises ValueError for a strength below zero, which would turn the gradient twice.
    """
    if not strength >= 0:
        raise ValueError(
            f"The reversed gradient got the strength {strength}: below zero the features would help the critic. "
            "Look at the weight and the schedule."
        )
    return _ReverseGradient.apply(x, strength)


@full_precision
def domain_confusion(
    source: Float[Tensor, "n 1"],
    target: Float[Tensor, "m 1"],
    smoothing: float = 0.0,
    source_weights: Float[Tensor, "n 1"] | None = None,
    target_weights: Float[Tensor, "m 1"] | None = None,
) -> Float[Tensor, ""]:
    r"""Binary cross-entropy of a critic's logits, `source = 1` and `target = 0`, each domain weighing one half.

    At chance it is `ln 2`. `smoothing` moves the labels to `1 - smoothing / 2` and `smoothing / 2`, which keeps a
    confident critic's gradient alive. Works on logits, so it stays finite at +-50. `..._weights`: how much each image
    counts, of mean 1 in each domain.
    """
    real, other = torch.full_like(source, 1 - smoothing / 2), torch.full_like(target, smoothing / 2)
    loss = functional.binary_cross_entropy_with_logits
    return (loss(source, real, source_weights) + loss(target, other, target_weights)) / 2


@full_precision
def inverted_labels(target: Float[Tensor, "m 1"]) -> Float[Tensor, ""]:
    r"""`-E log D(t)` of a critic's logits of the target: its loss, had the target been the source.

    Its gradient is alive where the critic is sure, which that of `log(1 - D(t))` is not.
    Source: Tzeng et al. 2017 (ADDA).
    """
    return functional.softplus(-target).mean()


# -- a critic that knows the prediction --------------------------------------------------------------------------------


@full_precision
def multilinear_map(features: Float[Tensor, "n d"], classes: Float[Tensor, "n k"]) -> Float[Tensor, "n dk"]:
    r"""`f ⊗ g`: every feature times every class probability. Source: Long et al. 2018 (CDAN)."""
    return (features[:, :, None] * classes[:, None, :]).flatten(1)


@full_precision
def randomised_map(
    features: Float[Tensor, "n d"],
    classes: Float[Tensor, "n k"],
    of_features: Float[Tensor, "m d"],
    of_classes: Float[Tensor, "m k"],
) -> Float[Tensor, "n m"]:
    r"""`(R_f f ⊙ R_g g) / sqrt(m)`: m numbers whose inner products are those of `f ⊗ g` in expectation.

    R_f, R_g: of independent numbers of mean 0 and variance 1. Source: Long et al. 2018 (CDAN).
    """
    return (features @ of_features.T) * (classes @ of_classes.T) / len(of_features) ** 0.5


@full_precision
def entropy_weights(logits: Float[Tensor, "n k"]) -> Float[Tensor, "n 1"]:
    r"""`1 + exp(-H(p))`, divided by its mean over the batch: a sure prediction counts up to twice an unsure one.

    Detached: a weight is not a reason to be sure. Source: Long et al. 2018 (CDAN+E).
    """
    entropy = torch.special.entr(logits.detach().softmax(1)).sum(1, keepdim=True)
    weights = 1 + torch.exp(-entropy)
    return weights / weights.mean()
