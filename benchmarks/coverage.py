"""Makes the matrix of lesson 05, augmentations against shifts, and stores it: results/coverage.json.

python3 course.py bench coverage [--jobs 1]
"""

from __future__ import annotations

import argparse
import json
import time

import pandas as pd
from joblib import Parallel, delayed

import course_utils as cu
from course_utils import compare, coverage


def one(row: str, seed: int) -> tuple[str, int, dict[str, float]]:
    pair, start = cu.pair(coverage.PAIR), time.perf_counter()
    accuracies = coverage.measure(row, seed, pair, coverage.shifts(pair))
    print(f"{row}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    return row, seed, accuracies


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=1)
    given = options.parse_args()
    names = list(coverage.rows(cu.pair(coverage.PAIR)))
    fits = Parallel(n_jobs=given.jobs)(delayed(one)(row, seed) for row in names for seed in coverage.SEEDS)
    accuracy = {row: {shift: [] for shift in fits[0][2]} for row in names}
    for row, _, accuracies in fits:
        for shift, value in accuracies.items():
            accuracy[row][shift].append(value)
    path = compare.RECORDS / "coverage.json"
    path.write_text(json.dumps(coverage.made_with() | {"accuracy": accuracy}, indent=1) + "\n", encoding="utf-8")
    with pd.option_context("display.width", 200, "display.max_columns", 20, "display.precision", 2):
        print(coverage.matrix(), "\n\nlowest to highest seed\n", coverage.matrix(spread=True))


if __name__ == "__main__":
    main()
