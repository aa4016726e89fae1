"""torchvision's feature pyramid as one row of places: the cells of all its maps, the finest first, each row by row."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

WIDTH = 256  # of a place's feature, on every map
STRIDE, MAPS = 8, 5  # pixels of a cell of the finest map, and how many maps there are, each half as fine


class Pyramid(nn.Module):
    """Images `(n, 3, s, s)` to the features of all places `(n, 256, places)`.

    Raises ValueError for images that are not square, or of a side that is no multiple of 8.
    """

    def __init__(self, pyramid: nn.Module) -> None:
        super().__init__()
        self.body, self.fpn = pyramid.body, pyramid.fpn

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d places"]:
        height, width = images.shape[2:]
        if height != width or height % STRIDE:
            raise ValueError(
                f"Images of {width}x{height} px: this detector reads square ones, whose side is a multiple of {STRIDE}."
            )
        return torch.cat([of_map.flatten(2) for of_map in self.fpn(self.body(images)).values()], 2)


class EveryPlace(nn.Module):
    """torchvision's head over all maps: features `(n, 256, places)` to numbers `(n, anchors * k, places)`.

    names: of what the head says, in the order in which an anchor's `k` numbers stand.
    """

    def __init__(self, head: nn.Module, anchors: int, names: Iterable[str]) -> None:
        super().__init__()
        self.of_maps, self.anchors, self.names = head, anchors, tuple(names)

    def forward(self, features: Float[Tensor, "n d places"]) -> Float[Tensor, "n numbers places"]:
        sides = map_sides(side_of(features.shape[2]))
        pieces = features.split([side**2 for side in sides], 2)
        said = self.of_maps([piece.unflatten(2, (side, side)) for piece, side in zip(pieces, sides, strict=True)])
        numbers = torch.cat([said[name] for name in self.names], 2)
        return numbers.unflatten(1, (-1, self.anchors)).flatten(2).movedim(2, 1)


def map_sides(side: int) -> list[int]:
    """Cells along a side of each of the five maps, of an image of `side` pixels."""
    return [-(-side // (STRIDE * 2**step)) for step in range(MAPS)]


def places_of(side: int) -> int:
    """Of all maps together."""
    return sum(of_map**2 for of_map in map_sides(side))


def side_of(places: int) -> int:
    """The side in pixels of the square image that has so many places. Raises ValueError where none has."""
    side = STRIDE
    while places_of(side) < places:
        side += STRIDE
    if places_of(side) != places:
        raise ValueError(f"No square image has {places} places: the maps of one of {side} px have {places_of(side)}.")
    return side
