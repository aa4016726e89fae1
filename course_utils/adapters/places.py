"""Made for a class at every place of an image: aligned patches, a critic of maps, each class's own standard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import (
    class_thresholds,
    coral,
    domain_confusion,
    inverted_labels,
    pseudo_label_cross_entropy,
    self_information,
)
from course_utils.nets import Net


@dataclass(eq=False)
class PooledCORAL(Adapter):
    """PooledCORAL: give both domains the same covariance of features, each averaged over a patch of the image.

    Paper: Sun and Saenko 2016, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation".
    Minimises  L_y(source) + λ ||C_s - C_t||²_F / (4 d²).
    Symbols: λ = weight · schedule(progress);  C_s, C_t = covariances `(d, d)` of the features `(n, d, h, w)`, averaged
        over squares of `patch` places.
    Differs from the paper: patches of maps instead of logits of images; λ rises along the schedule.
    Can go wrong: a patch holds mostly background, so it is the canvas that is aligned, and hardly the objects.
    Taught in: notebook 13.
    """

    weight: float = 10.0
    patch: int = 8
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "patch", 1)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        distance = coral(self._patches(source), self._patches(target))
        return {"task": self.task.loss(source), "coral": self.weight * self.schedule(progress) * distance}

    def _patches(self, view: View) -> Float[Tensor, "rows d"]:
        maps = _as_maps(view.output.features)
        side = min(self.patch, *maps.shape[2:])
        return functional.avg_pool2d(maps, side).movedim(1, 3).flatten(0, 2)


@dataclass(eq=False)
class ADVENT(Adapter):
    """ADVENT: make the target's maps of unsureness look like the source's, for a critic that sees them whole.

    Paper: Vu, Jain, Bucher, Cord, Pérez 2019, "ADVENT: Adversarial Entropy Minimization for Domain Adaptation in
        Semantic Segmentation".
    Minimises  L_y(source) - λ log D(I(target))  over the net, while the critic D minimises  L_d(D(I)).
    Symbols: λ = weight · schedule(progress);  I = -p log p of every place and class `(n, k, h, w)`;  D: I -> domain
        logits of its places;  L_d = binary cross-entropy.
    Differs from the paper: D has three layers for maps of 64 px; λ is ramped; an image's one prediction is a map of one
        place.
    Can go wrong: where the source is sure of the background alone, so will the target be; it makes sure, not right.
    Taught in: notebook 13.
    """

    weight: float = 0.1
    critic_width: int = 32
    critic_rate: float = 0.3
    schedule: Schedule = field(default_factory=Ganin)

    of_places: ClassVar = True

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "critic_width", 1)
        at_least(self, "critic_rate", 0)

    def build(self, net: Net) -> None:
        if "box" in self.task.targets:
            raise ValueError("ADVENT compares how unsure each place is of its class, and maps of boxes hold more.")
        self.critic = MapCritic(self.task.shape(len(net.classes), (8, 8))[0], self.critic_width)

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        source, target = batch.forward()
        here, there = (self_information(_as_maps(view.output.logits)) for view in (source, target))
        strength = self.weight * self.schedule(progress)
        yield {"task": self.task.loss(source), "fooled": strength * inverted_labels(self._judge(there))}, ("net",)
        yield {"domain": domain_confusion(self._judge(here.detach()), self._judge(there.detach()))}, ("critic",)

    def players(self, net: Net) -> dict[str, list[dict]]:
        return {"net": net.groups(), "critic": [{"params": list(self.critic.parameters()), "rate": self.critic_rate}]}

    def _judge(self, maps: Float[Tensor, "n k h w"]) -> Float[Tensor, "places 1"]:
        with self.autocast():
            return self.critic(maps).float().reshape(-1, 1)


class MapCritic(nn.Sequential):
    """Maps `(n, k, h, w)` to domain logits `(n, 1, h / 8, w / 8)`: each place judged with what lies around it."""

    def __init__(self, classes: int, width: int) -> None:
        first, second = (nn.Conv2d(wide, out, 3, 2) for wide, out in ((classes, width), (width, 2 * width)))
        last = nn.Conv2d(2 * width, 1, 3, 2)
        # Not padding=1: in bfloat16 the weights that meet only padding would be given gradients that nobody computed.
        border = nn.ZeroPad2d(1)
        super().__init__(border, first, nn.LeakyReLU(0.2), border, second, nn.LeakyReLU(0.2), border, last)


@dataclass(eq=False)
class ClassBalanced(Adapter):
    """ClassBalanced: of what the net calls a class, only the surest share is learned, of every class the same share.

    Paper: Zou, Yu, Vijaya Kumar, Wang 2018, "Unsupervised Domain Adaptation for Semantic Segmentation via
        Class-Balanced Self-Training".
    Minimises  L_y(source) + λ / m Σ_j [max p_j >= τ_c] (-log p_j(c)),  c = argmax p_j.
    Symbols: λ = weight · schedule(progress);  p = softmax of the target's places `(m, k)`;  τ_c = the confidence that
        `share` of the places called c reach, a running mean with `momentum`.  `passed` = the share of places that do.
    Differs from the paper: labels and thresholds are taken at each step and not in rounds; a place's label is its
        likeliest class, not the one that stands highest above its class's own threshold; no spatial prior.
    Can go wrong: a class that is always mistaken for another passes its quota of mistakes all the same.
    Taught in: notebook 13.
    """

    weight: float = 1.0
    share: float = 0.5
    momentum: float = 0.9
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        between(self, "share", 0, 1)
        between(self, "momentum", 0, 1)

    def build(self, net: Net) -> None:
        # At 1 nothing passes: a class that is never predicted teaches nothing.
        self.register_buffer("thresholds", torch.ones(1 + len(net.classes)))

    def loss(self, source: View, target: View, progress: float) -> Terms:
        sure, labels = target.logits.detach().softmax(1).max(1)
        found = class_thresholds(sure, labels, self.share, len(self.thresholds))
        moved = torch.lerp(found, self.thresholds, self.momentum)
        self.thresholds.copy_(torch.where(found.isnan(), self.thresholds, moved))
        kept = sure >= self.thresholds[labels]
        pseudo = pseudo_label_cross_entropy(target.logits, labels, kept)
        strength = self.weight * self.schedule(progress)
        return {"task": self.task.loss(source), "pseudo": strength * pseudo, "passed": kept.float().mean()}


def _as_maps(logits: Float[Tensor, "n k *places"]) -> Float[Tensor, "n k h w"]:
    return logits if logits.ndim == 4 else logits[..., None, None]
