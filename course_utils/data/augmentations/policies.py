"""Transforms drawn from torchvision's list of fourteen: how many and how strong is all there is to choose.

torchvision draws for one image at a time and runs one operation at a time, so these cost a multiple of the batched
augmentations: `python -m benchmarks.augment` prints it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from course_utils.data.augmentations.base import Transform

_SILENT = (
    "{!r} does not tell where it moved what, so no box and no mask could follow. Augment(rotation, scale, translation) "
    "does."
)


@dataclass(frozen=True)
class RandAugment(Transform):
    """`operations` random transforms in a row for each image, all of one strength, `magnitude`.

    Paper: Cubuk, Zoph, Shlens, Le 2020, "RandAugment: Practical automated data augmentation with a reduced search
    space". torchvision's transforms: identity, shears, translations, rotation, brightness, colour, contrast,
    sharpness, posterize, solarize, autocontrast, equalize.

    operations: 0 leaves the images as they are.  magnitude: 0 to 30; at 30 a rotation reaches 30 degrees.
    Raises ValueError for other numbers.
    """

    operations: int = 2
    magnitude: int = 9

    def __post_init__(self) -> None:
        if self.operations < 0:
            raise ValueError(f"RandAugment: operations is {self.operations!r}; expected 0 or more.")
        if not 0 <= self.magnitude <= 30:
            raise ValueError(f"RandAugment: magnitude is {self.magnitude!r}; expected a number from 0 to 30.")

    def __call__(
        self,
        images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"],
        generator: torch.Generator,
    ) -> Float[Tensor, "n c h w"]:
        """Images in [0, 1], computed as uint8. All random numbers come from `generator`."""
        from torchvision.transforms import v2

        return _each(v2.RandAugment(self.operations, self.magnitude), images, generator)

    def maps(self, images: UInt8[Tensor, "n c h w"], generator: torch.Generator) -> None:
        """Raises ValueError: torchvision does not tell where it moved what."""
        raise ValueError(_SILENT.format(self))


@dataclass(frozen=True)
class TrivialAugment(Transform):
    """One random transform for each image, of a random strength. Nothing to choose.

    Paper: Müller and Hutter 2021, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", its wide
    list: as RandAugment's, with rotations up to 135 degrees and shears up to 0.99.
    """

    def __call__(
        self,
        images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"],
        generator: torch.Generator,
    ) -> Float[Tensor, "n c h w"]:
        """Images in [0, 1], computed as uint8. All random numbers come from `generator`."""
        from torchvision.transforms import v2

        return _each(v2.TrivialAugmentWide(), images, generator)

    def maps(self, images: UInt8[Tensor, "n c h w"], generator: torch.Generator) -> None:
        """Raises ValueError: torchvision does not tell where it moved what."""
        raise ValueError(_SILENT.format(self))


def _each(transform: Callable[[Tensor], Tensor], images: Tensor, generator: torch.Generator) -> Tensor:
    byte = (images * 255).round().to(torch.uint8) if images.is_floating_point() else images
    seed = torch.randint(2**62, (1,), generator=generator, device=generator.device).item()
    # torchvision draws from the one global generator and takes no other.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        out = torch.stack([transform(image) for image in byte])
    return out.to(images.dtype if images.is_floating_point() else torch.float32) / 255
