"""One thing wrong with every image, in eight ways: shifts to test a net on that nobody had to collect."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from course_utils.data.augment import move
from course_utils.data.domain import Domain
from course_utils.errors import nearest

Images = Float[Tensor, "n c h w"]


def corrupted(domain: Domain, name: str, strength: float = 1.0, seed: int = 0) -> Domain:
    """The domain with one corruption on every image; labels, splits, ids and groups as they were.

    name: one of CORRUPTIONS, after Mu and Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer Vision"
        (written anew here: the strengths are this course's own).
    strength: from 0, which changes nothing, to 1.  seed: of what is drawn for each image.

    Named `mnist-5k+fog`, or `mnist-5k+fog(0.5, seed 3)`. A domain and its corruption share every original, so
    `pair` refuses to set one against the other.
    Raises ValueError with the nearest names for an unknown corruption, for a strength outside 0..1 and for features.
    """
    if name not in CORRUPTIONS:
        raise ValueError(f"No corruption is called {name!r}.{nearest(name, CORRUPTIONS)}")
    if not 0 <= strength <= 1:
        raise ValueError(f"corrupted: strength is {strength!r}; expected a number from 0 to 1.")
    if domain.images.ndim != 4:
        raise ValueError(f"{domain.name!r} holds features; only images can be corrupted.")
    images = torch.from_numpy(np.array(domain.images)) / 255
    changed = CORRUPTIONS[name](images, strength, torch.Generator().manual_seed(seed))
    settings = [f"{strength:g}"] * (strength != 1) + [f"seed {seed}"] * (seed != 0)
    return dataclasses.replace(
        domain,
        name=f"{domain.name}+{name}" + (f"({', '.join(settings)})" if settings else ""),
        images=(changed.clamp(0, 1) * 255).round().to(torch.uint8).numpy(),
        sha256=None,
    )


def rotate(images: Images, strength: float, generator: torch.Generator) -> Images:
    """By 25 degrees, to the left or to the right."""
    angle = np.deg2rad(25) * strength * torch.randint(2, (len(images),), generator=generator).mul(2).sub(1)
    aspect, still = images.shape[3] / images.shape[2], torch.zeros_like(angle)
    rows = angle.cos(), -angle.sin() / aspect, still, angle.sin() * aspect, angle.cos(), still
    return move(images, torch.stack(rows, 1).view(-1, 2, 3).to(images))


def scale(images: Images, strength: float, generator: torch.Generator) -> Images:
    """Shrinks to 60 % of height and width."""
    return move(images, torch.eye(2, 3).div(1 - 0.4 * strength).expand(len(images), 2, 3))


def motion_blur(images: Images, strength: float, generator: torch.Generator, steps: int = 9) -> Images:
    """Smears over a quarter of the width, in a direction of the image's own."""
    angle = np.pi * torch.rand(len(images), generator=generator)
    way = torch.stack((angle.cos(), angle.sin()), 1)[..., None] * strength / 4
    upright = torch.eye(2).expand(len(images), 2, 2)
    return sum(move(images, torch.cat((upright, t * way), 2)) for t in torch.linspace(-1, 1, steps)) / steps


def impulse_noise(images: Images, strength: float, generator: torch.Generator) -> Images:
    """Sets 30 % of the pixels to black or white."""
    n, _, height, width = images.shape
    hit = torch.rand(n, 1, height, width, generator=generator) < 0.3 * strength
    return torch.where(hit, torch.randint(2, (n, 1, height, width), generator=generator).to(images), images)


def fog(images: Images, strength: float, generator: torch.Generator) -> Images:
    """Adds bright mist, coarse and fine, and takes the contrast that it covers."""
    n, _, height, width = images.shape
    octaves = [torch.rand(n, 1, side, side, generator=generator) / side for side in (2, 4, 8)]
    mist = sum(functional.interpolate(o, (height, width), mode="bilinear", align_corners=True) for o in octaves)
    lowest, highest = mist.amin((2, 3), keepdim=True), mist.amax((2, 3), keepdim=True)
    return (images + 2 * strength * (mist - lowest) / (highest - lowest)) / (1 + 2 * strength)


def stripe(images: Images, strength: float, generator: torch.Generator) -> Images:
    """Turns the left and the right quarter into their negatives."""
    across = (torch.arange(images.shape[3]) + 0.5) / images.shape[3]
    return torch.where((across - 0.5).abs() > 0.25, inverse(images, strength, generator), images)


def inverse(images: Images, strength: float, generator: torch.Generator) -> Images:
    """Black on white, where it was white on black."""
    return images + strength * (1 - 2 * images)


def canny_edges(images: Images, strength: float, generator: torch.Generator) -> Images:
    """Only the edges are left (Canny 1986)."""
    import cv2

    pages = (images.mean(1) * 255).round().to(torch.uint8).numpy()
    edges = torch.from_numpy(np.stack([cv2.Canny(page, 100, 200) for page in pages])) / 255
    return torch.lerp(images, edges[:, None], strength)


CORRUPTIONS: dict[str, Callable[[Images, float, torch.Generator], Images]] = {
    corruption.__name__: corruption
    for corruption in (rotate, scale, motion_blur, impulse_noise, fog, stripe, inverse, canny_edges)
}
