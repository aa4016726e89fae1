"""What is predicted, as data for the one loop: the head, the loss and the score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_utils import losses
from course_utils.data.batches import View


@dataclass(frozen=True)
class Labels:
    """One class an image."""

    target: str = "label"

    def head(self, width: int, classes: int) -> nn.Module:
        return nn.Linear(width, classes)

    def loss(self, view: View) -> Float[Tensor, ""]:
        """Cross-entropy of a labelled view."""
        return losses.cross_entropy(view.logits, view.labels)

    def score(self, logits: Float[Tensor, "n classes"], labels: Int[Tensor, " n"]) -> float:
        """Accuracy over the whole set, in [0, 1]."""
        return (logits.argmax(1) == labels).to(torch.float64).mean().item()
