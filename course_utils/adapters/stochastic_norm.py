"""Batch norm for few labels: which statistics normalise a channel is drawn at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from course_utils.adapters.base import Adapter, Terms
from course_utils.adapters.checks import between
from course_utils.data.batches import View
from course_utils.nets import batchnorm_layers


@dataclass(eq=False)
class StochNorm(Adapter):
    """StochNorm: normalise each channel now by the batch, now by the pretrained statistics, as a coin falls.

    Paper: Kou, You, Long, Wang 2020, "Stochastic Normalization".
    Minimises  L_y(shots),  where batch norm gives  s (x - μ)/σ + (1 - s) (x - μ̃)/σ̃  before scale and shift.
    Symbols: s ~ Bernoulli(probability), one for each channel, layer and step;  μ, σ = of the batch;  μ̃, σ̃ = moving
        statistics, as they are before the batch moves them.
    Differs from the paper: nothing known.
    Can go wrong: under the run's batch-norm policy `frozen` nothing is left of it. The run's net keeps the layers; in
        evaluation and in a saved file they are plain batch norm.
    Taught in: notebook 04.
    """

    probability: float = 0.5

    sides: ClassVar = ("shots",)

    def __post_init__(self) -> None:
        between(self, "probability", 0, 1)

    def build(self, net: nn.Module) -> None:
        for layer in batchnorm_layers(net):
            _make_stochastic(layer, self.probability)

    def loss(self, source: View | None, target: View, progress: float) -> Terms:
        return {"task": self.task.loss(target)}


class _Stochastic:
    """What comes before a batch-norm class in a stochastic layer's bases. It adds no parameter and no buffer."""

    probability: float

    def forward(self, x: Tensor) -> Tensor:
        # Estimation sets the momentum to 1 and asks for the batch's own statistics: no coin is thrown then.
        if not self.training or self.momentum == 1:
            return super().forward(x)
        self.training = False
        by_moving = super().forward(x)
        self.training = True
        by_batch = super().forward(x)
        chosen = torch.rand(x.shape[1], device=x.device) < self.probability
        return torch.where(chosen.reshape(-1, *[1] * (x.ndim - 2)), by_batch, by_moving)


def _make_stochastic(layer: nn.Module, probability: float) -> None:
    # The class is derived from the layer's own: timm's batch norm carries an activation, which a plain one would drop.
    kind = type(layer)
    if not isinstance(layer, _Stochastic):
        layer.__class__ = type(f"Stochastic{kind.__name__}", (_Stochastic, kind), {"__module__": __name__})
    layer.probability = probability
