"""What the games have in common: the critic, what it is shown, and the two halves of a net as players."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_utils.losses import multilinear_map, randomised_map
from course_utils.nets import Net


class Critic(nn.Sequential):
    """Two hidden layers with batch norm: `(n, inputs)` to logits `(n, outputs)`.

    Raises ValueError for features of another width than the net said it has.
    """

    def __init__(self, inputs: int, width: int, outputs: int = 1) -> None:
        hidden = [(nn.Linear(wide, width), nn.BatchNorm1d(width), nn.ReLU()) for wide in (inputs, width)]
        super().__init__(*hidden[0], *hidden[1], nn.Linear(width, outputs))

    def forward(self, x: Float[Tensor, "n _"]) -> Float[Tensor, "n _"]:
        return super().forward(of_width(x, self[0].in_features))


class MultilinearMap(nn.Module):
    """T(f, g) `(n, width)` of features f `(n, d)` and class probabilities g `(n, k)`: f ⊗ g.

    Where that has more than m = `largest` numbers, (R_f f ⊙ R_g g) / √m with normal random matrices R, drawn once.
    Source: Long et al. 2018.
    """

    def __init__(self, features: int, classes: int, largest: int) -> None:
        super().__init__()
        self.features, self.width = features, min(features * classes, largest)
        # Buffers, so that a saved critic finds the map again that it was trained on.
        drawn = [torch.randn(largest, n) if features * classes > largest else None for n in (features, classes)]
        self.register_buffer("of_features", drawn[0])
        self.register_buffer("of_classes", drawn[1])

    def forward(self, features: Float[Tensor, "n d"], classes: Float[Tensor, "n k"]) -> Float[Tensor, "n width"]:
        features = of_width(features, self.features)
        if self.of_features is None:
            return multilinear_map(features, classes)
        return randomised_map(features, classes, self.of_features, self.of_classes)


def of_width(features: Float[Tensor, "n _"], width: int) -> Float[Tensor, "n _"]:
    """The features. Raises ValueError where they are not as wide as the net said when the critic was made."""
    if features.shape[1] != width:
        raise ValueError(
            f"The critic was made for features of width {width}, and this net's have width {features.shape[1]}: "
            f"Net(..., width={features.shape[1]}) says what its bottleneck gives."
        )
    return features


def players_of(net: Net) -> tuple[list[dict], list[dict]]:
    """The net's parameter groups in two: of what makes the features, and of the head.

    Raises ValueError where nothing below the head learns, so that no feature could answer.
    """
    head = set(net.head.parameters())
    below, own = (
        [group | {"params": [p for p in group["params"] if (p in head) == is_head]} for group in net.groups()]
        for is_head in (False, True)
    )
    below, own = [g for g in below if g["params"]], [g for g in own if g["params"]]
    if not below:
        raise ValueError("Nothing below this net's head learns: its features cannot play. Unfreeze a block.")
    return below, own
