"""Penalties that hold fine-tuning back."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.losses.precision import full_precision


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
