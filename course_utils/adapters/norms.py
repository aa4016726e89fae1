"""Look at how long features are, and in which directions: what does not transfer is short, or too strong in a few."""

from __future__ import annotations

from dataclasses import dataclass, field

from course_utils.adapters.base import Adapter, Terms
from course_utils.adapters.checks import at_least
from course_utils.adapters.schedules import Constant, Ganin, Schedule
from course_utils.data.batches import View
from course_utils.losses import batch_spectral_penalty, distance_to_longer, distance_to_radius


@dataclass(eq=False)
class HAFN(Adapter):
    """HAFN: bring the mean length of either domain's features to one radius.

    Paper: Xu, Li, Yang, Lin 2019, "Larger Norm More Transferable: An Adaptive Feature Norm Approach for Unsupervised
        Domain Adaptation" (the hard variant).
    Minimises  L_y(source) + λ ( (mean_i ||s_i|| - R)² + (mean_j ||t_j|| - R)² ).
    Symbols: λ = weight · schedule(progress);  s, t = features `(n, d)`, `(m, d)`;  R = radius.
    Differs from the paper: AdamW takes the step; dropout does not preserve the L2 norm, for there is none.
    Can go wrong: a radius far from the net's own lengths is all that is learned.
    Taught in: notebook 08.
    """

    weight: float = 0.05
    radius: float = 25.0
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "radius", 0)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        gap = sum(distance_to_radius(view.features, self.radius) for view in (source, target))
        return {"task": self.task.loss(source), "radius": self.weight * self.schedule(progress) * gap}


@dataclass(eq=False)
class SAFN(Adapter):
    """SAFN: make every feature a little longer at each step.

    Paper: Xu, Li, Yang, Lin 2019, "Larger Norm More Transferable: An Adaptive Feature Norm Approach for Unsupervised
        Domain Adaptation" (the stepwise variant).
    Minimises  L_y(source) + λ ( mean_i (||s_i|| - r_i)² + mean_j (||t_j|| - r_j)² ).
    Symbols: λ = weight · schedule(progress);  s, t = features `(n, d)`, `(m, d)`;  r = the same norm plus `step`, taken
        for a constant.
    Differs from the paper: r comes from the same pass, as in the authors' code, not from weights of the step before.
    Can go wrong: its curve is a constant by construction,  2 λ step².  Look at the norms.
    Taught in: notebook 08.
    """

    weight: float = 0.05
    step: float = 1.0
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "step", 0)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        gap = sum(distance_to_longer(view.features, self.step) for view in (source, target))
        return {"task": self.task.loss(source), "longer": self.weight * self.schedule(progress) * gap}


@dataclass(eq=False)
class BSP(Adapter):
    """BSP: hold down the strongest directions of the features, which a critic would otherwise see before all others.

    Paper: Chen, Wang, Long, Wang 2019, "Transferability vs. Discriminability: Batch Spectral Penalization for
        Adversarial Domain Adaptation".
    Minimises  L_y(source) + β Σ_{i ≤ k} ( σ_i(source)² + σ_i(target)² ).
    Symbols: β = weight · schedule(progress);  k = largest;  σ_i = the i-th largest singular value of a batch's features
        `(n, d)`.
    Differs from the paper: it stands alone; the paper's method is the sum  DANN() + BSP().
    Can go wrong: alone it aligns nothing. σ_1 grows with the batch, and a β found on small ones flattens all features.
    Taught in: notebook 09.
    """

    weight: float = 1e-4
    largest: int = 1
    schedule: Schedule = field(default_factory=Ganin)

    def __post_init__(self) -> None:
        at_least(self, "weight", 0)
        at_least(self, "largest", 1)

    def loss(self, source: View, target: View, progress: float) -> Terms:
        strongest = sum(batch_spectral_penalty(view.features, self.largest) for view in (source, target))
        return {"task": self.task.loss(source), "strongest": self.weight * self.schedule(progress) * strongest}
