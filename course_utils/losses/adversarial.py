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
    """
    return _ReverseGradient.apply(x, strength)


@full_precision
def domain_confusion(
    source: Float[Tensor, "n 1"], target: Float[Tensor, "m 1"], smoothing: float = 0.0
) -> Float[Tensor, ""]:
    r"""Binary cross-entropy of a critic's logits, `source = 1` and `target = 0`, each domain weighing one half.

    At chance it is `ln 2`. `smoothing` moves the labels to `1 - smoothing / 2` and `smoothing / 2`, which keeps a
    confident critic's gradient alive. Works on logits, so it stays finite at +-50.
    """
    real, other = 1 - smoothing / 2, smoothing / 2
    loss = functional.binary_cross_entropy_with_logits
    return (loss(source, torch.full_like(source, real)) + loss(target, torch.full_like(target, other))) / 2
