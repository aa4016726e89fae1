"""The smallest explorer, for tests that ask about the base and not about a shift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import traitlets

from course_utils.explore.base import Explorer
from course_utils.plots import Drawing


class Counter(Explorer, script=Path(__file__).with_name("counter.js")):
    place = traitlets.Int(0).tag(sync=True)

    def twin(self) -> Drawing:
        drawing = Drawing(3, 2, self.title)
        drawing.subplots().plot(self.arrays["numbers"])
        return drawing.describe(f"Number {self.arrays['numbers'][self.place]:.2f} is shown.")


def counter(**traits) -> Counter:
    numbers = {"numbers": np.array([0.5, 1.5, 2.5], np.float32), "odd": np.arange(3, dtype=np.uint8)}
    return Counter(numbers, title="a count", header={"what": "number"}, **traits)
