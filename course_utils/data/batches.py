"""Endless, seeded batches. A batch is a function of (seed, step), so resuming needs no iterator state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.data.domain import Part


@dataclass
class View:
    """One domain's half of a batch.

    images: `(n, C, H, W)` in [0, 1], augmented, or `(n, D)` features; None in a look at a whole set.  ids: `(n,)`.
    second: the same images under another draw, where the strategy asks for one.
    labels: `(n,)`, or None on an unlabelled target.  features `(n, d)` and logits `(n, k)`: filled by the forward pass;
        where places in an image are predicted, a row is a place, also in labels.
    truth: boxes and masks by name, moved with their images; None on an unlabelled target.
    output: what the net gave, which a task's loss reads.
    """

    images: Float[Tensor, "n *shape"] | None
    ids: Int[Tensor, " n"]
    labels: Int[Tensor, " rows"] | None
    features: Float[Tensor, "rows d"] | None = None
    logits: Float[Tensor, "rows k"] | None = None
    second: Float[Tensor, "n *shape"] | None = None
    truth: Mapping[str, Tensor] | None = None
    output: NamedTuple | None = None


class Batches:
    """Endless batches of one part: every image once a cycle, in an order drawn from the seed.

    Two domains of different sizes are balanced by taking equally large batches from each: the smaller one
    simply cycles more often. Raises ValueError when a batch is larger than the part.
    """

    def __init__(self, part: Part, size: int, seed: int) -> None:
        if not 1 <= size <= len(part):
            raise ValueError(
                f"A batch of {size} cannot be drawn from {len(part)} images ({part.domain.name!r}, {part.split}). "
                f"Choose batch_size between 1 and {len(part)}."
            )
        self.part, self.size, self.seed = part, size, seed
        self._cycles: dict[int, np.ndarray] = {}

    def positions(self, step: int) -> np.ndarray:
        """`(size,)` positions in the part for this step; a batch may span the border of two cycles."""
        first = step * self.size
        places = np.arange(first, first + self.size)
        cycle, offset = places // len(self.part), places % len(self.part)
        needed = np.unique(cycle)
        self._cycles = {int(c): self._cycles.get(int(c), self._order(int(c))) for c in needed}
        return np.concatenate([self._cycles[int(c)][offset[cycle == c]] for c in needed])

    def _order(self, cycle: int) -> np.ndarray:
        return np.random.default_rng((self.seed, cycle)).permutation(len(self.part))


def generator(seed: int, step: int, side: int, device: torch.device | str = "cpu") -> torch.Generator:
    """The random numbers of one step and one side, the same after a resume as without one."""
    words = np.random.SeedSequence((seed, step, side)).generate_state(2, np.uint64)
    return torch.Generator(device).manual_seed(int(words[0] >> 1))


def steps_per_epoch(lengths: list[int], size: int) -> int:
    """Enough steps for every image of the larger part to be seen about once."""
    return -(-max(lengths) // size)
