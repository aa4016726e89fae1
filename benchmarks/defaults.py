"""How the default settings were found: on the development pairs, by a validator, without a target label.

    python3 course.py bench defaults [--jobs 2]

First the learning rate, one for all strategies; then each strategy's own settings at that rate. The mean of the
validator's score at the last step over development pairs and seeds decides; `behind` is the mean difference from the
best trial of the method, `error` that difference's standard error, and a trial that is behind by less is tied. The
target accuracy stands beside it for the reader; nothing reads it.
"""

from __future__ import annotations

import argparse

import pandas as pd
from joblib import Parallel, delayed

import course_utils as cu
from course_utils.adapters.base import Adapter
from course_utils.data.catalog import PAIRS

# The defaults are those of the small nets; the patches need a pretrained one.
DEVELOPMENT = [name for name, row in PAIRS.items() if row.development and row.size == 28]
DECIDES = "CalibratedInformationMaximisation"
RATES = [(adapter, rate) for adapter in (cu.DAN(), cu.DeepCORAL(), cu.DANN()) for rate in (2e-3, 5e-3, 1e-2, 2e-2)]
CANDIDATES = [
    *(cu.DAN(weight=w) for w in (1.0, 3.0, 10.0)),
    *(cu.DeepCORAL(weight=w) for w in (1.0, 10.0, 30.0)),
    *(cu.DANN(critic_width=w, critic_rate=r) for w in (256, 512, 1024) for r in (1.0, 3.0)),
]


def score(adapter: Adapter, rate: float, pair: str, seed: int) -> dict[str, object]:
    run = cu.fit(adapter, cu.pair(pair), seed=seed, learning_rate=rate)
    return {
        "method": type(adapter).__name__,
        "settings": repr(adapter).split(", schedule")[0],
        "rate": rate,
        "pair": pair,
        "seed": seed,
        "score": run.history[DECIDES].iloc[-1],
        "(target)": run.exam().loc["last", "target"],
    }


def search(trials: list[tuple[Adapter, float]], by: list[str], seeds: list[int], jobs: int) -> pd.DataFrame:
    """One row a trial, the columns of the module's docstring; prints them."""
    fits = [(*trial, pair, seed) for trial in trials for pair in DEVELOPMENT for seed in seeds]
    rows = pd.DataFrame(Parallel(n_jobs=jobs, verbose=1)(delayed(score)(*fit) for fit in fits))
    table = rows.groupby(by, sort=False)[["score", "(target)"]].mean()
    # Paired: the same data and the same seed under every setting of a method.
    apart = rows.pivot_table("score", by, ["pair", "seed"], sort=False)
    apart = apart.groupby("method", group_keys=False, sort=False).apply(lambda m: m.loc[m.mean(axis=1).idxmax()] - m)
    table["behind"], table["error"] = apart.mean(axis=1), apart.sem(axis=1)
    with pd.option_context("display.width", 200, "display.max_rows", 99, "display.max_columns", 9):
        print(table.round(3), flush=True)
    return table


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--jobs", type=int, default=1)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options.add_argument("--rate", type=float, help="skip the first search and take this learning rate")
    given = options.parse_args()
    rate = given.rate
    if rate is None:
        rate = search(RATES, ["method", "rate"], given.seeds, given.jobs)["score"].groupby("rate").mean().idxmax()
    print(f"\nlearning rate: {rate}\n")
    table = search([(c, rate) for c in CANDIDATES], ["method", "settings"], given.seeds, given.jobs)
    print("\nbest:", *(settings for _, settings in table["score"].groupby("method", sort=False).idxmax()), sep="\n  ")


if __name__ == "__main__":
    main()
