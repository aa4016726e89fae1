"""Let two classifiers disagree: where they do, a target image lies far from the source."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least
from course_utils.adapters.critics import Critic, of_width, players_of
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import (
    classifier_discrepancy,
    margin_disparity,
    random_directions,
    reverse_gradient,
    sliced_wasserstein,
)
from course_utils.nets import Net


@dataclass(eq=False)
class MCD(Adapter):
    """MCD: two heads look for target images that they judge differently, and the features leave them none.

    Paper: Saito, Watanabe, Ushiku, Harada 2018, "Maximum Classifier Discrepancy for Unsupervised Domain Adaptation".
    Minimises  A: L_1 + L_2  over features and heads;  B: L_1 + L_2 - d  over the heads;  C: d  over the features,
        `moves` times.  Each move sees the features anew.
    Symbols: L_1, L_2 = task loss of either head on the source;  d = E |p_1 - p_2| on the target, averaged over classes;
        p_1, p_2 = softmax of either head's logits `(m, k)`.
    Differs from the paper: heads are linear, and C is made once by default, not four times, at half the cost;
        predictions are those of the first head, the net's own.
    Can go wrong: heads that began equal never differ; in the curves the same d rises (B, there with a minus) and falls
        (C, there summed over the moves), and no schedule weakens it while the heads know nothing.
    Taught in: notebook 09.
    """

    moves: int = 1

    def __post_init__(self) -> None:
        at_least(self, "moves", 1)

    def build(self, net: Net) -> None:
        # In a tuple, or the net would count as the strategy's own module: optimised and saved twice.
        self._net = (net,)
        self.second = self.task.head(net.width, len(net.classes))

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        yield from _three_moves(self, batch, classifier_discrepancy, self.moves)

    def players(self, net: Net) -> dict[str, list[dict]]:
        return _features_and_heads(net, self.second)


@dataclass(eq=False)
class SWD(Adapter):
    """SWD: the game of MCD, where the heads' predictions are two clouds and transport measures how far they are apart.

    Paper: Lee, Batra, Baig, Ulbricht 2019, "Sliced Wasserstein Discrepancy for Unsupervised Domain Adaptation".
    Minimises  A: L_1 + L_2  over features and heads;  B: L_1 + L_2 - λ d  over the heads;  C: λ d  over the features,
        `moves` times.  Each move sees the features anew.
    Symbols: λ = discrepancy_weight;  L_1, L_2 = task loss of either head on the source;  d = mean_θ W_2²(θ·p_1, θ·p_2)
        on the target;  p_1, p_2 = softmax of either head's logits `(m, k)`;  θ = `directions` unit vectors `(k,)`,
        drawn anew at each move.
    Differs from the paper: λ, which is 1 there: d is so small that heads which have learned the source hardly part.
        Heads are linear; predictions are those of the first head, the net's own.
    Can go wrong: d compares clouds, not images: heads that swap two images are at no distance. With a large λ (100) the
        heads give up the source for it.
    Taught in: notebook 10.
    """

    discrepancy_weight: float = 10.0
    moves: int = 1
    directions: int = 128

    def __post_init__(self) -> None:
        at_least(self, "discrepancy_weight", 0)
        at_least(self, "moves", 1)
        at_least(self, "directions", 1)

    def build(self, net: Net) -> None:
        self._net = (net,)
        self.second = self.task.head(net.width, len(net.classes))

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        yield from _three_moves(self, batch, self._distance, self.moves)

    def players(self, net: Net) -> dict[str, list[dict]]:
        return _features_and_heads(net, self.second)

    def _distance(self, first: Float[Tensor, "m k"], second: Float[Tensor, "m k"]) -> Float[Tensor, ""]:
        directions = random_directions(first, self.directions)
        return self.discrepancy_weight * sliced_wasserstein(first.softmax(1), second.softmax(1), directions)


@dataclass(eq=False)
class MDD(Adapter):
    """MDD: an adversary agrees with the net on the source and contradicts it on the target; the features prevent it.

    Paper: Zhang, Liu, Long, Jordan 2019, "Bridging Theory and Algorithm for Domain Adaptation".
    Minimises  L_y(source) + λ D  over the features, while the adversary f' maximises
        D = E_target log(1 - p'_y) + γ E_source log p'_y.
    Symbols: λ = weight · schedule(progress);  γ = margin_factor, which is exp(margin);  p' = softmax of f' `(n, k)`;
        y = the class that the net's own head predicts `(n,)`, through which nothing flows back.
    Differs from the paper: f' has two hidden layers with batch norm, the net's own head none; λ follows a schedule.
    Can go wrong: a large γ leaves f' no reason to contradict; with a small one it errs on the source as well.
    Taught in: notebook 09.
    """

    weight: float = 0.1
    margin_factor: float = 4.0
    critic_width: int = 1024
    critic_rate: float = 1.0
    schedule: Schedule = field(default_factory=Ganin)

    of_places: ClassVar = False  # made for as many classes as the net's

    def __post_init__(self) -> None:
        for name in ("weight", "margin_factor", "critic_rate"):
            at_least(self, name, 0)
        at_least(self, "critic_width", 1)

    def build(self, net: Net) -> None:
        self.adversary = Critic(net.width, self.critic_width, len(net.classes))

    def loss(self, source: View, target: View, progress: float) -> Terms:
        strength = self.weight * self.schedule(progress)
        # One pass over both: normalised apart, the domains would look alike to the adversary.
        both = torch.cat([source.features, target.features])
        with self.autocast():
            judged = self.adversary(reverse_gradient(both, strength))
        here, there = judged.float().split([len(source.features), len(target.features)])
        disparity = margin_disparity(here, source.logits, there, target.logits, self.margin_factor)
        return {"task": self.task.loss(source), "disparity": -disparity}

    def groups(self) -> list[dict]:
        return [{"params": list(self.adversary.parameters()), "rate": self.critic_rate}]


def _three_moves(
    adapter: MCD | SWD, batch: Batch, discrepancy: Callable[[Tensor, Tensor], Tensor], moves: int
) -> Iterator[tuple[Terms, tuple[str, ...]]]:
    """A, B and C of MCD and SWD, with the `discrepancy` of two heads' logits `(m, k)`."""
    (net,) = adapter._net

    def judged(features: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        with adapter.autocast():
            return net.head(features).float(), adapter.second(of_width(features, net.width)).float()

    def tasks(view: View, features: Float[Tensor, "n d"]) -> list[Float[Tensor, ""]]:
        return [adapter.task.loss(dataclasses.replace(view, logits=z)) for z in judged(features)]

    source, _ = batch.forward()
    task, second = tasks(source, source.features)
    yield {"task": task, "second": second}, ("features", "heads")
    source, target = batch.forward()
    kept, apart = sum(tasks(source, source.features.detach())), discrepancy(*judged(target.features.detach()))
    yield {"kept": kept, "apart": -apart}, ("heads",)
    for _ in range(moves):
        _, target = batch.forward()
        yield {"together": discrepancy(*judged(target.features))}, ("features",)


def _features_and_heads(net: Net, second: nn.Module) -> dict[str, list[dict]]:
    features, heads = players_of(net)
    return {"features": features, "heads": [*heads, {"params": list(second.parameters()), "rate": 1.0}]}
