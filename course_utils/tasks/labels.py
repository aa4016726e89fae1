"""One class an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils import losses
from course_utils.data.batches import View
from course_utils.nets import MapClassifier, Net, Output, default_net
from course_utils.tasks.base import Arrays, refuse_sealed


@dataclass(frozen=True)
class Labels:
    """One class an image: cross-entropy, and accuracy over the whole split."""

    targets: ClassVar = ("label",)
    names: ClassVar = ("label",)

    def net(self, shape: tuple[int, ...], classes: tuple[str, ...]) -> Net:
        return default_net(shape, classes)

    def head(self, width: int, classes: int) -> nn.Module:
        """On features `(n, width)`: what a strategy with two heads makes its second one of."""
        return nn.Linear(width, classes)

    def map_head(self, width: int, classes: int) -> nn.Module:
        return MapClassifier(width, classes)

    def shape(self, classes: int, size: tuple[int, int]) -> tuple[int, ...]:
        return (classes,)

    def fill(self, view: View, output: Output) -> None:
        view.features, view.logits = output

    def losses(self, view: View) -> dict[str, Float[Tensor, ""]]:
        return {"label": self.loss(view)}

    def loss(self, view: View) -> Float[Tensor, ""]:
        """Cross-entropy of a labelled view."""
        refuse_sealed(view)
        return losses.cross_entropy(view.logits, view.labels)

    def moved(self, truth: Arrays, maps: Float[Tensor, "n 2 3"], size: tuple[int, int]) -> Arrays:
        """A class stays where its image goes."""
        return truth

    def kept(self, output: Output) -> dict[str, Tensor]:
        features = output.features
        return {"features": features.mean((2, 3)) if features.ndim == 4 else features, "logits": output.logits}

    def rows(self, kept: Arrays, truth: Arrays) -> Int[Tensor, " n"]:
        return truth["label"]

    def scores(self, kept: Arrays, truth: Arrays, classes: tuple[str, ...]) -> dict[str, float]:
        right = kept["logits"].argmax(1) == truth["label"]
        return {"accuracy": right.to(torch.float64).mean().item()}
