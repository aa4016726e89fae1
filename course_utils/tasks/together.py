"""Several tasks over one trunk, each with a head of its own."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from course_utils.data.batches import View
from course_utils.nets import Heads, Net, Output, UNet
from course_utils.nets.unet import FEATURES
from course_utils.tasks.base import Arrays, Task


@dataclass(frozen=True)
class Tasks:
    """Tasks that share all but their heads: `Tasks((Labels(), Boxes(), Masks()))`.

    A strategy that weighs them reads `losses`, by name; `loss` is their plain sum. The scores are those of all parts.
    Raises ValueError for no part, for two of one name, and where a strategy shows them a side without answers: each
    part has rows of its own, so there is nothing that it could align.
    """

    parts: tuple[Task, ...]

    def __post_init__(self) -> None:
        if not self.parts or len(set(self.names)) < len(self.names):
            raise ValueError(f"Tasks({', '.join(self.names)}): name one task or more, each of them once.")

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.targets)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for part in self.parts for name in part.names)

    def net(self, shape: tuple[int, ...], classes: tuple[str, ...]) -> Net:
        return Net(UNet(shape[0]), nn.Identity(), self.map_head(FEATURES, len(classes)), FEATURES, classes)

    def map_head(self, width: int, classes: int) -> nn.Module:
        return Heads([part.map_head(width, classes) for part in self.parts])

    def shape(self, classes: int, size: tuple[int, int]) -> tuple[int, ...]:
        return (sum(self._numbers(classes, size)),)

    def fill(self, view: View, output: Output) -> None:
        """Pooled features and all heads' numbers, of a view whose answers are open."""
        if view.labels is None:
            raise ValueError(
                f"{self!r} were shown a side without answers, and several tasks have no rows in common that a strategy "
                "could align. Adapt one task at a time, or learn them on the source alone (FixedWeights, PCGrad, ...)."
            )
        view.features, view.logits = output.features.mean((2, 3)), output.logits

    def losses(self, view: View) -> dict[str, Float[Tensor, ""]]:
        found = {}
        for part, output in zip(self.parts, self._split(view.output), strict=True):
            own = dataclasses.replace(view, output=output)
            part.fill(own, output)
            found |= part.losses(own)
        return found

    def loss(self, view: View) -> Float[Tensor, ""]:
        return sum(self.losses(view).values())

    def moved(self, truth: Arrays, maps: Float[Tensor, "n 2 3"], size: tuple[int, int]) -> Arrays:
        return {name: t for part in self.parts for name, t in part.moved(truth, maps, size).items()}

    def kept(self, output: Output) -> dict[str, Tensor]:
        """What each part keeps, under its own name; the first one's rows are those that validators read."""
        kept = [part.kept(own) for part, own in zip(self.parts, self._split(output), strict=True)]
        named = {
            f"{part.names[0]}_{name}": tensor
            for part, own in zip(self.parts, kept, strict=True)
            for name, tensor in own.items()
        }
        return {"features": kept[0]["features"], "logits": kept[0]["logits"]} | named

    def rows(self, kept: Arrays, truth: Arrays) -> Tensor:
        return self.parts[0].rows(_of(self.parts[0], kept), truth)

    def scores(self, kept: Arrays, truth: Arrays, classes: tuple[str, ...]) -> dict[str, float]:
        return {name: s for part in self.parts for name, s in part.scores(_of(part, kept), truth, classes).items()}

    def _numbers(self, classes: int, size: tuple[int, int]) -> list[int]:
        return [math.prod(part.shape(classes, size)) for part in self.parts]

    def _split(self, output: Output) -> Iterator[Output]:
        """Each part's own output. How many classes there are follows from how many numbers there are."""
        size = tuple(output.features.shape[2:])
        none, one = (sum(self._numbers(classes, size)) for classes in (0, 1))
        classes = (output.logits.shape[1] - none) // (one - none)
        pieces = output.logits.split(self._numbers(classes, size), 1)
        for part, piece in zip(self.parts, pieces, strict=True):
            yield Output(output.features, piece.view(len(piece), *part.shape(classes, size)))


def _of(part: Task, kept: Arrays) -> Arrays:
    prefix = f"{part.names[0]}_"
    return {name.removeprefix(prefix): tensor for name, tensor in kept.items() if name.startswith(prefix)}
