"""Distances between two clouds of features, by their kernels' or their own moments."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.losses.precision import full_precision


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
    gradient lets the network shrink the distance by widening the kernel. The mean is never below 1e-6, so that a
    collapsed batch gives a finite loss. Source: Long et al. 2015, section 4.1, with the mean and the five factors of
    the authors' later code in place of a median and 2^-8 .. 2^8.
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


@full_precision
def gaussian_kernel(x: Float[Tensor, "n d"], bandwidths: Float[Tensor, " kernels"]) -> Float[Tensor, "n n"]:
    r"""`k(x_i, x_j) = mean_u exp(-||x_i - x_j||^2 / (2 sigma_u^2))` over the `bandwidths` sigma_u^2."""
    distances = squared_distances(x, x)
    return torch.stack([torch.exp(-distances / (2 * width)) for width in bandwidths]).mean(0)


def jmmd(
    layers: Sequence[tuple[Float[Tensor, "n _"], Float[Tensor, "m _"]]], bandwidths: Sequence[Float[Tensor, " _"]]
) -> Float[Tensor, ""]:
    r"""MMD² of the joint distribution of several layers, each `(source, target)`: its kernel is the layers' product.

    `k(x, y) = prod_l k_l(x_l, y_l)` with a `gaussian_kernel` k_l of `bandwidths[l]`. The biased estimate, so never
    below zero. Source: Long et al. 2017 (JAN).
    """
    kernels = [gaussian_kernel(torch.cat(pair), widths) for pair, widths in zip(layers, bandwidths, strict=True)]
    n, kernel = len(layers[0][0]), functools.reduce(torch.mul, kernels)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


@full_precision
def cmd(
    source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], span: float = 1.0, moments: int = 5
) -> Float[Tensor, ""]:
    r"""`||E s - E t|| / span + sum_k ||c_k(s) - c_k(t)|| / span^k` over k = 2 .. `moments`.

    `c_k(x) = E (x - E x)^k`, each coordinate by itself. All values must lie in an interval [a, b], and `span` is
    its length b - a. Source: Zellinger et al. 2017.
    """
    means = source.mean(0), target.mean(0)
    distance = torch.linalg.vector_norm(means[0] - means[1]) / span
    source, target = source - means[0], target - means[1]
    for k in range(2, moments + 1):
        gap = source.pow(k).mean(0) - target.pow(k).mean(0)
        distance = distance + torch.linalg.vector_norm(gap) / span**k
    return distance
