"""Heads over a feature of every pixel: one class for the whole image, and several heads side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class MapClassifier(nn.Sequential):
    """Features of pixels `(n, width, h, w)` to the logits of one class an image `(n, classes)`.

    The strongest answer of each filter anywhere in the image decides: a mean over places would be mostly background.
    """

    def __init__(self, width: int, classes: int, hidden: int = 64) -> None:
        super().__init__(
            nn.Conv2d(width, hidden // 2, 4, 4, bias=False),
            nn.BatchNorm2d(hidden // 2),
            nn.ReLU(),
            nn.Conv2d(hidden // 2, hidden, 3, 2, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
            nn.Linear(hidden, classes),
        )


class Heads(nn.ModuleList):
    """Several heads on the same features: all their numbers in one row an image `(n, numbers)`.

    One tensor, so that a net's logits are one thing whatever it predicts.
    """

    def __init__(self, heads: Sequence[nn.Module]) -> None:
        super().__init__(heads)

    def forward(self, features: Float[Tensor, "n d h w"]) -> Float[Tensor, "n numbers"]:
        return torch.cat([head(features).flatten(1) for head in self], 1)
