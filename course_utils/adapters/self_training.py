"""Learn from one's own predictions on the target: be sure of them, or take the sure ones for labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.augment import Augment
from course_utils.data.augmentations import RandomConvolution
from course_utils.data.batches import View
from course_utils.losses import conditional_entropy, pseudo_label_cross_entropy, pseudo_labels


@dataclass(eq=False)
class EntropyMinimisation(Adapter):
    """EntropyMinimisation: keep the border between classes away from the target's images.

    Paper: Grandvalet, Bengio 2005, "Semi-supervised Learning by Entropy Minimization".
    Minimises  L_y(source) + λ E H(p).
    Symbols: λ = weight · schedule(progress);  p = softmax of the target's logits `(m, k)`;  H = entropy in nats.
    Differs from the paper: the images without a label come from another domain; λ is ramped.
    Can go wrong: one class for all images has no entropy either, and the surest images pull hardest, right or wrong.
    Taught in: notebook 11.
    """

    weight: float = 0.1
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        entropy = conditional_entropy(target.logits)
        return {"task": self.task.loss(source), "entropy": self.weight * self.schedule(progress) * entropy}


@dataclass(eq=False)
class PseudoLabels(Adapter):
    """PseudoLabels: before each epoch, label the target's images that the net is sure of, and learn from them.

    Paper: Lee 2013, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks".
    Minimises  L_y(source) + λ / m Σ_j [max p_j >= τ] (-log p'_j(argmax p_j)).
    Symbols: λ = weight · schedule(progress);  τ = threshold;  p = softmax of the net as it was before the epoch, in
        evaluation mode, on the image as it is;  p' = as it is now, on the augmented image;  m = images of the batch.
        The curve `passed` is the share of images with max p >= τ, and teaches nothing.
    Differs from the paper: labels are taken once an epoch, there at each step; there all images pass.
    Can go wrong: errors above the threshold are learned by heart, and the next labels confirm them; with a low λ at
        first and a high τ fewer get in. Classes that are easy pass first, and crowd out the others.
    Taught in: notebook 11.
    """

    weight: float = 1.0
    threshold: float = 0.95
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        between(self, "threshold", 0, 1)

    def refresh(self, source: View | None, target: View) -> None:
        # Not in the state: a run that is taken up again begins with an epoch, and so with this.
        self._places = {number: place for place, number in enumerate(target.ids.tolist())}
        self._labels, self._kept = pseudo_labels(target.logits, self.threshold)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        places = torch.tensor([self._places[number] for number in target.ids.tolist()])
        labels, kept = (of_all[places].to(target.logits.device) for of_all in (self._labels, self._kept))
        pseudo = pseudo_label_cross_entropy(target.logits, labels, kept)
        strength = self.weight * self.schedule(progress)
        return {"task": self.task.loss(source), "pseudo": strength * pseudo, "passed": kept.float().mean()}


@dataclass(eq=False)
class FixMatch(Adapter):
    """FixMatch: what the net is sure of when it sees an image as it is, it must say of the same image disfigured.

    Paper: Sohn et al. 2020, "FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence".
    Minimises  L_y(source) + λ / m Σ_j [max p_j >= τ] (-log q_j(argmax p_j)).
    Symbols: λ = weight · schedule(progress);  τ = threshold;  p = softmax on the run's augmentation of a target image,
        through which nothing flows back;  q = softmax on `second_view` of the same image;  both `(m, k)`.
        The curve `passed` is the share of images with max p >= τ, and teaches nothing.
    Differs from the paper: the images without a label come from another domain; the strong view is a shift, a turn and
        a random convolution, not RandAugment and Cutout; λ is ramped.
    Can go wrong: on cached features there is no second view: q is p, and the sure are only made surer. A strong view
        that changes the class teaches errors (a 6 upside down).
    Taught in: notebook 11.
    """

    weight: float = 1.0
    threshold: float = 0.9
    schedule: Schedule = field(default_factory=Ganin)

    second_view: ClassVar = Augment(rotation=10, scale=0.1, translation=0.07) + RandomConvolution()

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        between(self, "threshold", 0, 1)

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        strong = batch.target.images if batch.target.second is None else batch.target.second
        views = batch.source, batch.target, View(strong, batch.target.ids, None)
        # All three by one call, or the policy `source` would take the last for a source.
        batch.pass_through(*views)
        labels, kept = pseudo_labels(batch.target.logits, self.threshold)
        pseudo = pseudo_label_cross_entropy(views[2].logits, labels, kept)
        terms = {"task": self.task.loss(batch.source), "pseudo": self.weight * self.schedule(progress) * pseudo}
        yield terms | {"passed": kept.float().mean()}, ("all",)
