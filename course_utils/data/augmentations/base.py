"""What every augmentation of this package shares, and the chain of two."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from course_utils.data.augment import Augmentation
from course_utils.errors import nearest


class Transform:
    """An augmentation that can be chained: `Augment(rotation=10) + RandomConvolution()`.

    A subclass is a frozen dataclass of its settings and has `__call__(images, generator)`. A misspelt setting is
    answered with TypeError and the nearest name.
    """

    def __new__(cls, *args: object, **options: object) -> Transform:
        known = [field.name for field in dataclasses.fields(cls)]
        for name in options.keys() - set(known):
            raise TypeError(f"{cls.__name__} has no option {name!r}.{nearest(name, known)}")
        return super().__new__(cls)

    def maps(self, images: UInt8[Tensor, "n c h w"], generator: torch.Generator) -> Float[Tensor, "n 2 3"] | None:
        """None: what changes colours moves no box and no mask."""

    def __add__(self, other: Augmentation) -> Chain:
        return Chain(self, other)

    def __radd__(self, other: Augmentation) -> Chain:
        return Chain(other, self)


@dataclass(frozen=True, repr=False)
class Chain(Transform):
    """`first`, then `second` on what it made, both drawing from one generator. Written `first + second`."""

    first: Augmentation
    second: Augmentation

    def __call__(
        self,
        images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"],
        generator: torch.Generator,
    ) -> Float[Tensor, "n c h w"]:
        return self.second(self.first(images, generator), generator)

    def maps(self, images: UInt8[Tensor, "n c h w"], generator: torch.Generator) -> Float[Tensor, "n 2 3"] | None:
        """Those of the first. Raises ValueError where the second moves images too: boxes could not follow."""
        maps = self.first.maps(images, generator)
        if self.second.maps(images, generator) is not None:
            raise ValueError(
                f"{self!r}: boxes and masks follow the first augmentation of a chain alone. Let that one move the "
                "images, and the second change their colours."
            )
        return maps

    def __repr__(self) -> str:
        return f"{self.first!r} + {self.second!r}"


def pixels_in_0_1(images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """uint8 images divided by 255; images that are floating point already, as they are."""
    return images if images.is_floating_point() else images / 255
