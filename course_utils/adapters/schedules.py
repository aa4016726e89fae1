"""How strongly a term counts as training goes on. `progress` runs from 0 to 1, whatever the number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from course_utils.adapters.checks import at_least, between

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class Ganin:
    r"""`2 / (1 + exp(-sharpness * p)) - 1`: nothing at first, nearly full after a third. Ganin et al. 2016, 5.2.2."""

    sharpness: float = 10.0

    def __post_init__(self) -> None:
        at_least(self, "sharpness", 0)

    def __call__(self, progress: float) -> float:
        return 2 / (1 + math.exp(-self.sharpness * progress)) - 1


@dataclass(frozen=True)
class Constant:
    """Full weight from the first step."""

    def __call__(self, progress: float) -> float:
        return 1.0


@dataclass(frozen=True)
class Ramp:
    """In a straight line from nothing to full weight over the first `share` of the run, then full."""

    share: float = 0.5

    def __post_init__(self) -> None:
        between(self, "share", 0, 1)

    def __call__(self, progress: float) -> float:
        return 1.0 if progress >= self.share else progress / self.share
