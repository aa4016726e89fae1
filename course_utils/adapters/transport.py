"""Carry one domain onto the other at the least cost: the plan of transport itself, or a distance that it defines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least
from course_utils.adapters.critics import of_width
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import (
    gradient_penalty,
    pairwise_cross_entropy,
    random_directions,
    sliced_wasserstein,
    squared_distances,
    transport_plan,
)
from course_utils.nets import Net


@dataclass(eq=False)
class DeepJDOT(Adapter):
    """DeepJDOT: give each target image the place and the label of the source images that it costs least to carry to it.

    Paper: Damodaran, Kellenberger, Flamary, Tuia, Courty 2018, "DeepJDOT: Deep Joint Distribution Optimal Transport
        for Unsupervised Domain Adaptation".
    Minimises  L_y(source) + λ Σ_ij γ_ij C_ij,   C_ij = α ||s_i - t_j||² / d - log p_j(y_i).
    Symbols: λ = weight · schedule(progress);  α = feature_weight;  γ = the plan `(n, m)` of least Σ γ C between the two
        batches, a constant in the step;  s, t = features `(n, d)`, `(m, d)`;  y = source labels;  p = target softmax.
    Differs from the paper: the distance is the mean over the d coordinates, so α fits features of any width; λ rises
        along the schedule; net and plan change at every step, as in the authors' code.
    Can go wrong: a plan moves all mass: where a class is rarer in the target, its images are spent on another class. In
        a batch of 64 that is so by chance, and a large weight teaches those labels; larger batches help. Its loss does
        not tell: three seeds that ended at equal losses lay 40 points of accuracy apart (notebook 10).
    Taught in: notebook 10.
    """

    weight: float = 0.01
    feature_weight: float = 100.0
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "feature_weight", 0)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        distance = squared_distances(source.features, target.features) / source.features.shape[1]
        cost = self.feature_weight * distance + pairwise_cross_entropy(source.labels, target.logits)
        carried = (transport_plan(cost) * cost).sum()
        return {"task": self.task.loss(source), "transport": self.weight * self.schedule(progress) * carried}


@dataclass(eq=False)
class SlicedWasserstein(Adapter):
    """SlicedWasserstein: look at both clouds along random lines, where transport is sorting.

    Paper: Bonneel, Rabin, Peyré, Pfister 2015, "Sliced and Radon Wasserstein Barycenters of Measures".
    Minimises  L_y(source) + λ mean_θ W_2²(θ·source, θ·target).
    Symbols: λ = weight · schedule(progress);  θ = `directions` unit vectors `(d,)`, drawn anew at each step;  W_2² =
        mean squared distance between the two sorted rows of projected features.
    Differs from the paper: there the distance is minimised over points; here, over the net that makes them.
    Can go wrong: most directions of a wide layer show next to nothing of the shift, and few are drawn.
    Taught in: notebook 10.
    """

    weight: float = 10.0
    directions: int = 64
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "directions", 1)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        directions = random_directions(source.features, self.directions)
        distance = sliced_wasserstein(source.features, target.features, directions)
        return {"task": self.task.loss(source), "sliced": self.weight * self.schedule(progress) * distance}


@dataclass(eq=False)
class WDGRL(Adapter):
    """WDGRL: a critic estimates the Wasserstein distance between the domains, and the features shorten it.

    Paper: Shen, Qu, Zhang, Yu 2018, "Wasserstein Distance Guided Representation Learning for Domain Adaptation".
    Minimises  L_y(source) + λ W  over the net;  -W + γ mean (||∇f(x)|| - 1)²  over the critic f, `critic_steps` times.
    Symbols: λ = weight · schedule(progress);  W = mean f(source) - mean f(target);  γ = slope_penalty;  f: features
        `(n, d)` -> `(n, 1)`;  x = features of both domains, and points between pairs of them.
    Differs from the paper: the critic moves after the net, on the features from before that move, which saves a second
        pass through the net; λ rises along the schedule.
    Can go wrong: a critic that is behind measures a distance that is not there, and the features follow it.
    Taught in: notebook 10.
    """

    weight: float = 0.3
    critic_width: int = 128
    critic_steps: int = 5
    critic_rate: float = 1.0
    slope_penalty: float = 10.0
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        for name, lowest in (
            ("weight", 0),
            ("critic_width", 1),
            ("critic_steps", 1),
            ("critic_rate", 0),
            ("slope_penalty", 0),
        ):
            at_least(self, name, lowest)

    def build(self, net: Net) -> None:
        self.width = net.width
        # No batch norm: the penalty is on the slope at each point, which must not hang on the others.
        hidden = nn.Linear(net.width, self.critic_width), nn.ReLU()
        self.critic = nn.Sequential(*hidden, nn.Linear(self.critic_width, 1))

    def loss(self, source: View, target: View, progress: float) -> Terms:
        shorter = self.weight * self.schedule(progress) * self._distance(source.features, target.features)
        return {"task": self.task.loss(source), "wasserstein": shorter}

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        source, target = batch.forward()
        # The net first: terms that a sum adds to the first objective are the net's.
        yield self.loss(source, target, progress), ("net",)
        here, there = source.features.detach(), target.features.detach()
        for _ in range(self.critic_steps):
            slope = gradient_penalty(self.critic, self._points(here, there))
            yield {"critic": self.slope_penalty * slope - self._distance(here, there)}, ("critic",)

    def players(self, net: Net) -> dict[str, list[dict]]:
        critic = {"params": list(self.critic.parameters()), "rate": self.critic_rate}
        return {"net": net.groups(), "critic": [critic]}

    def _distance(self, here: Float[Tensor, "n d"], there: Float[Tensor, "m d"]) -> Float[Tensor, ""]:
        return self.critic(of_width(here, self.width)).mean() - self.critic(of_width(there, self.width)).mean()

    def _points(self, here: Float[Tensor, "n d"], there: Float[Tensor, "m d"]) -> Float[Tensor, "p d"]:
        """Both batches, and a point at random between each of the pairs that the shorter one allows."""
        pairs = min(len(here), len(there))
        share = torch.rand(pairs, 1, dtype=here.dtype, device=here.device)
        return torch.cat([here, there, share * here[:pairs] + (1 - share) * there[:pairs]])
