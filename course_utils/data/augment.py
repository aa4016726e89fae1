"""Random transforms of whole batches of tensors, another one for every image."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from course_utils.errors import nearest


@runtime_checkable
class Augmentation(Protocol):
    """Anything that draws a transform for each image. A run keeps its `repr`, so let that say all settings."""

    def __call__(
        self, images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"], generator: torch.Generator
    ) -> Float[Tensor, "n c h w"]: ...


@dataclass(frozen=True)
class Augment:
    """Draws a transform for each image and applies all of them at once. With nothing set it changes nothing.

    rotation: up to so many degrees either way.
    scale: size changes by up to this fraction either way.
    translation: shifts by up to this fraction of height and of width.
    crop: keeps a window at a random place whose side is shorter by up to this fraction, and enlarges it.
    brightness: adds up to this much, either way, to every channel.
    contrast: stretches grey values about the image's mean by `1 - contrast .. 1 + contrast`.
    colour: gives each channel a gain of its own in `1 - colour .. 1 + colour` and a shift of its own of up to
        `colour / 2`; above 1 it also turns channels into their negatives.

    Pixels from outside the image repeat its border. Raises ValueError for a value out of range, and
    TypeError with the nearest name for an option that does not exist.
    """

    rotation: float = 0.0
    scale: float = 0.0
    translation: float = 0.0
    crop: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0

    def __new__(cls, *args: object, **options: object) -> Augment:
        known = [field.name for field in dataclasses.fields(cls)]
        for name in options.keys() - set(known):
            raise TypeError(f"Augment has no option {name!r}.{nearest(name, known)}")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        most = {
            "rotation": 180,
            "scale": 0.9,
            "translation": 1,
            "crop": 0.9,
            "brightness": 1,
            "contrast": 1,
            "colour": 2,
        }
        for name, limit in most.items():
            value = getattr(self, name)
            if not 0 <= value <= limit:
                raise ValueError(f"Augment: {name} is {value!r}; expected a number from 0 to {limit}.")

    def __call__(
        self,
        images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"],
        generator: torch.Generator,
    ) -> Float[Tensor, "n c h w"]:
        """Images in [0, 1]; uint8 ones are divided by 255. All random numbers come from `generator`."""
        images = images if images.is_floating_point() else images / 255
        if self.rotation or self.scale or self.translation or self.crop:
            images = move(images, self.draw_maps(images, generator))
        if self.brightness or self.contrast or self.colour:
            images = self._recolour(images, generator)
        return images

    def maps(self, images: UInt8[Tensor, "n c h w"], generator: torch.Generator) -> Float[Tensor, "n 2 3"] | None:
        """The maps that a call with this generator moves these images by; None where nothing moves."""
        moves = self.rotation or self.scale or self.translation or self.crop
        return self.draw_maps(images.float(), generator) if moves else None

    def draw_maps(self, images: Float[Tensor, "n c h w"], generator: torch.Generator) -> Float[Tensor, "n 2 3"]:
        """One affine map an image, from where a pixel goes to where it comes from, in -1..1 across it."""
        n, aspect = len(images), images.shape[3] / images.shape[2]
        angle, scale, side, *places = _uniform(images, generator, n, 7).unbind(1)
        angle, window = (
            math.radians(self.rotation) * angle,
            1 - self.crop * (side + 1) / 2,
        )
        zoom = window / (1 + self.scale * scale)
        cos, sin = zoom * angle.cos(), zoom * angle.sin()
        shift = torch.stack(places, 1)
        shift = (1 - window)[:, None] * shift[:, :2] + 2 * self.translation * shift[:, 2:]
        rows = cos, -sin / aspect, shift[:, 0], sin * aspect, cos, shift[:, 1]
        return torch.stack(rows, 1).view(n, 2, 3)

    def _recolour(self, images: Float[Tensor, "n c h w"], generator: torch.Generator) -> Float[Tensor, "n c h w"]:
        n, channels = images.shape[:2]
        shared = _uniform(images, generator, n, 2, 1, 1)
        own = _uniform(images, generator, n, 2 * channels, 1, 1)
        stretch = 1 + self.contrast * shared[:, :1]
        gain = 1 + self.colour * own[:, :channels]
        shift = self.brightness * shared[:, 1:] + self.colour / 2 * own[:, channels:]
        mean = images.mean((1, 2, 3), keepdim=True)
        return torch.addcmul(gain * (1 - stretch) * mean + shift, images, gain * stretch).clamp_(0, 1)


def move(images: Float[Tensor, "n c h w"], maps: Float[Tensor, "n 2 3"]) -> Float[Tensor, "n c h w"]:
    """Every image under its own affine map, with linear interpolation."""
    height, width = images.shape[2:]
    down, across = ((2 * torch.arange(side).to(images) + 1) / side - 1 for side in (height, width))
    places = torch.stack((across.expand(height, width), down[:, None].expand(height, width)))
    # One matrix product for the batch: affine_grid makes one an image and takes eight times as long.
    homogeneous = torch.cat((places, torch.ones_like(places[:1]))).flatten(1)
    grid = (maps.reshape(-1, 3) @ homogeneous).view(-1, 2, height, width).permute(0, 2, 3, 1)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _uniform(images: Tensor, generator: torch.Generator, *shape: int) -> Tensor:
    # Drawn where the generator lives, so that a seed means the same images on every device.
    drawn = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float32)
    return (2 * drawn - 1).to(images)
