"""Match the moments: pull the two clouds of features together without asking which class a target image has."""

from __future__ import annotations

from dataclasses import dataclass, field

from course_utils.adapters.base import Adapter, Terms
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import coral, mean_bandwidths, mmd


@dataclass(eq=False)
class DAN(Adapter):
    """DAN: shrink the kernel distance between the domains in every task-specific layer.

    Paper: Long, Cao, Wang, Jordan 2015, "Learning Transferable Features with Deep Adaptation Networks".
    Minimises  L_y(source) + λ Σ_l MMD²(source_l, target_l)  over the layers l = features, logits.
    Symbols: λ = weight · schedule(progress);  source_l, target_l = `(n, d_l)`;  bandwidths =
        factors · mean ||z - z'||².
    Differs from the paper: the biased quadratic estimate, and equal instead of optimised kernel weights.
    Can go wrong: kernels too narrow or too wide give no gradient; classes may be matched crosswise.
    Taught in: notebook 08.
    """

    weight: float = 10.0
    factors: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    schedule: Schedule = field(default_factory=Ganin)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        layers = [(source.features, target.features), (source.logits, target.logits)]
        distance = sum(mmd(s, t, mean_bandwidths(s, t, self.factors)) for s, t in layers)
        return {"task": self.task.loss(source), "mmd": self.weight * self.schedule(progress) * distance}


@dataclass(eq=False)
class DeepCORAL(Adapter):
    """DeepCORAL: give both domains the same covariance.

    Paper: Sun and Saenko 2016, "Deep CORAL: Correlation Alignment for Deep Domain Adaptation".
    Minimises  L_y(source) + λ ||C_s - C_t||²_F / (4 k²)  over the logits.
    Symbols: λ = weight · schedule(progress);  C_s, C_t = covariances `(k, k)` of the logits of each batch.
    Differs from the paper: λ rises along the schedule instead of being constant.
    Can go wrong: a mean shift is invisible to it; with a large weight the logits shrink to nothing.
    Taught in: notebook 08.
    """

    weight: float = 10.0
    schedule: Schedule = field(default_factory=Ganin)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        distance = coral(source.logits, target.logits)
        return {"task": self.task.loss(source), "coral": self.weight * self.schedule(progress) * distance}
