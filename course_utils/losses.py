"""The papers' distances and penalties as pure functions.

Covariance, Gram and distance matrices lose too many digits in bfloat16 (up to 20 points of target accuracy
were lost that way), so every function here leaves autocast and works in float32 or wider.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def full_precision(loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Runs `loss` outside autocast, with half precision tensors widened to float32 (float64 is kept)."""

    @functools.wraps(loss)
    def widened(*args: object, **kwargs: object) -> Tensor:
        def widen(x: object) -> object:
            narrow = isinstance(x, Tensor) and x.is_floating_point() and x.dtype.itemsize < 4
            return x.float() if narrow else x

        device = next(a.device.type for a in args if isinstance(a, Tensor))
        with torch.autocast(device, enabled=False):
            return loss(*map(widen, args), **{name: widen(value) for name, value in kwargs.items()})

    return widened


@full_precision
def squared_distances(x: Float[Tensor, "n d"], y: Float[Tensor, "m d"]) -> Float[Tensor, "n m"]:
    r"""`||x_i - y_j||^2` by one Gram matrix: `x.x + y.y - 2 x.y`, clipped at zero against rounding."""
    x_norms, y_norms = x.square().sum(1), y.square().sum(1)
    return (x_norms[:, None] + y_norms[None, :] - 2 * x @ y.T).clamp_min(0)


def mean_bandwidths(
    source: Float[Tensor, "n d"],
    target: Float[Tensor, "m d"],
    factors: Sequence[float] = (0.25, 0.5, 1, 2, 4),
) -> Float[Tensor, " kernels"]:
    r"""`sigma_u^2 = factor_u * mean ||z_i - z_j||^2` over all pairs `i != j` of the joint batch.

    The mean comes from closed sums, so no second distance matrix is made. Detached: a bandwidth that carries
    gradient lets the network shrink the distance by widening the kernel. Never below 1e-6, so that a collapsed
    batch gives a finite loss. Source: Long et al. 2015, section 4.1 (factors 2^-2 .. 2^2).
    """
    joint = torch.cat([source, target]).detach()
    joint = joint.to(torch.promote_types(joint.dtype, torch.float32))
    n = len(joint)
    mean = 2 * n / (n - 1) * joint.var(0, correction=0).sum()
    return mean.clamp_min(1e-6) * torch.as_tensor(factors, dtype=mean.dtype, device=mean.device)


@full_precision
def mmd(
    source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], bandwidths: Float[Tensor, " kernels"]
) -> Float[Tensor, ""]:
    r"""`MMD^2 = E k(s, s') + E k(t, t') - 2 E k(s, t)`, the biased estimate, so never below zero.

    `k(x, y) = mean_u exp(-||x - y||^2 / (2 sigma_u^2))` over the `bandwidths` sigma_u^2.
    Source: Gretton et al. 2012, equation 5; several kernels: Long et al. 2015 (DAN), equation 4.
    """
    n, joint = len(source), torch.cat([source, target])
    distances = squared_distances(joint, joint)
    kernel = torch.stack([torch.exp(-distances / (2 * width)) for width in bandwidths]).mean(0)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


@full_precision
def coral(source: Float[Tensor, "n d"], target: Float[Tensor, "m d"]) -> Float[Tensor, ""]:
    r"""`||C_s - C_t||_F^2 / (4 d^2)` with the covariances C of the two batches (divided by n - 1).

    Means play no part: a shifted cloud has the same covariance. Source: Sun and Saenko 2016, equations 1 to 3.
    """
    difference = torch.cov(source.T).reshape(source.shape[1], -1) - torch.cov(target.T).reshape(target.shape[1], -1)
    return difference.square().sum() / (4 * source.shape[1] ** 2)


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


@full_precision
def cross_entropy(
    logits: Float[Tensor, "n classes"], labels: torch.Tensor, smoothing: float = 0.0
) -> Float[Tensor, ""]:
    """The mean over the batch of `-log p(label)`."""
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing)


# -- fine-tuning that is held back -------------------------------------------------------------------------------------


def l2_sp(weights: Float[Tensor, " p"], start: Float[Tensor, " p"]) -> Float[Tensor, ""]:
    r"""`||w - w_0||^2 / 2`, the distance to the starting point. Source: Li, Grandvalet and Davoine 2018."""
    return (weights - start).square().sum() / 2


@full_precision
def map_distance(
    maps: Float[Tensor, "n c *places"], start: Float[Tensor, "n c *places"], attention: Float[Tensor, " c"]
) -> Float[Tensor, ""]:
    r"""`sum_c a_c ||F_c - F0_c||^2 / 2`, averaged over images and places. Source: Li et al. 2019 (DELTA)."""
    per_channel = (maps - start).square().transpose(0, 1).flatten(1).mean(1)
    return (attention * per_channel).sum() / 2


@full_precision
def channel_costs(maps: Float[Tensor, "n c *places"], gradient: Float[Tensor, "n c *places"]) -> Float[Tensor, " c"]:
    r"""What a loss would gain, to first order, were channel c switched off: `-sum F_c dL/dF_c` over images and places.

    Source: Molchanov et al. 2017, "Pruning Convolutional Neural Networks for Resource Efficient Inference".
    """
    return -(maps * gradient).transpose(0, 1).flatten(1).sum(1)


def channel_attention(costs: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
    r"""`c softmax(z / 5)` of the standardised costs z: positive and of mean 1; all ones where the costs are equal.

    Source: Li et al. 2019 (DELTA); standardised and divided by 5 as in the Transfer-Learning-Library.
    """
    spread = costs.std(correction=0).clamp_min(1e-12)
    return len(costs) * torch.softmax((costs - costs.mean()) / spread / 5, 0)


@full_precision
def batch_spectral_shrinkage(features: Float[Tensor, "n d"], smallest: int = 1) -> Float[Tensor, ""]:
    r"""The sum of the squares of the `smallest` last singular values of a batch's features.

    By singular values alone: their gradient is finite where two are equal or zero, the singular vectors' is not.
    Source: Chen et al. 2019.
    """
    return torch.linalg.svdvals(features)[-smallest:].square().sum()
