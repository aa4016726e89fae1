"""What it costs to carry one cloud of points onto another."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from course_utils.losses.precision import full_precision


def transport_plan(cost: Float[Tensor, "n m"]) -> Float[Tensor, "n m"]:
    r"""The plan `P >= 0` of least `<P, cost>` whose rows sum to 1 / n and whose columns sum to 1 / m: who goes where.

    Exact, by POT's network simplex, in float64 on the CPU. A constant: no gradient flows into it.
    Source: Bonneel et al. 2011; Flamary et al. 2021 (POT).
    """
    if not cost.isfinite().all():
        return torch.full_like(cost, torch.nan)  # the loop then names the term; the solver would only warn
    table = cost.detach().double().cpu().numpy()
    plan = torch.from_numpy(_simplex()([], [], table, numItermax=1_000_000))
    return plan.to(cost.device, torch.promote_types(cost.dtype, torch.float32))


@functools.cache
def _simplex() -> Callable:
    with warnings.catch_warnings():
        # Python warns of escapes in POT's docstrings on the day it compiles them.
        warnings.simplefilter("ignore")
        from ot import emd
    return emd


@full_precision
def pairwise_cross_entropy(labels: Int[Tensor, " n"], logits: Float[Tensor, "m classes"]) -> Float[Tensor, "n m"]:
    """`-log p_j(label_i)`: what it would cost image j to be given label i."""
    return -functional.log_softmax(logits, 1)[:, labels].T


@full_precision
def sliced_wasserstein(
    source: Float[Tensor, "n d"], target: Float[Tensor, "m d"], directions: Float[Tensor, "k d"], order: int = 2
) -> Float[Tensor, ""]:
    r"""The mean over `directions` of `W_p^p` between the two clouds' shadows on them, with p = `order`.

    In one dimension the best plan keeps the order, so `W_p^p` is the area between two sorted rows, also of unequal
    length. Directions should have length one. Source: Bonneel et al. 2015.
    """
    n, m = len(source), len(target)
    # Where either quantile function may jump, in units of 1 / (n m), so that no rounding makes two jumps of one.
    steps = torch.arange(n + 1) * m, torch.arange(m + 1) * n
    jumps = torch.cat(steps).unique().to(source.device)
    mass = jumps.diff().to(source.dtype) / (n * m)
    shadows = [(x @ directions.T).sort(dim=0).values for x in (source, target)]
    gap = shadows[0][jumps[:-1] // m] - shadows[1][jumps[:-1] // n]
    return (mass @ gap.abs().pow(order)).mean()


def random_directions(like: Float[Tensor, "n d"], number: int) -> Float[Tensor, "number d"]:
    """`number` directions of length one, uniform on the sphere of `like`'s dimensions."""
    drawn = torch.randn(number, like.shape[1], dtype=like.dtype, device=like.device)
    return functional.normalize(drawn, dim=1)


@full_precision
def gradient_penalty(critic: Callable[[Tensor], Tensor], points: Float[Tensor, "n d"]) -> Float[Tensor, ""]:
    r"""`mean_i (||∇ f(x_i)|| - 1)^2` of the critic f, which keeps it from being steep.

    Source: Gulrajani et al. 2017, equation 3.
    """
    points = points.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(points).sum(), points, create_graph=True)
    return (slopes.norm(dim=1) - 1).square().mean()
