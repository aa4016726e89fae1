"""Fool a critic that knows the prediction: what is aligned is features and classes together, not features alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from course_utils.adapters.base import Adapter, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.adapters.critics import Critic, MultilinearMap
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import domain_confusion, entropy_weights, reverse_gradient
from course_utils.nets import Net


@dataclass(eq=False)
class CDAN(Adapter):
    """CDAN: show the critic each feature together with the class that the net makes of it.

    Paper: Long, Cao, Wang, Jordan 2018, "Conditional Adversarial Domain Adaptation".
    Minimises  L_y(source) - λ L_d(D(T(f, g)))  over the features, while the critic D minimises L_d.
    Symbols: λ = weight · schedule(progress);  f = features `(n, d)`;  g = softmax of the logits `(n, k)`;
        T(f, g) = f ⊗ g `(n, d k)`, or (R_f f ⊙ R_g g) / √m `(n, m)` where d k is above m = map_width, with
        normal random matrices R_f `(m, d)`, R_g `(m, k)`, drawn once;  D: -> domain logit `(n, 1)`;  L_d = binary
        cross-entropy.
    Differs from the paper: nothing flows back through g (as in the authors' code); the randomised map is as wide as
        the widest product that is shown whole; the critic has batch norm and smoothed labels.
    Can go wrong: where most predictions on the target are wrong, it aligns each class with a wrong one.
    Taught in: notebook 09.
    """

    weight: float = 1.0
    critic_width: int = 1024
    critic_rate: float = 1.0
    smoothing: float = 0.1
    map_width: int = 4096
    schedule: Schedule = field(default_factory=Ganin)

    of_places: ClassVar = False  # made for as many classes as the net's

    def __post_init__(self) -> None:
        _check(self)

    def build(self, net: Net) -> None:
        _build(self, net)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        domain = _judge(self, source, target, progress)
        return {"task": self.task.loss(source), "domain": domain_confusion(*domain, smoothing=self.smoothing)}

    def groups(self) -> list[dict]:
        return [{"params": list(self.critic.parameters()), "rate": self.critic_rate}]


@dataclass(eq=False)
class CDANE(Adapter):
    """CDANE: CDAN+E, in which images count the more, the surer the net is of their class.

    Paper: Long, Cao, Wang, Jordan 2018, "Conditional Adversarial Domain Adaptation".
    Minimises  L_y(source) - λ Σ_i w_i L_d(D(T(f_i, g_i)))  over the features, while the critic D minimises the sum.
    Symbols: w_i = 1 + exp(-H(g_i)), divided so that each domain's weights sum to one half;  H = entropy in nats;
        λ, f, g, T, D, L_d as in CDAN.
    Differs from the paper: nothing flows back through g, into w neither; else as CDAN.
    Can go wrong: where the net is sure and wrong, the wrong images count most; weights lie between 1 and 2, so little
        changes.
    Taught in: notebook 09.
    """

    weight: float = 1.0
    critic_width: int = 1024
    critic_rate: float = 1.0
    smoothing: float = 0.1
    map_width: int = 4096
    schedule: Schedule = field(default_factory=Ganin)

    of_places: ClassVar = False  # made for as many classes as the net's

    def __post_init__(self) -> None:
        _check(self)

    def build(self, net: Net) -> None:
        _build(self, net)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        domain = _judge(self, source, target, progress)
        weights = entropy_weights(source.logits), entropy_weights(target.logits)
        return {"task": self.task.loss(source), "domain": domain_confusion(*domain, self.smoothing, *weights)}

    def groups(self) -> list[dict]:
        return [{"params": list(self.critic.parameters()), "rate": self.critic_rate}]


def _check(adapter: CDAN | CDANE) -> None:
    for name in ("weight", "critic_rate"):
        at_least(adapter, name, 0)
    for name in ("critic_width", "map_width"):
        at_least(adapter, name, 1)
    between(adapter, "smoothing", 0, 1)


def _build(adapter: CDAN | CDANE, net: Net) -> None:
    adapter.map = MultilinearMap(net.width, len(net.classes), adapter.map_width)
    adapter.critic = Critic(adapter.map.width, adapter.critic_width)


def _judge(adapter: CDAN | CDANE, source: View, target: View, progress: float) -> tuple[Tensor, ...]:
    """The critic's logits of both domains, in one pass: normalised apart, they would look alike to it."""
    strength = adapter.weight * adapter.schedule(progress)
    features = reverse_gradient(torch.cat([source.features, target.features]), strength)
    # Detached, or the net could escape the critic by being unsure.
    classes = torch.cat([source.logits, target.logits]).softmax(1).detach()
    with adapter.autocast():
        domain = adapter.critic(adapter.map(features, classes))
    return domain.float().split([len(source.features), len(target.features)])
