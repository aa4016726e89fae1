"""Learn distances: what is of one class lies together, what is not lies apart, across domains or within one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import batch_hard_triplets, class_means, prototypical, pseudo_labels, supervised_contrastive
from course_utils.nets import Net


@dataclass(eq=False)
class Triplet(Adapter):
    """Triplet: on the source, the farthest image of one's own class shall be nearer than the nearest of another.

    Paper: Hermans, Beyer, Leibe 2017, "In Defense of the Triplet Loss for Person Re-Identification" (batch hard).
    Minimises  L_y(source) + λ / n Σ_a [margin + max_p |f_a - f_p| - min_q |f_a - f_q|]_+.
    Symbols: λ = weight;  f = features `(n, d)`;  p, q = images of the batch of a's class and of another;  |·| = Euclid.
        The curve `active` is the share of images a whose triplet costs anything, and teaches nothing.
    Differs from the paper: beside the task's loss, so that a head learns as well; batches are drawn without regard to
        classes, and an image without a partner, or in a batch of one class, has no triplet and counts 0.
    Can go wrong: it looks at the source alone, so nothing says that its distances hold on the target. The hardest of a
        batch are the wrong labels first. Where all features fall together, each triplet costs the margin.
    Taught in: notebook 07.
    """

    weight: float = 0.1
    margin: float = 1.0

    sides: ClassVar = ("source",)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "margin", 0)

    def loss(self, source: View, target: View | None, progress: float) -> Terms:
        triplets = batch_hard_triplets(source.features, source.labels, self.margin)
        terms = {"task": self.task.loss(source), "triplet": self.weight * triplets.mean()}
        return terms | {"active": (triplets > 0).float().mean()}


@dataclass(eq=False)
class SupCon(Adapter):
    """SupCon: across domains, images of one class attract each other and all others repel.

    Paper: Khosla et al. 2020, "Supervised Contrastive Learning".
    Minimises  L_y(source) + λ / n Σ_i -1/|P(i)| Σ_{p in P(i)} log(exp(z_i·z_p / T) / Σ_{a ≠ i} exp(z_i·z_a / T)).
    Symbols: λ = weight · schedule(progress);  i, a = the n images of the source, by their labels, and of the target, by
        the class that the net is sure of (max p >= threshold);  P(i) = the others of i's class, of either domain;
        z = features at length 1 `(n, d)`;  T = temperature.
        The curve `passed` is the share of target images that the net is sure of, and teaches nothing.
    Differs from the paper: the target's labels are guesses; z are the features themselves and no projection of them, so
        that neighbours can be looked up among them; beside the task's loss and ramped, not before it.
    Can go wrong: an image that is sure and wrong is drawn into the wrong class, and all its neighbours with it.
    Taught in: notebook 07.
    """

    weight: float = 1.0
    temperature: float = 0.1
    threshold: float = 0.9
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "temperature", 0.01)
        between(self, "threshold", 0, 1)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        guesses, sure = pseudo_labels(target.logits, self.threshold)
        features = torch.cat([source.features, target.features[sure]])
        contrast = supervised_contrastive(features, torch.cat([source.labels, guesses[sure]]), self.temperature)
        strength = self.weight * self.schedule(progress)
        return {"task": self.task.loss(source), "contrast": strength * contrast, "passed": sure.float().mean()}


@dataclass(eq=False)
class Prototypes(Adapter):
    """Prototypes: a class is the mean of its images, and each domain is told apart by the means of the other.

    Paper: Snell, Swersky, Zemel 2017, "Prototypical Networks for Few-shot Learning".
    Minimises  ½ L(source, μ of the shots) + ½ L(shots, μ of the source),
        L(x, μ) = E -log p(y | x),  p(c | x) ∝ exp(-|f - μ_c|²).
    Symbols: shots = the target's few labelled images;  f = features `(n, d)`;  μ_c = mean feature of class c in the
        batch `(d,)`;  E = mean over the batch, in which an image whose class the other batch lacks counts 0.
    Differs from the paper: support and query are the two domains, so no image helps to make the mean that judges it.
        The head is no layer that learns: after each step it is set to the running class means, each domain's half, kept
        as batch norm keeps its own (w_c = 2 μ_c, b_c = -|μ_c|², less the mean over the classes).
    Can go wrong: a class of two shapes has a mean that is neither; with one label a class the mean is that image.
        Squared distances are large numbers, so it is surer than it is right.
    Taught in: notebook 07.
    """

    momentum: float = 0.1

    sides: ClassVar = ("source", "shots")

    def __post_init__(self) -> None:
        between(self, "momentum", 0, 1)

    def build(self, net: Net) -> None:
        if not isinstance(net.head, nn.Linear) or net.head.bias is None:
            raise ValueError("Class means stand in a linear head with a bias: net.with_head(net.classes) gives one.")
        # In a tuple, or the net would count as the strategy's own module: optimised and saved twice.
        self._net = (net,)
        self.register_buffer("means", torch.zeros(2, *net.head.weight.shape))
        self.register_buffer("met", torch.zeros(2, len(net.head.weight), dtype=torch.bool))

    def loss(self, source: View, target: View, progress: float) -> Terms:
        here, there = (class_means(v.features, v.labels, self.means.shape[1]) for v in (source, target))
        of_source = prototypical(source.features, source.labels, *there)
        of_shots = prototypical(target.features, target.labels, *here)
        return {"task": (of_source + of_shots) / 2}

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        source, target = batch.forward()
        yield self.loss(source, target, progress), ("all",)
        self._remember(source, target)

    @torch.no_grad()
    def _remember(self, *views: View) -> None:
        for mean, met, view in zip(self.means, self.met, views, strict=True):
            seen, known = class_means(view.features, view.labels, len(mean))
            share = torch.where(met, self.momentum, 1.0) * known
            mean.lerp_(seen, share[:, None])
            met |= known
        centres = (self.means * self.met[..., None]).sum(0) / self.met.sum(0).clamp_min(1)[:, None]
        lengths, (net,) = centres.square().sum(1), self._net
        # Less what all classes have in common, which no probability sees: smaller numbers lose less in bfloat16.
        net.head.weight.copy_(2 * (centres - centres.mean(0)))
        net.head.bias.copy_(lengths.mean() - lengths)
