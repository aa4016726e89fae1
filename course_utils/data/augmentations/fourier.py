"""The target's style without its labels: low frequencies of a target image, everything else of the source image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from course_utils.data.augmentations.base import Transform, pixels_in_0_1
from course_utils.data.domain import Part


@dataclass(frozen=True, repr=False)
class FourierStyle(Transform):
    """FDA: gives each image the low-frequency amplitude of a random image of `style`, and keeps its phase.

    Paper: Yang and Soatto 2020, "FDA: Fourier Domain Adaptation for Semantic Segmentation", equation 3:
    `F⁻¹(M_β F_A(style) + (1 - M_β) F_A(image), F_P(image))`, F_A amplitude, F_P phase, M_β the frequencies below β.

    style: the target's training images, `pair.target.train`. Its labels may be sealed: none is read.
    beta: in cycles a pixel, so 0.1 means waves longer than ten pixels; 0 leaves the images as they are. The paper
        takes 0.01 to 0.09 of photographs; 28 px have no wave between none at all and 1 / 28 = 0.036.

    Raises ValueError for test images, for cached features, for a beta outside 0..0.5, and for images of another shape.
    """

    style: Part
    beta: float = 0.05

    def __post_init__(self) -> None:
        if self.style.split == "test":
            raise ValueError(
                f"FourierStyle: the style is that of the test images of {self.style.domain.name!r}, where a result is "
                "scored. Take pair.target.train: its images may be used, its labels stay sealed."
            )
        if self.style.domain.images.ndim != 4:
            raise ValueError(f"FourierStyle: {self.style.domain.name!r} holds features; a style needs images.")
        if not 0 <= self.beta <= 0.5:
            raise ValueError(f"FourierStyle: beta is {self.beta!r}; expected cycles a pixel, from 0 to 0.5.")

    def __call__(
        self,
        images: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"],
        generator: torch.Generator,
    ) -> Float[Tensor, "n c h w"]:
        """Images in [0, 1]; uint8 ones are divided by 255. All random numbers come from `generator`."""
        images = pixels_in_0_1(images)
        rows = torch.randint(len(self.style), (len(images),), generator=generator, device=generator.device)
        taken = self.style.domain.images[self.style.indices[rows.cpu().numpy()]]
        if taken.shape != images.shape:
            raise ValueError(
                f"FourierStyle: images are {tuple(images.shape[1:])} and those of {self.style.domain.name!r} "
                f"{taken.shape[1:]}. Take both from one pair, which brings them to one shape."
            )
        return restyled(images, torch.from_numpy(taken).to(images.device) / 255, self.beta)

    def __repr__(self) -> str:
        return f"FourierStyle({self.style.domain.name!r}, beta={self.beta})"


def restyled(
    images: Float[Tensor, "n c h w"], styles: Float[Tensor, "n c h w"], beta: float
) -> Float[Tensor, "n c h w"]:
    """Each image with the amplitude of its style below `beta` cycles a pixel, cut to [0, 1]."""
    height, width = images.shape[2:]
    waves, style = torch.fft.rfft2(images), torch.fft.rfft2(styles.to(images))
    low = low_frequencies(height, width, beta)
    waves[..., low] = torch.polar(style[..., low].abs(), waves[..., low].angle())
    return torch.fft.irfft2(waves, s=(height, width)).clamp(0, 1)


def low_frequencies(height: int, width: int, beta: float) -> Bool[Tensor, "height half"]:
    """Which entries of a real image's half spectrum lie below `beta` both down and across: none for 0."""
    down, across = torch.fft.fftfreq(height).abs(), torch.fft.rfftfreq(width)
    return torch.maximum(down[:, None], across) < beta
