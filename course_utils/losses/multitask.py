"""Several tasks over one trunk: how much each of them counts, and what becomes of gradients that disagree."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from course_utils.losses.precision import full_precision


@full_precision
def uncertainty_weighted(
    losses: Float[Tensor, " tasks"], log_variances: Float[Tensor, " tasks"], regression: Bool[Tensor, " tasks"]
) -> Float[Tensor, " tasks"]:
    r"""`exp(-s_i) L_i / 2 + s_i / 2` of a regression, `exp(-s_i) L_i + s_i / 2` of a classification, to be summed.

    s = log sigma^2, which the paper trains since a variance can then not become negative. L of a regression is a
    squared error, of a classification a cross-entropy. With L held fixed the least is at `s = log L` and
    `s = log 2 L`. A value below zero is no mistake. Source: Kendall, Gal, Cipolla 2018, equations 7 and 10.
    """
    halves = torch.where(regression, 0.5, 1.0).to(losses)
    return halves * torch.exp(-log_variances) * losses + log_variances / 2


@full_precision
def gradnorm(
    weights: Float[Tensor, " tasks"],
    norms: Float[Tensor, " tasks"],
    losses: Float[Tensor, " tasks"],
    first: Float[Tensor, " tasks"],
    asymmetry: float = 1.5,
) -> Float[Tensor, ""]:
    r"""`sum_i |w_i g_i - G r_i^alpha|`, which trains the weights w and nothing else.

    norms: `g_i = ||grad L_i||` over the last shared layer, so `w_i g_i` is the norm of the weighted loss's gradient.
    G = the mean of `w_i g_i`; r_i = `L_i / first_i` over the mean of these ratios: a task that has come less far than
    the others is to have the larger gradient. asymmetry = alpha. After each step, `renormalised`.
    Source: Chen et al. 2018 (GradNorm), equations 1 and 2.
    """
    weighted = weights * norms.detach()
    ratios = losses.detach() / first.detach()
    # Detached, as the paper asks: else the weights would all shrink to pull the aim down instead of reaching it.
    aims = (weighted.mean() * (ratios / ratios.mean()) ** asymmetry).detach()
    return (weighted - aims).abs().sum()


@torch.no_grad()
def renormalised(weights: Float[Tensor, " tasks"]) -> Float[Tensor, " tasks"]:
    """The weights with their sum brought to the number of tasks, so that no weight is a learning rate in disguise.

    Source: Chen et al. 2018 (GradNorm), algorithm 1, last line.
    """
    return weights * len(weights) / weights.sum()


@torch.no_grad()
def pcgrad(gradients: Float[Tensor, "tasks p"], generator: torch.Generator | None = None) -> Float[Tensor, "tasks p"]:
    r"""Each task's gradient without what points against another task's; their sum is the step.

    For each i, over the others j in random order: where `g_i . g_j < 0`, `g_i <- g_i - (g_i . g_j / ||g_j||^2) g_j`,
    with g_i as it has become and g_j as it was given. Source: Yu et al. 2020 (PCGrad), algorithm 1.
    """
    kept = gradients.clone()
    for i in range(len(gradients)):
        order = torch.randperm(len(gradients), generator=generator).tolist()
        for j in (j for j in order if j != i):
            agreement = kept[i] @ gradients[j]
            if agreement < 0:
                kept[i] -= agreement / gradients[j].square().sum() * gradients[j]
    return kept


@torch.no_grad()
def dynamic_weight_average(
    last: Float[Tensor, " tasks"], before: Float[Tensor, " tasks"], temperature: float = 2.0
) -> Float[Tensor, " tasks"]:
    r"""`K exp(w_k / T) / sum_i exp(w_i / T)` with `w_k = last_k / before_k`: who descends slowly counts more.

    last, before: mean losses of the last epoch and of the one before it; in the first two epochs all weights are 1.
    Source: Liu, Johns, Davison 2019 (MTAN), equation 7.
    """
    return len(last) * functional.softmax(last / before / temperature, dim=0)


def task_gradients(losses: Sequence[Float[Tensor, ""]], parameters: Sequence[Tensor]) -> Float[Tensor, "tasks p"]:
    """Each loss's gradient over the same parameters, flat and in their order; 0 where a loss does not reach one.

    The graph is kept and no `.grad` is touched, so that the step can still be made.
    """
    rows = []
    for loss in losses:
        found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        reached = [torch.zeros_like(p) if g is None else g for g, p in zip(found, parameters, strict=True)]
        rows.append(torch.cat([gradient.flatten() for gradient in reached]))
    return torch.stack(rows)


@full_precision
def gradient_cosines(gradients: Float[Tensor, "tasks p"]) -> Float[Tensor, "tasks tasks"]:
    """`g_i . g_j / (||g_i|| ||g_j||)`: 1 where two tasks ask the same of these parameters, -1 where the opposite.

    NaN for a task that asks nothing of them, which is not the same as a right angle.
    Source: Yu et al. 2020 (PCGrad), definition 1.
    """
    directions = gradients / gradients.norm(dim=1, keepdim=True)
    return directions @ directions.T
