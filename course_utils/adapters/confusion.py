"""Look at a whole batch of target predictions: which classes are taken for one another, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass, field

from course_utils.adapters.base import Adapter, Terms
from course_utils.adapters.checks import at_least
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import batch_nuclear_norm, minimum_class_confusion


@dataclass(eq=False)
class MCC(Adapter):
    """MCC: let no target image that is called one class be called another as well.

    Paper: Jin, Wang, Long, Wang 2020, "Minimum Class Confusion for Versatile Domain Adaptation".
    Minimises  L_y(source) + λ / k Σ_c Σ_{j ≠ c} C_cj,  with  C_cj ∝ Σ_i w_i p_ic p_ij  and each row of C summing to 1.
    Symbols: λ = weight · schedule(progress);  p = softmax of the target's logits / temperature `(m, k)`;
        w_i = 1 + exp(-H(p_i)), of mean 1 over the batch, and constant;  C `(k, k)`.
    Differs from the paper: λ is ramped, where the paper takes 1 from the first step.
    Can go wrong: it looks at the target alone and trusts the net: where that begins near chance, as on
        mnist-5k -> mnist-m-5k, it ends sure and wrong. A class of which a batch has no image counts all the same.
    Taught in: notebook 11.
    """

    weight: float = 1.0
    temperature: float = 2.5
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "temperature", 0.1)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        confusion = minimum_class_confusion(target.logits, self.temperature)
        return {"task": self.task.loss(source), "confusion": self.weight * self.schedule(progress) * confusion}


@dataclass(eq=False)
class BNM(Adapter):
    """BNM: predictions that are sure and of many classes have a batch matrix of large nuclear norm.

    Paper: Cui, Wang, Zhuo, Li, Huang, Tian 2020, "Towards Discriminability and Diversity: Batch Nuclear-norm
        Maximization under Label Insufficient Situations".
    Minimises  L_y(source) - λ ||P||_* / m.
    Symbols: λ = weight · schedule(progress);  P = softmax of the target's logits `(m, k)`;  ||·||_* = sum of the
        singular values, at most √(m min(m, k)).
    Differs from the paper: λ is ramped.
    Can go wrong: where the target's classes are far from balanced, it invents images of the rare ones. The norm grows
        with √m, so λ belongs to a batch size.
    Taught in: notebook 11.
    """

    weight: float = 1.0
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        norm = batch_nuclear_norm(target.logits)
        return {"task": self.task.loss(source), "nuclear_norm": self.weight * self.schedule(progress) * norm}
