"""What every table begins and ends with: no adaptation, batch-norm adaptation, and the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from course_utils.adapters.base import Adapter, Terms
from course_utils.data.batches import View


@dataclass(eq=False)
class SourceOnly(Adapter):
    """Source-only: learn on the source and hope.

    Paper: none; the row that every other row is measured against.
    Minimises  L_y(source).
    Symbols: L_y = task loss.
    Differs from common code: the target is scored with the source's batch-norm statistics, as at deployment.
    Can go wrong: the network learns what is true in the source only (ink is white, paper is black).
    Taught in: notebooks 00, 01, 08.
    """

    sides: ClassVar = ("source",)

    def loss(self, source: View, target: View | None, progress: float) -> Terms:
        return {"task": self.task.loss(source)}


@dataclass(eq=False)
class AdaBN(Adapter):
    """AdaBN: the source-only network, with the target's own batch-norm statistics.

    Paper: Li, Wang, Shi, Liu, Hou 2016, "Revisiting Batch Normalization For Practical Domain Adaptation".
    Minimises  L_y(source);  then  mu, sigma^2 <- mean and variance of each layer over 1,024 target training images.
    Symbols: mu, sigma^2 = running statistics `(channels,)` of every batch-norm layer.
    Differs from the paper: the statistics are pooled over these images (of 64 px, 341) instead of an online average.
    Can go wrong: class shares that differ between domains are folded into the statistics.
    Taught in: notebooks 00, 08.
    """

    sides: ClassVar = ("source",)
    target_statistics: ClassVar = True

    def loss(self, source: View, target: View | None, progress: float) -> Terms:
        return {"task": self.task.loss(source)}


@dataclass(eq=False)
class TargetOnly(Adapter):
    """Target-only, the oracle: the same network trained on the target's labels.

    Paper: none; the reference that read target labels ("train on target" in Ganin et al. 2016, table 2).
    Minimises  L_y(target).
    Symbols: L_y = task loss.
    Differs from common code: opens the sealed labels on the record, and the run carries the reason.
    Can go wrong: taken for a method. Nobody has these labels when adaptation is needed.
    Taught in: notebooks 00, 08.
    """

    sides: ClassVar = ("target",)
    unseals: ClassVar = "target-only: the oracle row of a table"

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(target)}
