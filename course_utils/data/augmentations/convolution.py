"""New textures: every image through a small filter of its own, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from course_utils.data.augmentations.base import Transform, pixels_in_0_1


@dataclass(frozen=True)
class RandomConvolution(Transform):
    """Keeps shapes and changes colour and texture: `(1 - α) image + α filter * image`.

    Paper: Xu, Liu, Yang, Raffel, Niethammer 2021, "Robust and Generalizable Visual Representation Learning via Random
    Convolutions". Filter `(c, c, k, k)` from N(0, 1 / (c k²)), k from `sizes`, α from U(0, strength).

    sizes: odd sides of a filter in pixels; each image draws one.
    strength: 1 as in the paper; 0 leaves the images as they are.

    Every image has its own filter, where the paper has one a batch. Pixels are filtered as differences from middle
    grey, so that a filter may make a negative, and what leaves [0, 1] is cut off. Pixels from outside the image
    repeat its border.
    Raises ValueError for an even size or a strength outside 0..1.
    """

    sizes: tuple[int, ...] = (1, 3, 5, 7)
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not self.sizes or any(size < 1 or size % 2 == 0 for size in self.sizes):
            raise ValueError(f"RandomConvolution: sizes are {self.sizes}; expected odd numbers of pixels: (1, 3, 5).")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"RandomConvolution: strength is {self.strength!r}; expected a number from 0 to 1.")

    def __call__(
        self,
        images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"],
        generator: torch.Generator,
    ) -> Float[Tensor, "n c h w"]:
        """Images in [0, 1]; uint8 ones are divided by 255. All random numbers come from `generator`."""
        images = pixels_in_0_1(images)
        filters, share = self.draw(images, generator)
        return torch.lerp(images, 0.5 + filtered(images - 0.5, filters), share).clamp(0, 1)

    def draw(
        self, images: Float[Tensor, "n c h w"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "n c c k k"], Float[Tensor, "n 1 1 1"]]:
        """A filter for each image, with zeros around a small one, and its share α."""
        (n, c), most, device = images.shape[:2], max(self.sizes), generator.device
        sides = torch.tensor(self.sizes, device=device)
        sides = sides[torch.randint(len(self.sizes), (n,), generator=generator, device=device)].view(n, 1, 1, 1, 1)
        filters = torch.randn(n, c, c, most, most, generator=generator, device=device) / (c**0.5 * sides)
        away = (torch.arange(most, device=device) - most // 2).abs()
        filters *= torch.maximum(away[:, None], away) <= sides // 2
        share = self.strength * torch.rand(n, 1, 1, 1, generator=generator, device=device)
        return filters.to(images), share.to(images)


def filtered(images: Float[Tensor, "n c h w"], filters: Float[Tensor, "n c c k k"]) -> Float[Tensor, "n c h w"]:
    """Every image through its own filter (a correlation, as in every network), its border repeated."""
    n, c, height, width = images.shape
    wide = functional.pad(images, [filters.shape[-1] // 2] * 4, mode="replicate")
    # One grouped convolution for the batch: each image is a group of channels.
    out = functional.conv2d(wide.reshape(1, n * c, *wide.shape[2:]), filters.flatten(0, 1), groups=n)
    return out.view(n, c, height, width)
