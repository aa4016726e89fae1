"""Fool a critic: a second network learns to tell the domains apart, and the features learn to stop it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.adapters.critics import Critic, players_of
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.adapters.stages import one_sided
from course_utils.data.batches import View
from course_utils.losses import domain_confusion, inverted_labels, reverse_gradient
from course_utils.nets import Net


@dataclass(eq=False)
class DANN(Adapter):
    """DANN: learn features from which a critic cannot tell the domain.

    Paper: Ganin et al. 2016, "Domain-Adversarial Training of Neural Networks".
    Minimises  L_y(source) - λ L_d(D(features))  over the features, while the critic D minimises L_d.
    Symbols: λ = weight · schedule(progress);  D: `(n, d)` -> domain logit `(n, 1)`;  L_d = binary cross-entropy.
    Differs from the paper: λ acts in the gradient reversal only, so the critic learns from the first step; it has
        batch norm, its labels are smoothed, and its learning rate is `critic_rate` times the net's.
    Can go wrong: a critic that is too slow sees nothing to fool; where class shares differ, it mixes the domains all
        the same, and the classes with them.
    Taught in: notebooks 00, 09.
    """

    weight: float = 1.0
    critic_width: int = 1024
    critic_rate: float = 1.0
    smoothing: float = 0.1
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "critic_width", 1)
        at_least(self, "critic_rate", 0)
        between(self, "smoothing", 0, 1)

    def build(self, net: Net) -> None:
        self.critic = Critic(net.width, self.critic_width)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        strength = self.weight * self.schedule(progress)
        # One pass over both: normalised apart, the domains would look alike to the critic.
        both = torch.cat([source.features, target.features])
        with self.autocast():
            domain = self.critic(reverse_gradient(both, strength))
        domain = domain.float().split([len(source.features), len(target.features)])
        return {"task": self.task.loss(source), "domain": domain_confusion(*domain, smoothing=self.smoothing)}

    def groups(self) -> list[dict]:
        return [{"params": list(self.critic.parameters()), "rate": self.critic_rate}]


@dataclass(eq=False)
class ADDA(Adapter):
    """ADDA: learn the source first; then a copy becomes the target's encoder and learns to pass for the source's.

    Paper: Tzeng, Hoffman, Saenko, Darrell 2017, "Adversarial Discriminative Domain Adaptation".
    Minimises  L_y(source)  over encoder and head while progress < share;  then, with the source's encoder M_s and the
        head held,  -log D(M_t(target))  over the target's encoder M_t.  The critic D minimises  L_d(M_s, M_t).
    Symbols: share = of all steps, for the source;  M_s, M_t: images -> `(n, d)`;  D: `(n, d)` -> domain logit `(n, 1)`;
        L_d = binary cross-entropy.  The run's net is M_t in the end, and the exam's source column says what it forgot.
    Differs from the paper: both stages are parts of one run under one learning rate schedule (share=0 begins with the
        second, from the net of a source-only run); D has batch norm and smoothed labels.
    Can go wrong: nothing ties a target image to its class, so classes may change places; the second stage forgets the
        source, since it learns from no label.
    Taught in: notebook 09.
    """

    share: float = 0.5
    critic_width: int = 1024
    critic_rate: float = 1.0
    encoder_rate: float = 0.03
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        between(self, "share", 0, 1)
        at_least(self, "critic_width", 1)
        at_least(self, "critic_rate", 0)
        at_least(self, "encoder_rate", 0)
        between(self, "smoothing", 0, 1)

    def build(self, net: Net) -> None:
        # In a tuple, or the net would count as the strategy's own module: optimised and saved twice.
        self._net = (net,)
        self.critic = Critic(net.width, self.critic_width)
        self.source = copy.deepcopy(net).requires_grad_(False)
        self.register_buffer("parted", torch.tensor(False))

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        learning = progress < self.share
        here = self._learn(batch) if learning else self._part(batch)
        there = batch.target.features
        task, passing = self.task.loss(batch.source), inverted_labels(self._judge(here, there)[1])
        domain = domain_confusion(*self._judge(here, there.detach()), smoothing=self.smoothing)
        if learning:
            yield {"task": task, "passing": passing.detach(), "domain": domain.detach()}, ("net",)
        else:
            yield {"task": task.detach(), "passing": passing}, ("encoder",)
            yield {"domain": domain}, ("critic",)

    def players(self, net: Net) -> dict[str, list[dict]]:
        encoder = [group | {"rate": self.encoder_rate * group["rate"]} for group in players_of(net)[0]]
        critic = {"params": list(self.critic.parameters()), "rate": self.critic_rate}
        return {"net": net.groups(), "encoder": encoder, "critic": [critic]}

    def _learn(self, batch: Batch) -> Float[Tensor, "n d"]:
        """Both views through the one net, of which the target leaves no trace: neither gradient nor statistics."""
        one_sided(self, *self._net, batch, batch.source, batch.target)
        return batch.source.features.detach()

    def _part(self, batch: Batch) -> Float[Tensor, "n d"]:
        """Both views through the target's encoder; returned are the source's features by its own, which stays."""
        (net,) = self._net
        if not self.parted:
            self.source.load_state_dict(net.state_dict())
            self.parted.fill_(True)
        batch.forward()
        with torch.no_grad(), self.autocast():
            return self.source.eval()(batch.source.images).features.float()

    def _judge(self, here: Float[Tensor, "n d"], there: Float[Tensor, "m d"]) -> tuple[Tensor, ...]:
        with self.autocast():
            domain = self.critic(torch.cat([here, there]))
        return domain.float().split([len(here), len(there)])
