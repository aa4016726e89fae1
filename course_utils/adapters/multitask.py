"""How much each of several tasks over one trunk counts, and what becomes of gradients that disagree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least
from course_utils.data.batches import View
from course_utils.losses import (
    dynamic_weight_average,
    gradnorm,
    pcgrad,
    renormalised,
    task_gradients,
    uncertainty_weighted,
)
from course_utils.nets import Net


@dataclass(eq=False)
class FixedWeights(Adapter):
    """FixedWeights: one trunk, several heads, and a weight for each task that somebody chose.

    Paper: Caruana 1997, "Multitask Learning".
    Minimises  Σ_i w_i L_i(source)  over the trunk and all heads.
    Symbols: L_i = the losses of the run's task, in the order of its names;  w = weights, each 1 where none are given.
    Differs from common code: each task is a term and a curve of its own.
    Can go wrong: losses of other units; the one with the largest gradient decides what the trunk learns.
    Taught in: notebook 06.
    """

    weights: tuple[float, ...] | None = None

    sides: ClassVar = ("source",)
    weighs_tasks: ClassVar = True

    def build(self, net: Net) -> None:
        names, weights = self.task.names, self.weights
        if weights is not None and (len(weights) != len(names) or not all(w >= 0 for w in weights)):
            raise ValueError(f"FixedWeights(weights={weights}): {names} need one weight each, 0 or more.")

    def loss(self, source: View, target: View | None, progress: float) -> Terms:
        losses = self.task.losses(source)
        weights = self.weights or (1.0,) * len(losses)
        return {name: w * losses[name] for name, w in zip(losses, weights, strict=True)}


@dataclass(eq=False)
class UncertaintyWeights(Adapter):
    """UncertaintyWeights: each task learns its own noise, and counts less the noisier it is.

    Paper: Kendall, Gal, Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses".
    Minimises  Σ_i exp(-s_i) L_i(source) + s_i / 2  over the trunk, the heads and s.
    Symbols: s_i = log σ_i², one trained number a task, 0 at first, at `rate` times the run's learning rate.
    Differs from the paper: every loss takes the classification's form, since none here is a squared error; s has a rate
        of its own, or a short run would end before it has moved.
    Can go wrong: a task that is learned by heart has little noise, and so counts more and more.
    Taught in: notebook 06.
    """

    rate: float = 10.0

    sides: ClassVar = ("source",)
    weighs_tasks: ClassVar = True

    def __post_init__(self) -> None:
        at_least(self, "rate", 0)

    def build(self, net: Net) -> None:
        self.log_variances = nn.Parameter(torch.zeros(len(self.task.names)))

    def loss(self, source: View, target: View | None, progress: float) -> Terms:
        losses = self.task.losses(source)
        stacked = torch.stack(list(losses.values()))
        squared = torch.zeros(len(losses), dtype=torch.bool, device=stacked.device)
        return dict(zip(losses, uncertainty_weighted(stacked, self.log_variances, squared).unbind(), strict=True))

    def groups(self) -> list[dict]:
        # Weight decay would pull every variance to 1.
        return [{"params": [self.log_variances], "rate": self.rate, "weight_decay": 0.0}]


@dataclass(eq=False)
class GradNorm(Adapter):
    """GradNorm: weights that keep every task's gradient on the last shared layer at the length it should have.

    Paper: Chen, Badrinarayanan, Lee, Rabinovich 2018, "GradNorm: Gradient Normalization for Adaptive Loss Balancing in
        Deep Multitask Networks".
    Minimises  Σ_i w_i L_i(source)  over the trunk and all heads, and  Σ_i |w_i g_i - ḡ r_i^α|  over w;  Σ w_i stays T.
    Symbols: g_i = length of L_i's gradient over the last shared layer;  ḡ = mean of w_i g_i;  r_i = L_i / L_i(0) over
        the mean of these ratios;  α = asymmetry;  T = number of tasks.
    Differs from the paper: w is trained by AdamW at `rate` times the run's learning rate.
    Can go wrong: a task that cannot get better looks slow, and gets ever more of the trunk.
    Taught in: notebook 06.
    """

    asymmetry: float = 1.5
    rate: float = 1.0

    sides: ClassVar = ("source",)
    weighs_tasks: ClassVar = True
    of_places: ClassVar = True

    def __post_init__(self) -> None:
        at_least(self, "asymmetry", 0)
        at_least(self, "rate", 0)

    def build(self, net: Net) -> None:
        self._last = [p for p in _shared_blocks(net)[-1] if p.requires_grad]
        self.weights = nn.Parameter(torch.ones(len(self.task.names)))
        self.register_buffer("first", torch.zeros(len(self.task.names)))

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        losses = self.task.losses(batch.forward()[0])
        stacked = torch.stack(list(losses.values())).detach()
        self.first.copy_(torch.where(self.first == 0, stacked, self.first))
        norms = task_gradients(list(losses.values()), self._last).norm(dim=1)
        counted = zip(losses.items(), self.weights.detach(), strict=True)
        yield {name: weight * loss for (name, loss), weight in counted}, ("all",)
        yield {"balance": gradnorm(self.weights, norms, stacked, self.first, self.asymmetry)}, ("weights",)
        self.weights.data.copy_(renormalised(self.weights))

    def players(self, net: Net) -> dict[str, list[dict]]:
        return {"all": net.groups(), "weights": [{"params": [self.weights], "rate": self.rate, "weight_decay": 0.0}]}


@dataclass(eq=False)
class PCGrad(Adapter):
    """PCGrad: where two tasks pull the trunk apart, each gives up the part of its gradient that hurts the other.

    Paper: Yu, Kumar, Gupta, Levine, Hausman, Finn 2020, "Gradient Surgery for Multi-Task Learning".
    Minimises  Σ_i L_i(source)  over all heads, and moves the trunk θ along  Σ_i g_i'  instead of  Σ_i g_i.
    Symbols: g_i = ∇_θ L_i;  g_i' = g_i without its projections on those g_j with  g_i · g_j < 0.  The term `surgery` is
        0 and has the gradient  Σ_i g_i' - g_i.
    Differs from the paper: the step is AdamW's.
    Can go wrong: one more backward pass a task; gradients of unlike lengths still leave the longest in charge.
    Taught in: notebook 06.
    """

    sides: ClassVar = ("source",)
    weighs_tasks: ClassVar = True

    def build(self, net: Net) -> None:
        self._shared = [p for block in _shared_blocks(net) for p in block if p.requires_grad]

    def loss(self, source: View, target: View | None, progress: float) -> Terms:
        losses = self.task.losses(source)
        gradients = task_gradients(list(losses.values()), self._shared)
        return losses | {"surgery": _with_gradient(self._shared, (pcgrad(gradients) - gradients).sum(0))}


@dataclass(eq=False)
class DWA(Adapter):
    """DWA: a task whose loss has fallen less of late counts more.

    Paper: Liu, Johns, Davison 2019, "End-to-End Multi-Task Learning with Attention" (dynamic weight average).
    Minimises  Σ_i λ_i L_i(source),  λ = T softmax(r / temperature).
    Symbols: r_i = mean loss of the last window over that of the window before;  T = number of tasks;  a window is the
        `windows`-th part of the run.
    Differs from the paper: windows of the run in place of epochs.
    Can go wrong: it looks at how losses fall and never at gradients, so it tells nothing of tasks that disagree.
    Taught in: notebook 06.
    """

    windows: int = 15
    temperature: float = 2.0

    sides: ClassVar = ("source",)
    weighs_tasks: ClassVar = True

    def __post_init__(self) -> None:
        at_least(self, "windows", 1)
        at_least(self, "temperature", 1e-3)

    def build(self, net: Net) -> None:
        # Of the windows: the one before last, the last, and the present one's sum, which counts its steps at the end.
        self.register_buffer("means", torch.zeros(2, len(self.task.names)))
        self.register_buffer("sums", torch.zeros(1 + len(self.task.names)))
        self.register_buffer("window", torch.tensor(0))

    def loss(self, source: View, target: View | None, progress: float) -> Terms:
        losses = self.task.losses(source)
        stacked = torch.stack(list(losses.values()))
        self._note(stacked.detach(), min(int(progress * self.windows), self.windows - 1))
        weights = torch.ones_like(stacked)
        if (self.means > 0).all():
            weights = dynamic_weight_average(self.means[1], self.means[0], self.temperature)
        return dict(zip(losses, (weights * stacked).unbind(), strict=True))

    def _note(self, losses: Float[Tensor, " tasks"], now: int) -> None:
        if now != self.window:
            self.means.copy_(torch.stack((self.means[1], self.sums[:-1] / self.sums[-1])))
            self.sums.zero_()
            self.window.fill_(now)
        self.sums += torch.cat((losses, losses.new_ones(1)))


def _shared_blocks(net: Net) -> list[list[nn.Parameter]]:
    blocks = net.blocks()
    return [[p for module in blocks[name] for p in module.parameters()] for name in blocks if name != "head"]


def _with_gradient(parameters: list[nn.Parameter], gradient: Float[Tensor, " p"]) -> Float[Tensor, ""]:
    """A number that is 0 and whose gradient over the parameters is this one, whatever their values."""
    pieces = gradient.split([p.numel() for p in parameters])
    product = sum((p.flatten() * piece).sum() for p, piece in zip(parameters, pieces, strict=True))
    return product - product.detach()
