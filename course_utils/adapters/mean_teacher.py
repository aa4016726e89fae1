"""Learn from a teacher that is the mean of what the net has been."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least, between
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.augment import Augment
from course_utils.data.batches import View
from course_utils.losses import consistency, pseudo_labels
from course_utils.nets import Net, batchnorm_layers, statistics_of


@dataclass(eq=False)
class MeanTeacher(Adapter):
    """MeanTeacher: say of a target image what a slower copy of the net says of it under another augmentation.

    Paper: Tarvainen, Valpola 2017, "Mean teachers are better role models"; for domain adaptation French, Mackiewicz,
        Fisher 2018, "Self-ensembling for visual domain adaptation".
    Minimises  L_y(source) + λ / (m k) Σ_j [max q_j >= τ] |p_j - q_j|²,  and after each step  θ' <- α θ' + (1 - α) θ.
    Symbols: λ = weight · schedule(progress);  τ = threshold;  α = decay;  p = softmax of the net θ on the run's
        augmentation of a target image;  q = that of the teacher θ' on `second_view`;  both `(m, k)`. θ' follows the
        net's weights and batch-norm statistics; it teaches in evaluation mode, normalised for the batch it looks at.
        The curve `passed` is the share of images with max q >= τ, and teaches nothing.
    Differs from the paper: the exam asks the net, not the teacher; α is the same from the first step; λ is ramped by
        progress; French et al. also balance the classes.
    Can go wrong: with τ = 0 the two agree on one class for everything. A quick teacher says what the net says, a slow
        one what it said as a beginner. On cached features both see the same.
    Taught in: notebook 11.
    """

    weight: float = 10.0
    decay: float = 0.99
    threshold: float = 0.9
    schedule: Schedule = field(default_factory=Ganin)

    second_view: ClassVar = Augment(rotation=10, scale=0.1, translation=0.07)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        between(self, "decay", 0, 1)
        between(self, "threshold", 0, 1)

    def build(self, net: Net) -> None:
        # In a tuple, or the net would count as the strategy's own module: optimised and saved twice.
        self._net = (net,)
        self.teacher = copy.deepcopy(net).requires_grad_(False).eval()

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        source, target = batch.forward()
        taught = self._taught(target)
        _, kept = pseudo_labels(taught, self.threshold)
        strength = self.weight * self.schedule(progress)
        terms = {"task": self.task.loss(source), "consistency": strength * consistency(target.logits, taught, kept)}
        yield terms | {"passed": kept.float().mean()}, ("all",)
        self._follow()

    def groups(self) -> list[dict]:
        return []

    @torch.no_grad()
    def _taught(self, target: View) -> Float[Tensor, "m k"]:
        images = target.images if target.second is None else target.second
        (net,) = self._net
        both = zip(batchnorm_layers(net), batchnorm_layers(self.teacher), strict=True)
        # By the batch's own statistics: the net's running ones are a mix where the run keeps the domains apart.
        learning = [its for mine, its in both if mine.training]
        with self.autocast(), statistics_of(self.teacher, [images], learning):
            return self.teacher(images).logits.float()

    @torch.no_grad()
    def _follow(self) -> None:
        """After the net's step: weights and statistics move `1 - decay` of the way to it; what is counted is copied."""
        (net,) = self._net
        for mine, its in zip(self.teacher.state_dict().values(), net.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(its, 1 - self.decay)
            else:
                mine.copy_(its)
