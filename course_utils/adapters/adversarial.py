"""Fool a critic: a second network learns to tell the domains apart, and the features learn to stop it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from course_utils.adapters.base import Adapter, Terms
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import domain_confusion, reverse_gradient


@dataclass(eq=False)
class DANN(Adapter):
    """DANN: learn features from which a critic cannot tell the domain.

    Paper: Ganin et al. 2016, "Domain-Adversarial Training of Neural Networks".
    Minimises  L_y(source) - λ L_d(D(features))  over the features, while the critic D minimises L_d.
    Symbols: λ = weight · schedule(progress);  D: `(n, d)` -> domain logit `(n, 1)`;  L_d = binary cross-entropy.
    Differs from the paper: λ acts in the gradient reversal only, so the critic learns from the first step; it has
        batch norm, its labels are smoothed, and its learning rate is `critic_rate` times the net's.
    Can go wrong: a critic that is too slow sees nothing to fool; domains whose classes have other shares are
        mixed all the same, and the classes with them.
    Taught in: notebooks 00, 09.
    """

    weight: float = 1.0
    critic_width: int = 1024
    critic_rate: float = 1.0
    smoothing: float = 0.1
    schedule: Schedule = field(default_factory=Ganin)

    def build(self, net: nn.Module) -> None:
        width = self.critic_width
        hidden = [(nn.Linear(wide, width), nn.BatchNorm1d(width), nn.ReLU()) for wide in (net.width, width)]
        self.critic = nn.Sequential(*hidden[0], *hidden[1], nn.Linear(width, 1))

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
