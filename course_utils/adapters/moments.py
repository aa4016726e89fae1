"""Match the moments: pull the two clouds of features together without asking which class a target image has."""

from __future__ import annotations

from dataclasses import dataclass, field

from course_utils.adapters.base import Adapter, Terms
from course_utils.adapters.checks import all_positive, at_least
from course_utils.adapters.schedules import Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import cmd, coral, jmmd, mean_bandwidths, mmd


@dataclass(eq=False)
class DAN(Adapter):
    """DAN: shrink the kernel distance between the domains in every task-specific layer.

    Paper: Long, Cao, Wang, Jordan 2015, "Learning Transferable Features with Deep Adaptation Networks".
    Minimises  L_y(source) + λ Σ_l MMD²(source_l, target_l)  over the layers l = features, logits.
    Symbols: λ = weight · schedule(progress);  source_l, target_l = `(n, d_l)`;  bandwidths =
        factors · mean ||z - z'||².
    Differs from the paper: the biased quadratic estimate, five kernels around the mean distance (as in the authors'
        later code) of equal instead of optimised weights; λ rises along the schedule.
    Can go wrong: kernels too narrow or too wide give no gradient; classes may be matched crosswise.
    Taught in: notebook 08.
    """

    weight: float = 10.0
    factors: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        all_positive(self, "factors")

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

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        distance = coral(source.logits, target.logits)
        return {"task": self.task.loss(source), "coral": self.weight * self.schedule(progress) * distance}


@dataclass(eq=False)
class JAN(Adapter):
    """JAN: shrink the kernel distance between the joint distributions of features and predictions.

    Paper: Long, Zhu, Wang, Jordan 2017, "Deep Transfer Learning with Joint Adaptation Networks".
    Minimises  L_y(source) + λ JMMD²,  the MMD² under the kernel  Π_l k_l  over the layers l = features, predictions.
    Symbols: λ = weight · schedule(progress);  features `(n, d)`;  predictions = softmax of the logits `(n, k)`;  k_l =
        mean of Gaussians of the bandwidths  factors · mean ||z - z'||².
    Differs from the paper: the biased quadratic estimate instead of the linear one; the predictions' bandwidths follow
        the batch as well; no adversary chooses the kernel (JAN-A).
    Can go wrong: two images are alike only where both layers say so, so sure and wrong predictions keep apart what
        belongs together.
    Taught in: notebook 08.
    """

    weight: float = 10.0
    factors: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        all_positive(self, "factors")

    def loss(self, source: View, target: View, progress: float) -> Terms:
        layers = [(source.features, target.features), (source.logits.softmax(1), target.logits.softmax(1))]
        distance = jmmd(layers, [mean_bandwidths(s, t, self.factors) for s, t in layers])
        return {"task": self.task.loss(source), "jmmd": self.weight * self.schedule(progress) * distance}


@dataclass(eq=False)
class CMD(Adapter):
    """CMD: give both domains the same mean, variance, skewness and so on, each coordinate by itself.

    Paper: Zellinger et al. 2017, "Central Moment Discrepancy (CMD) for Domain-Invariant Representation Learning".
    Minimises  L_y(source) + λ ( ||E z_s - E z_t|| / (b-a) + Σ_{k=2..K} ||c_k(z_s) - c_k(z_t)|| / (b-a)^k ).
    Symbols: λ = weight · schedule(progress);  z = tanh(features) `(n, d)`, so a = -1 and b = 1;  c_k = E (z - E z)^k;
        K = moments.
    Differs from the paper: the net's features have no bound, and are given one for this distance alone, by tanh; λ
        rises along the schedule instead of being constant.
    Can go wrong: coordinates are matched one by one: what two of them do together is invisible to it.
    Taught in: notebook 08.
    """

    weight: float = 0.3
    moments: int = 5
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "moments", 1)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        distance = cmd(source.features.tanh(), target.features.tanh(), span=2.0, moments=self.moments)
        return {"task": self.task.loss(source), "cmd": self.weight * self.schedule(progress) * distance}
