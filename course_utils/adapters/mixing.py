"""Mix images and their labels alike: the net learns to say "seven tenths a 3, three tenths an 8"."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.adapters.base import Adapter, Batch, Terms
from course_utils.adapters.checks import at_least


@dataclass(eq=False)
class MixUp(Adapter):
    """MixUp: learn on weighted means of two source images, with the same weights for their labels.

    Paper: Zhang, Cisse, Dauphin, Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization".
    Minimises  λ L_y(x̃, y) + (1 - λ) L_y(x̃, y')  with  x̃ = λ x + (1 - λ) x'  over the source.
    Symbols: (x', y') = the batch in another order;  λ ~ Beta(alpha, alpha), one for a batch;  L_y = task loss.
    Differs from the paper: what stands beside it (`MixUp() + DANN()`) is given both domains unmixed, for which the
        source passes the net twice. No target image is mixed and no target label is read.
    Can go wrong: the middle of two digits may look like a third one; a large alpha makes every image such a middle.
    Taught in: notebook 05.
    """

    alpha: float = 0.2
    sides: ClassVar = ("source",)

    def __post_init__(self) -> None:
        at_least(self, "alpha", 0)

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        images, share = batch.source.images, _draw_share(self.alpha)
        order = torch.randperm(len(images))
        mixed = share * images + (1 - share) * images[order]
        yield _mixed_task(self, batch, mixed, order, share), ("all",)


@dataclass(eq=False)
class CutMix(Adapter):
    """CutMix: paste a box of one source image into another, and mix their labels by area.

    Paper: Yun, Han, Oh, Chun, Choe, Yoo 2019, "CutMix: Regularization Strategy to Train Strong Classifiers with
        Localizable Features".
    Minimises  λ L_y(x̃, y) + (1 - λ) L_y(x̃, y')  with  x̃ = x' inside a box and x outside it  over the source.
    Symbols: (x', y') = the batch in another order;  box = sides √(1 - λ₀) times the image's, anywhere, cut off at the
        border;  λ₀ ~ Beta(alpha, alpha), one box for a batch;  λ = the share of pixels outside the box.
    Differs from the paper: as MixUp does, beside another strategy; of cached features a run of coordinates is pasted.
    Can go wrong: a box of background is credited with a label that nobody can see in it.
    Taught in: notebook 05.
    """

    alpha: float = 1.0
    sides: ClassVar = ("source",)

    def __post_init__(self) -> None:
        at_least(self, "alpha", 0)

    def steps(self, batch: Batch, progress: float) -> Iterator[tuple[Terms, tuple[str, ...]]]:
        images = batch.source.images
        order = torch.randperm(len(images))
        box = draw_box(images.shape[2:] or images.shape[1:], _draw_share(self.alpha)).to(images.device)
        mixed = torch.where(box, images[order], images)
        yield _mixed_task(self, batch, mixed, order, 1 - box.float().mean().item()), ("all",)


def draw_box(sizes: tuple[int, ...], outside: float) -> Bool[Tensor, "*sizes"]:
    """True in a box with its middle anywhere, which leaves `outside` of the image out where no border cuts it."""
    box = torch.ones(sizes, dtype=torch.bool)
    for axis, size in enumerate(sizes):
        half = size * (1 - outside) ** (1 / len(sizes)) / 2
        along = (torch.arange(size) + 0.5 - size * torch.rand(()).item()).abs() < half
        box &= along.view([size if other == axis else 1 for other in range(len(sizes))])
    return box


def _draw_share(alpha: float) -> float:
    """λ ~ Beta(alpha, alpha); 1 for alpha = 0, where Beta has no density."""
    return torch.distributions.Beta(alpha, alpha).sample().item() if alpha else 1.0


def _mixed_task(
    adapter: Adapter, batch: Batch, images: Float[Tensor, "n *shape"], order: Int[Tensor, " n"], share: float
) -> Terms:
    mixed = dataclasses.replace(batch.source, images=images)
    if batch.target is None:
        batch.source = mixed
    else:
        batch.forward()
    batch.pass_through(mixed)
    other = dataclasses.replace(mixed, labels=mixed.labels[order])
    return {"task": share * adapter.task.loss(mixed) + (1 - share) * adapter.task.loss(other)}
