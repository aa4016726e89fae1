"""How strongly a term counts as training goes on. `progress` runs from 0 to 1, whatever the number of steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class Ganin:
    r"""`2 / (1 + exp(-sharpness * p)) - 1`: nothing at first, nearly full after a third. Ganin et al. 2016, 5.2.2."""

    sharpness: float = 10.0

    def __call__(self, progress: float) -> float:
        return 2 / (1 + math.exp(-self.sharpness * progress)) - 1


@dataclass(frozen=True)
class Constant:
    """Full weight from the first step."""

    def __call__(self, progress: float) -> float:
        return 1.0
