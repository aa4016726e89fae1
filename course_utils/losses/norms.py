"""Penalties on how long features are, and on their strongest directions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.losses.precision import full_precision


@full_precision
def distance_to_radius(features: Float[Tensor, "n d"], radius: float) -> Float[Tensor, ""]:
    r"""`(mean_i ||z_i|| - R)^2`. Source: Xu et al. 2019 (HAFN)."""
    return (features.norm(dim=1).mean() - radius).square()


@full_precision
def distance_to_longer(features: Float[Tensor, "n d"], step: float) -> Float[Tensor, ""]:
    r"""`mean_i (||z_i|| - (||z_i|| + step))^2`, the longer norm being a constant, not a variable.

    So the value is always `step^2`, and only the gradient says anything: it makes every feature longer.
    Source: Xu et al. 2019 (SAFN).
    """
    norms = features.norm(dim=1)
    # Detached: else the two norms cancel, and nothing is learned.
    return (norms - (norms.detach() + step)).square().mean()


@full_precision
def batch_spectral_penalty(features: Float[Tensor, "n d"], largest: int = 1) -> Float[Tensor, ""]:
    r"""The sum of the squares of the `largest` first singular values of a batch's features.

    By singular values alone: their gradient is finite where two are equal or zero, the singular vectors' is not.
    Source: Chen et al. 2019 (BSP).
    """
    return torch.linalg.svdvals(features)[:largest].square().sum()
