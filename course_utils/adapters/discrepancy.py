"""Let two classifiers disagree: where they do, a target image lies far from the source."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least
from course_utils.adapters.critics import Critic, of_width, players_of
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import classifier_discrepancy, margin_disparity, reverse_gradient
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
        source, _ = batch.forward()
        task, second = self._tasks(source, source.features)
        yield {"task": task, "second": second}, ("features", "heads")
        source, target = batch.forward()
        tasks, apart = self._tasks(source, source.features.detach()), self._discrepancy(target.features.detach())
        yield {"kept": sum(tasks), "apart": -apart}, ("heads",)
        for _ in range(self.moves):
            _, target = batch.forward()
            yield {"together": self._discrepancy(target.features)}, ("features",)

    def players(self, net: Net) -> dict[str, list[dict]]:
        features, heads = players_of(net)
        return {"features": features, "heads": [*heads, {"params": list(self.second.parameters()), "rate": 1.0}]}

    def _heads(self, features: Float[Tensor, "n d"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]]:
        (net,) = self._net
        with self.autocast():
            return net.head(features).float(), self.second(of_width(features, net.width)).float()

    def _tasks(self, view: View, features: Float[Tensor, "n d"]) -> list[Float[Tensor, ""]]:
        return [self.task.loss(dataclasses.replace(view, logits=z)) for z in self._heads(features)]

    def _discrepancy(self, features: Float[Tensor, "m d"]) -> Float[Tensor, ""]:
        return classifier_discrepancy(*self._heads(features))


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
