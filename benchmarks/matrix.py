"""Makes the matrix of lesson 05, augmentations against shifts, and stores it: results/coverage.json.

python3 course.py bench matrix [--jobs 1] [--confirm]

--confirm: after code was moved about and should compute the same. The first seed of each row is fitted anew; where
every number is the stored one, digit for digit, the matrix is kept and its hash renewed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

import pandas as pd
from joblib import Parallel, delayed

import course_utils as cu
from course_utils import compare, coverage

FILE = compare.RECORDS / "coverage.json"
Accuracies = dict[str, dict[str, list[float]]]


def measured(seeds: Sequence[int], jobs: int) -> Accuracies:
    """By row and shift, the accuracy of every seed."""
    rows = list(coverage.rows(cu.pair(coverage.PAIR)))
    cells = Parallel(n_jobs=jobs)(delayed(one)(row, seed) for row in rows for seed in seeds)
    of_row = {row: cells[len(seeds) * i : len(seeds) * (i + 1)] for i, row in enumerate(rows)}
    return {row: {shift: [cell[shift] for cell in found] for shift in found[0]} for row, found in of_row.items()}


def one(row: str, seed: int) -> dict[str, float]:
    pair, start = cu.pair(coverage.PAIR), time.perf_counter()
    accuracies = coverage.measure(row, seed, pair, coverage.shifts(pair))
    print(f"{row}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    return accuracies


def confirmed(jobs: int) -> Accuracies | None:
    """The stored accuracies, if the first seed of every row gives them again."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))["accuracy"]
    first = {row: {shift: values[:1] for shift, values in shifts.items()} for row, shifts in stored.items()}
    return stored if measured(coverage.SEEDS[:1], jobs) == first else None


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--confirm", action="store_true")
    given = options.parse_args()
    accuracy = confirmed(given.jobs) if given.confirm else None
    if given.confirm:
        print("the matrix holds as it was" if accuracy else "other numbers now: all is made again", flush=True)
    accuracy = accuracy or measured(coverage.SEEDS, given.jobs)
    FILE.write_text(json.dumps(coverage.made_with() | {"accuracy": accuracy}, indent=1) + "\n", encoding="utf-8")
    with pd.option_context("display.width", 200, "display.max_columns", 20, "display.precision", 2):
        print(f"{coverage.matrix()}\n\nlowest to highest seed\n{coverage.matrix(spread=True)}")


if __name__ == "__main__":
    main()
