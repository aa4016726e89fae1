"""Makes every run record that a lesson reads, into results/. Records that are still true are kept.

python3 course.py bench results [--jobs 2]
"""

from __future__ import annotations

import argparse

import pandas as pd

import course_utils as cu
from course_utils import compare

MOMENTS = (cu.DAN(), cu.DeepCORAL())
SEEDS = (0, 1, 2)
TABLES = [
    ("mnist-5k -> mnist-m-5k", (*MOMENTS, cu.DANN()), {}),
    ("mnist-5k -> optdigits", (*MOMENTS, cu.DANN()), {}),
    ("optdigits -> mnist-5k", (*MOMENTS, cu.DANN()), {}),
    ("mnist-5k -> mnist-m-5k", MOMENTS, {"batchnorm": "joint"}),
]
"""Pair, strategies, and the settings of `fit` that differ from its defaults: each row is one table of a lesson."""


def remove_stale() -> int:
    """Records of other code, data or settings would only fail the test that looks for them."""
    stale = [path for path in compare.RECORDS.glob("*--*/*.json") if not compare.is_true(compare.load_record(path))]
    for path in stale:
        path.unlink()
    return len(stale)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=2)
    given = options.parse_args()
    print(f"removed {remove_stale()} stale records", flush=True)
    for name, strategies, settings in TABLES:
        table = cu.runs(strategies, cu.pair(name), SEEDS, settings=settings, jobs=given.jobs, folder=compare.RECORDS)
        with pd.option_context("display.width", 160, "display.precision", 3):
            print(f"\n{name} {settings or ''}\n{table.summary()}", flush=True)


if __name__ == "__main__":
    main()
