"""How the strategies' default settings were found: on the development pairs, by a validator, without a target label.

    python3 course.py bench defaults [--jobs 2]

For every candidate, the mean over development pairs and seeds of the information-maximisation score of the last
epoch decides. The target accuracy is printed beside it, for the reader; it is not used.
"""

from __future__ import annotations

import argparse

import pandas as pd
from joblib import Parallel, delayed

import course_utils as cu
from course_utils.adapters.base import Adapter
from course_utils.data.catalog import PAIRS

CANDIDATES = [
    *(cu.DAN(weight=w) for w in (1.0, 3.0, 10.0, 30.0)),
    *(cu.DeepCORAL(weight=w) for w in (1.0, 10.0, 30.0, 100.0)),
    *(cu.DANN(weight=w, critic_rate=r, smoothing=s) for w, r, s in
      ((1.0, 1.0, 0.0), (1.0, 5.0, 0.0), (1.0, 5.0, 0.1), (0.3, 5.0, 0.1), (1.0, 10.0, 0.1))),
]  # fmt: skip
DEVELOPMENT = [name for name, row in PAIRS.items() if row.development]


def score(adapter: Adapter, pair: str, seed: int) -> dict[str, object]:
    run = cu.fit(adapter, cu.pair(pair), seed=seed)
    last = run.history.iloc[-1]
    return {
        "method": type(adapter).__name__,
        "settings": repr(adapter),
        "pair": pair,
        "seed": seed,
        "score": last["InformationMaximisation"],
        "not used: target accuracy": run.exam().loc["last", "target"],
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    given = options.parse_args()
    fits = [(a, p, s) for a in CANDIDATES for p in DEVELOPMENT for s in given.seeds]
    rows = pd.DataFrame(Parallel(n_jobs=given.jobs, verbose=5)(delayed(score)(*fit) for fit in fits))
    per_pair = rows.pivot_table(["score", "not used: target accuracy"], ["method", "settings"], "pair", sort=False)
    per_pair["mean score"] = per_pair["score"].mean(axis=1)
    with pd.option_context("display.width", 220, "display.max_colwidth", 90, "display.max_columns", 20):
        print(per_pair.round(3))
    best = per_pair["mean score"].groupby("method", sort=False).idxmax()
    print("\nchosen:", *(settings for _, settings in best), sep="\n  ")


if __name__ == "__main__":
    main()
