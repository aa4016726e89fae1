"""Draws what every strategy without target labels makes of the same two turned moons, into docs/strategies.png.

python3 course.py bench toys
"""

from __future__ import annotations

import argparse
from pathlib import Path

from course_utils import adapters, plots, toy

FILE = Path(__file__).resolve().parents[1] / "docs" / "strategies.png"
MADE_FOR_SCENES = ("multitask", "places")  # files of strategies that a point in the plane cannot show
STRATEGIES = [
    a
    for a in adapters.ADAPTERS
    if "shots" not in a.sides and a.unseals is None and a.__module__.rpartition(".")[2] not in MADE_FOR_SCENES
]


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
