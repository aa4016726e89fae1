"""Draws what every strategy without target labels makes of the same two turned moons, into docs/strategies.png.

python3 course.py bench toys
"""

from __future__ import annotations

import argparse
from pathlib import Path

from course_utils import adapters, plots, toy

FILE = Path(__file__).resolve().parents[1] / "docs" / "strategies.png"
SEVERAL_TASKS = (adapters.FixedWeights, adapters.UncertaintyWeights, adapters.GradNorm, adapters.PCGrad, adapters.DWA)
STRATEGIES = [a for a in adapters.ADAPTERS if "shots" not in a.sides and a.unseals is None and a not in SEVERAL_TASKS]


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    runs = {plots.method(strategy.__name__).label: toy.fitted(strategy()) for strategy in STRATEGIES}
    drawing = toy.sheet(
        runs, "The same turned moons, by every strategy that sees no target label (target points right, of 100)"
    )
    FILE.write_bytes(plots.png(drawing))
    print(drawing.alt)


if __name__ == "__main__":
    main()
